"""What the next message would carry: how full the context gets, and what would be left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from troth.domain.error import TrothError
from troth.domain.message import BlobPart
from troth.engine.chat import Chat
from troth.engine.endpoints import DEMO_PROVIDER, wants_login
from troth.engine.engine import Engine
from troth.engine.prepare import SendPlan
from troth.engine.tokens import estimate_text
from troth.explain import lack_notice, left_out_words, too_long_words
from troth.tui.screens.entries import written_count
from troth.tui.widgets.notice_bar import Words

if TYPE_CHECKING:
    from troth.tui.screens.chat import ChatScreen

_HIGH = 0.85
"""Share of the context from which the meter warns."""


class Meter:
    """Asks the engine for a plan when something changes; counts the draft by itself."""

    def __init__(self, screen: ChatScreen, engine: Engine) -> None:
        self._screen = screen
        self._engine = engine
        self._tokens_without_draft = 0
        self._plan: SendPlan | None = None
        self._is_told = False
        """Whether it was said that the next message is too long."""

    async def measure(
        self, chat: Chat, attached: list[BlobPart], *, is_switch: bool = False
    ) -> None:
        """Count what the next message would carry, and say what would be left out."""
        if chat.conversation.model is None:
            self._screen.draw_meter("", is_high=False)
            return
        try:
            plan = await self._engine.plan(chat, attached)
        except TrothError as error:
            self._screen.say_error(error)
            return
        self._tokens_without_draft, self._plan = plan.context_tokens, plan
        self.draw()
        last = chat.tree.get(chat.conversation.head_id or "")
        told = left_out_words(last.left_out) if last is not None else ""
        words = _words(plan, told, is_switch=is_switch, is_begun=last is not None)
        if words is not None and not chat.is_replying:  # its head says what it was not given
            self._screen.say(words)

    def draw(self) -> None:
        """Show how full the context is, the draft included."""
        tokens = self._tokens_without_draft + estimate_text(self._screen.prompt.text)
        limit = self._plan.context_limit if self._plan is not None else None
        if self._plan is None or not limit:
            self._screen.draw_meter(f"~{written_count(tokens)} tokens", is_high=False)
            return
        text = f"~{written_count(tokens)} of {written_count(limit)}"
        self._screen.draw_meter(text, is_high=tokens > _HIGH * limit)
        if tokens > limit and not self._is_told:
            model, is_cut = self._plan.model.ref.model, self._plan.cuts_silently
            title, step = too_long_words(model, tokens, limit, is_cut=is_cut)
            self._screen.say(Words(title, next_step=step, tone="warn"))
        self._is_told = tokens > limit


def _words(plan: SendPlan, told: str, *, is_switch: bool, is_begun: bool) -> Words | None:
    """Say what matters before the next message is sent; None when nothing does.

    `told` is what the last reply's head says already: it is not said again.
    """
    name = plan.model.ref.model
    if plan.is_key_missing:
        provider = plan.endpoint.title or plan.endpoint.name
        title, step = lack_notice(
            provider, plan.endpoint.name, wants_login=wants_login(plan.endpoint)
        )
        return Words(title, f"{step}; ctrl+o picks another model.", tone="warn")
    if is_switch and plan.model.ref.provider == DEMO_PROVIDER:
        return Words(
            "SIMULATED: an enclave made up on this computer answers from the next message on.",
            "It proves nothing. ctrl+t shows the checks; ctrl+o, or /demo tamper, lets it cheat.",
            tone="warn",
        )
    left_out = left_out_words(plan.left_out, is_sent=False)
    if left_out and is_switch:
        title = f"{name} answers from the next message on."
        return Words(title, f"That one {left_out}.", tone="warn")
    if left_out and left_out_words(plan.left_out) != told:
        return Words(f"The next message to {name}", f"{left_out}.", tone="warn")
    # Before the first message the title says all of it.
    return Words(f"{name} answers from the next message on.") if is_switch and is_begun else None
