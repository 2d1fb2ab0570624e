"""A fault of ours: the terminal learns where it was, and nothing of what was on it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from troth.tui.application import TrothApp

CANARY = "canary-51d0"


async def test_a_crash_shows_and_writes_no_local_variable(tmp_path: Path) -> None:
    app = TrothApp("chat", environ={"TROTH_HOME": str(tmp_path)})
    shown = io.StringIO()
    app.error_console = Console(file=shown, width=200)

    def fall() -> None:
        draft = f"my draft says {CANARY}"
        raise RuntimeError(f"cannot draw {draft}")

    async def crash() -> None:
        async with app.run_test() as pilot:
            app.call_later(fall)
            await pilot.pause()

    with pytest.raises(RuntimeError, match=CANARY):
        await crash()
    app._print_error_renderables()
    await app.seal()
    (report,) = (tmp_path / "logs").iterdir()
    assert "RuntimeError" in shown.getvalue()
    assert str(report) in shown.getvalue().replace("\n", "")
    assert "in fall" in report.read_text()
    assert CANARY not in shown.getvalue() + report.read_text()
