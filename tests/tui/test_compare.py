"""Several models side by side, on the real screen over scripted servers."""

from __future__ import annotations

from pathlib import Path

from servers import Answer, Gate, gated_after, json_answer, openai_chat_stream
from tui.app_stage import run_app
from tui.compare_stage import by_model, compare, is_quiet

THREE = "scripted/alpha scripted/beta scripted/gamma"


async def test_all_columns_stand_side_by_side_on_a_wide_screen(tmp_path: Path) -> None:
    async with run_app(tmp_path, by_model({}), size=(200, 40)) as stage:
        screen = await compare(stage, THREE)
        await stage.until(lambda: is_quiet(screen.comparison))
        await stage.until(lambda: "gamma says hello." in stage.text)
        assert "alpha says hello." in stage.text
        assert "beta says hello." in stage.text


async def test_a_slow_column_and_a_failed_one_hold_nobody_up(tmp_path: Path) -> None:
    gate = Gate()
    answers: dict[str, Answer] = {}
    slow = gated_after(openai_chat_stream(["slow ", "words"]), 2, gate)
    refused = json_answer({"error": {"message": "Incorrect API key"}}, status=401)
    async with run_app(tmp_path, by_model(answers), size=(200, 40)) as stage:
        screen = await compare(stage, THREE, answers, alpha=slow, beta=refused)
        await stage.until(lambda: "gamma says hello." in stage.text)
        await stage.until(lambda: "Incorrect API key" in stage.text)
        assert screen.comparison.is_running
        gate.open()
        await stage.until(lambda: is_quiet(screen.comparison))
        await stage.until(lambda: "slow words" in stage.text)
