"""From the chat to a comparison and back: `ctrl+s`, `/compare`, and a chat that holds one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from troth.domain.error import TrothError
from troth.domain.message import Part, Role, TextPart
from troth.domain.model import ModelRef
from troth.engine.comparison_state import MIN_COLUMNS, Blind, ColumnSpec
from troth.engine.comparison_text import parse_spec, write_spec

if TYPE_CHECKING:
    from troth.engine.chat import Chat
    from troth.engine.comparison import Comparison
    from troth.tui.application import TrothApp
    from troth.tui.screens.chat import ChatScreen
    from troth.tui.screens.compare_start import LineUp
    from troth.tui.screens.talking import Talking

_LAST = "tui:lineup"
_BLIND_WORD = "blind"


class Comparing:
    """Begins comparisons of the open chat, and opens the one that it holds."""

    def __init__(self, app: TrothApp, screen: ChatScreen, talking: Talking) -> None:
        self._app = app
        self._screen = screen
        self._talking = talking

    async def open(self, models: str = "") -> None:
        """Compare with the draft, else open what the chat holds, else its last prompt."""
        chat, engine = self._talking.chat, self._talking.engine
        if chat is None:
            return
        has_draft = bool(self._screen.prompt.text.strip() or self._talking.attached)
        if not has_draft and not models and await engine.comparisons.has(chat):
            try:
                self._show(await engine.comparisons.open(chat))
            except TrothError as error:
                self._screen.say_error(error)
            return
        try:
            is_blind, specs = self._read(models)
        except TrothError as error:
            self._screen.say_error(error)
            return
        await self._choose(chat, specs, is_blind=is_blind)

    def _read(self, models: str) -> tuple[bool, list[ColumnSpec]]:
        words = models.replace(",", " ").split()
        names = [word for word in words if word != _BLIND_WORD]
        resolve = self._talking.engine.resolve_model
        return _BLIND_WORD in words, [parse_spec(name, resolve) for name in names]

    async def _choose(self, chat: Chat, specs: list[ColumnSpec], *, is_blind: bool) -> None:
        prompt = self._prompt_words(chat)
        if not prompt:
            if specs:
                await self._remember(specs)
            self._screen.announce("Write a prompt first; ctrl+s then puts it to several models.")
            return
        if len(specs) >= MIN_COLUMNS:
            await self._begin(specs, is_blind=is_blind)
            return
        from troth.tui.screens.compare_start import StartScreen

        known = specs or await self._remembered(chat.conversation.model)
        self._screen.ask(
            StartScreen(self._talking.engine, known, prompt=prompt, is_blind=is_blind),
            lambda chosen: self._screen.run_worker(self._start(chosen), group="compare"),
        )

    def _prompt_words(self, chat: Chat) -> str:
        if text := self._screen.prompt.text.strip():
            return text
        if self._talking.attached:
            return "what is attached"
        own = [message for message in chat.path if message.role is Role.USER]
        return own[-1].text or "your last message" if own else ""

    async def _start(self, chosen: LineUp) -> None:
        await self._begin(chosen.specs, is_blind=chosen.is_blind)

    async def _begin(self, specs: Sequence[ColumnSpec], *, is_blind: bool) -> None:
        """Start the comparison; the draft is gone only when it could be asked."""
        chat, engine, screen = self._talking.chat, self._talking.engine, self._screen
        if chat is None:
            return
        text = screen.prompt.text
        parts: list[Part] = [*self._talking.attached]
        if text.strip():
            parts.insert(0, TextPart(text.removeprefix("/") if text.startswith("//") else text))
        own = [message.id for message in chat.path if message.role is Role.USER]
        try:
            comparison = await engine.comparisons.start(
                chat,
                parts or None,
                specs,
                from_message=None if parts else own[-1],
                blind=Blind() if is_blind else None,
            )
        except TrothError as error:
            screen.say_error(error)
            return
        await self._remember(specs)
        if parts:
            screen.prompt.clear()
            self._talking.attached.clear()
            screen.draw_attached(())
            await self._talking.save_draft()
        screen.say(None)
        self._show(comparison)

    def _show(self, comparison: Comparison) -> None:
        from troth.tui.screens.compare import CompareScreen

        screen = CompareScreen(self._app, self._talking.engine, comparison)
        self._app.push_screen(screen, lambda _: self._left())

    def _left(self) -> None:
        self._talking.redraw()
        self._screen.page.scroll_to_tail()
        self._screen.run_worker(self._talking.measure(), group="meter", exclusive=True)

    # -- the line-up of last time

    async def _remember(self, specs: Sequence[ColumnSpec]) -> None:
        chat = self._talking.chat
        if chat is not None and not chat.conversation.is_incognito:
            names = json.dumps([write_spec(spec) for spec in specs])
            await self._talking.engine.vault.set_state(_LAST, names)

    async def _remembered(self, current: ModelRef | None) -> list[ColumnSpec]:
        """Return the columns of last time that are still there, else the chat's own model."""
        engine = self._talking.engine
        stored = await engine.vault.state(_LAST)
        found: list[ColumnSpec] = []
        for name in json.loads(stored) if stored else ():
            try:
                found.append(parse_spec(str(name), engine.resolve_model))
            except TrothError:
                continue
        if len(found) >= MIN_COLUMNS:
            return found
        return [ColumnSpec(current)] if current is not None else []
