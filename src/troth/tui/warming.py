"""What the first message would have to wait for, done before it: imports, code, verdicts."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from troth.domain.model import ModelRef
    from troth.engine.engine import Engine


def make_ready() -> None:
    """Import what is needed soon, and clear up after a kill, off the event loop's thread."""
    for name in ("tui.screens.chat", "tui.screens.desk", "tui.theme", "tui.opening", "vault.inbox"):
        import_module(f"troth.{name}")
    from troth.tui.editor import remove_left_over

    remove_left_over()


async def warm_engine(engine: Engine, model: ModelRef | None) -> None:
    """Do what the first message would have to wait for, its first code and its verdict."""
    from troth.tui.widgets import markdown_code

    await engine.warm_up(model)
    await asyncio.to_thread(markdown_code.warm_up)
