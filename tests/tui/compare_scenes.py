"""A comparison as it lies in the vault, for snapshots: verified, plain, cut off and failed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from textual.pilot import Pilot

from troth.domain.conversation import Conversation
from troth.domain.error import Failure
from troth.domain.message import Finish, Message, Role
from troth.domain.model import ModelRef, Params
from troth.domain.usage import Timing, Usage
from troth.domain.verdict import Check, Outcome, State, Verdict
from troth.engine.comparison_state import (
    COMPARISON_KEY,
    Blind,
    ColumnSpec,
    ColumnState,
    ComparisonState,
    dump_state,
)
from troth.tui.screens.compare import CompareScreen
from tui.scenes import ANSWER, LOCAL, OPUS, START, message, seated, still

GPT = ModelRef("openai", "gpt-5.5")
QWEN = ModelRef("ollama", "qwen3.6-35b")
MODELS = (OPUS, GPT, LOCAL, QWEN)
SHORT = (
    "Before Argon2 the vault derived its key with scrypt. It was replaced because Argon2id won the "
    "Password Hashing Competition and lets memory, time and parallelism be set one by one."
)
HALF = "The earlier lock was scrypt. The change was made so that"


def _reply(number: int, model: ModelRef, text: str, **more: object) -> Message:
    told = replace(
        message(1, Role.ASSISTANT, *([text] if text else []), model=model),
        id=f"r{number}",
        usage=Usage(input=412, output=88 * number),
        timing=Timing(total_ms=1_400 + 900 * number, first_token_ms=200 * number),
        cost_usd=0.0031 * number if model in (OPUS, GPT) else None,
    )
    return replace(told, **more)  # type: ignore[arg-type]


def replies() -> list[Message]:
    """Return what the four columns said, in their order."""
    nothing: dict[str, object] = {"usage": None, "timing": None, "cost_usd": None}
    cut = Failure("reply-cut", {"provider": "local"})
    missing = Failure("connect-failed", {"provider": "ollama", "host": "127.0.0.1:11434"})
    return [
        _reply(1, OPUS, ANSWER),
        _reply(2, GPT, SHORT),
        _reply(3, LOCAL, HALF, finish=Finish.CUT, failure=cut),
        _reply(4, QWEN, "", finish=Finish.FAILED, failure=missing, **nothing),
    ]


def comparing(
    *keys: str, blind: Blind | None = None, columns: int = 4
) -> Callable[[Pilot[int]], Awaitable[None]]:
    """Return what opens the comparison and presses `keys`."""

    async def run(pilot: Pilot[int]) -> None:
        desk = await seated(pilot)
        vault = desk.engine.vault
        title = "Vault design"
        await vault.add_conversation(
            Conversation("c0", title, START, START, model=OPUS, is_titled=True)
        )
        question = "Which lock did the vault use before Argon2, and why did we change it?"
        await vault.append(message(0, Role.USER, question))
        kept = replies()[:columns]
        for told, state in zip(kept, (State.VERIFIED_PINNED, State.TLS_ONLY), strict=False):
            await vault.append(told)
            check = Check("reply-bytes", Outcome.PASSED, "The whole reply arrived.")
            await vault.record_verdict(told.id, Verdict(state, "none", (check,), START))
        for told in kept[2:]:
            await vault.append(told)
        states = tuple(
            ColumnState(f"k{at}", ColumnSpec(model, Params()), told.id, "m0")
            for at, (model, told) in enumerate(zip(MODELS, kept, strict=False))
        )
        await vault.set_state(
            COMPARISON_KEY + "c0", dump_state(ComparisonState("m0", states, blind))
        )
        await desk.talking.open("c0")
        await still(pilot)
        await pilot.press("ctrl+s")
        while not isinstance(pilot.app.screen, CompareScreen):
            await pilot.pause(0.02)
        await still(pilot)
        await pilot.press(*keys)
        await still(pilot)

    return run
