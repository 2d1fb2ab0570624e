"""A model judges or merges the answers of a turn: its prompt is seen and changed first."""

from __future__ import annotations

from pathlib import Path

from servers import Answer, json_answer, openai_chat_stream
from troth.tui.screens.compare_judge import JudgeScreen, MergeScreen
from troth.tui.screens.model_picker import ModelScreen
from tui.app_stage import Stage, run_app
from tui.compare_stage import asked, by_model, compare, is_quiet

TWO = "scripted/alpha scripted/beta"
WIDE = (200, 40)
LIMIT_S = 30.0


async def choose(stage: Stage, screen: type[JudgeScreen] | type[MergeScreen], model: str) -> None:
    """Choose who is asked, from the screen that asks."""
    await stage.until(lambda: isinstance(stage.app.screen, screen))
    await stage.pilot.press("ctrl+o")
    await stage.until(lambda: isinstance(stage.app.screen, ModelScreen) and stage.app.focused)
    await stage.type(f"scripted/{model}")
    await stage.pilot.press("enter")
    await stage.until(lambda: f"Asked: scripted/{model}" in stage.text, "", LIMIT_S)


async def test_a_judge_is_asked_with_the_words_as_they_were_changed(tmp_path: Path) -> None:
    answers: dict[str, Answer] = {
        "judge": openai_chat_stream(["Both are hollow.\n\nVERDICT: BOTH BAD"])
    }
    async with run_app(tmp_path, by_model(answers), size=WIDE) as stage:
        screen = await compare(stage, f"blind {TWO}", answers)
        await stage.until(lambda: is_quiet(screen.comparison))
        await stage.pilot.press("J")
        await stage.until(lambda: "nobody yet" in stage.text, "no model judges its own answer")
        await stage.type("Be strict. ")
        await choose(stage, JudgeScreen, "judge")
        await stage.pilot.press("ctrl+s")
        await stage.until(lambda: "A against B: says: both bad" in stage.text, "", LIMIT_S)
        assert "0 of 1 verdicts changed with the order" in stage.text
        assert "Both are hollow." in stage.text
        prompts = [messages[-1][1] for messages in asked(stage, "judge")]
        assert [prompt.startswith("Be strict. You compare two answers") for prompt in prompts] == [
            True,
            True,
        ]
        assert not any("scripted/" in prompt for prompt in prompts)
        assert screen.comparison.voting.votes == ()


async def test_a_judge_that_is_refused_says_why(tmp_path: Path) -> None:
    refused = json_answer({"error": {"message": "no such judge"}}, status=400)
    async with run_app(tmp_path, by_model({"judge": refused}), size=WIDE) as stage:
        screen = await compare(stage, TWO)
        await stage.until(lambda: is_quiet(screen.comparison))
        await stage.pilot.press("J")
        await choose(stage, JudgeScreen, "judge")
        await stage.pilot.press("ctrl+s")
        await stage.until(lambda: "no such judge" in stage.text, "", LIMIT_S)


async def test_answers_are_merged_into_a_chat_that_can_be_opened(tmp_path: Path) -> None:
    answers: dict[str, Answer] = {"editor": openai_chat_stream(["| claim | who |"])}
    async with run_app(tmp_path, by_model(answers), size=WIDE) as stage:
        screen = await compare(stage, TWO, answers)
        await stage.until(lambda: is_quiet(screen.comparison))
        await stage.pilot.press("M")
        await choose(stage, MergeScreen, "editor")
        await stage.pilot.press("ctrl+k")
        await stage.until(lambda: "table of claims" in stage.text)
        await stage.type("Be brief. ")
        await stage.pilot.press("ctrl+s")
        await stage.until(lambda: "ctrl+g opens it" in stage.text, "", LIMIT_S)
        (prompt,) = (messages[-1][1] for messages in asked(stage, "editor"))
        assert prompt.startswith("Be brief. List the factual claims")
        assert "alpha says hello." in prompt
        assert "beta says hello." in prompt
        await stage.pilot.press("ctrl+g")
        await stage.until(lambda: stage.app.screen is stage.screen, "back in a chat", LIMIT_S)
        await stage.until(lambda: "| claim | who |" in stage.text, "", LIMIT_S)
        chat = stage.desk.talking.chat
        assert chat is not None
        assert str(chat.conversation.model) == "scripted/editor"
