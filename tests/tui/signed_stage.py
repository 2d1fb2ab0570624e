"""The real app in front of a scripted gateway that signs, or lies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from signed_gateway import Body, gateway_script, honest, pin_gateway
from troth.domain.verdict import Verdict
from tui.app_stage import Stage, run_app
from verifiers.signer import Gateway


@asynccontextmanager
async def run_signed(
    home: Path,
    *bodies: Body,
    size: tuple[int, int] = (120, 40),
    is_pinned: bool = True,
    seen: list[dict[str, object]] | None = None,
    environ: dict[str, str] | None = None,
) -> AsyncIterator[Stage]:
    """Run the app over a gateway whose key is pinned, or not."""
    gateway = Gateway()
    if is_pinned:
        pin_gateway(home, gateway)
    script = gateway_script(gateway, *(bodies or (honest(),)), seen=seen)
    async with run_app(home, script, size=size, environ=environ) as stage:
        yield stage


def verdicts(stage: Stage) -> list[Verdict]:
    """The verdicts of the shown path, oldest first."""
    chat = stage.desk.talking.chat
    assert chat is not None
    return [chat.verdicts[m.id] for m in chat.path if m.id in chat.verdicts]


async def ask(stage: Stage, text: str) -> None:
    """Say something and wait until its reply has a verdict."""
    before = len(verdicts(stage))
    await stage.say(text)
    await stage.until(lambda: len(verdicts(stage)) > before, "a verdict")


async def open_pane(stage: Stage) -> None:
    """Open the verification pane and wait until it says something."""
    await stage.pilot.press("ctrl+t")
    await stage.until(
        lambda: stage.desk.verifying.pane is not None and stage.desk.verifying.pane.words,
        "the pane speaks",
    )


def pane_text(stage: Stage) -> str:
    """Everything that the pane says, scrolled or not."""
    pane = stage.desk.verifying.pane
    assert pane is not None
    return "\n".join("".join(run.text for run in line) for line in pane._lines)
