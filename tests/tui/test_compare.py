"""Several models side by side, on the real screen over scripted servers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from servers import Answer, Gate, gated_after, json_answer, openai_chat_stream, slowly
from troth.tui.screens.compare_diff import word_runs
from troth.tui.widgets.compare_plot import bar, sparkline
from tui.app_stage import run_app
from tui.compare_stage import asked, by_model, compare, is_quiet

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


async def test_no_words_are_shown_twice_when_columns_end_at_different_moments(
    tmp_path: Path,
) -> None:
    names = ("alpha", "beta", "gamma", "delta")
    answers: dict[str, Answer] = {}
    for times, name in enumerate(names, 1):
        whole = openai_chat_stream([f"{n} " for n in range(10 * times)])
        # The last words come together with the end: nothing in between makes them be shown.
        last = b"".join(step for step in whole.steps[-4:] if isinstance(step, bytes))
        answers[name] = slowly(replace(whole, steps=(*whole.steps[:-4], last)), 0.015)
    async with run_app(tmp_path, by_model(answers), size=(200, 40)) as stage:
        screen = await compare(stage, " ".join(f"scripted/{name}" for name in names))
        await stage.until(lambda: is_quiet(screen.comparison))
        pulses = [worker for worker in screen.workers if worker.group == "pulse"]
        await stage.until(lambda: all(pulse.is_finished for pulse in pulses), "the pulse ends")
        for view, column in zip(screen.places, screen.comparison.columns, strict=True):
            said = screen.comparison.answers(column)[0].text
            assert view.page.source_of(str(column.head_id)) == said


async def test_each_column_is_shown_only_its_own_earlier_reply(tmp_path: Path) -> None:
    async with run_app(tmp_path, by_model({}), size=(200, 40)) as stage:
        screen = await compare(stage, THREE)
        await stage.until(lambda: is_quiet(screen.comparison))
        await stage.pilot.press("i")
        await stage.type("And then?")
        await stage.pilot.press("enter")
        await stage.until(lambda: len(asked(stage, "gamma")) == 2)
        await stage.until(lambda: is_quiet(screen.comparison))
        for model in ("alpha", "beta", "gamma"):
            said = [text for role, text in asked(stage, model)[-1] if role == "assistant"]
            assert said == [f"{model} says hello."]


async def test_a_narrow_screen_shows_one_column_and_all_states(tmp_path: Path) -> None:
    async with run_app(tmp_path, by_model({}), size=(80, 24)) as stage:
        screen = await compare(stage, THREE)
        await stage.until(lambda: is_quiet(screen.comparison) and "alpha says" in stage.text)
        assert "gamma says" not in stage.text
        strip = stage.text.splitlines()[1]
        assert all(name in strip for name in ("alpha", "beta", "gamma"))
        await stage.pilot.press("3")
        await stage.until(lambda: "gamma says hello." in stage.text)
        assert "alpha says" not in stage.text


async def test_two_columns_stand_side_by_side_at_120(tmp_path: Path) -> None:
    async with run_app(tmp_path, by_model({}), size=(120, 40)) as stage:
        screen = await compare(stage, THREE)
        await stage.until(lambda: is_quiet(screen.comparison) and "alpha says" in stage.text)
        assert "beta says hello." in stage.text
        assert "gamma says" not in stage.text
        await stage.pilot.press("3", "z")
        await stage.until(lambda: "gamma says" in stage.text and "beta says" not in stage.text)


async def test_the_kept_answer_is_where_the_chat_goes_on(tmp_path: Path) -> None:
    async with run_app(tmp_path, by_model({}), size=(120, 40)) as stage:
        screen = await compare(stage, THREE)
        await stage.until(lambda: is_quiet(screen.comparison))
        await stage.pilot.press("2", "enter")
        await stage.until(lambda: stage.app.screen is stage.screen, "back in the chat")
        await stage.until(lambda: "beta says hello." in stage.text)
        chat = stage.desk.talking.chat
        assert chat is not None
        assert str(chat.conversation.model) == "scripted/beta"
        assert chat.path[-1].text == "beta says hello."


async def test_escape_stops_this_column_alone_and_then_goes_back(tmp_path: Path) -> None:
    answers: dict[str, Answer] = {}
    gates = {name: Gate() for name in ("alpha", "beta")}
    held = {
        name: gated_after(openai_chat_stream([f"{name} begins ", "and ends"]), 2, gate)
        for name, gate in gates.items()
    }
    async with run_app(tmp_path, by_model(answers), size=(120, 40)) as stage:
        screen = await compare(stage, "scripted/alpha scripted/beta", answers, **held)
        await stage.until(lambda: "alpha begins" in stage.text and "beta begins" in stage.text)
        await stage.pilot.press("escape")
        first, second = screen.comparison.columns
        await stage.until(lambda: not first.is_running)
        assert second.is_running
        gates["beta"].open()
        await stage.until(lambda: "beta begins and ends" in stage.text)
        await stage.pilot.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
        await stage.pilot.press("ctrl+s")
        await stage.until(lambda: "beta begins and ends" in stage.text, "it opens again")
        gates["alpha"].open()


async def test_blind_names_are_nowhere_until_they_are_shown(tmp_path: Path) -> None:
    answers: dict[str, Answer] = {}
    async with run_app(tmp_path, by_model(answers), size=(120, 40)) as stage:
        screen = await compare(
            stage,
            "blind scripted/beta scripted/gamma",
            answers,
            beta=openai_chat_stream(["first words"]),
            gamma=openai_chat_stream(["I am gamma"]),
        )
        await stage.until(lambda: "Which is better?" in stage.text)
        assert "beta" not in stage.text
        assert "names its own model" in stage.text
        assert "tok" not in stage.text.replace("~", "").partition("Which")[0].partition("hidden")[2]
        await stage.pilot.press("a")
        await stage.until(lambda: len(screen.comparison.voting.votes) == 1)
        await stage.pilot.press("enter")
        assert stage.app.screen is screen, "nothing is kept while names are hidden"
        await stage.pilot.press("R")
        await stage.until(lambda: screen.comparison.voting.is_locked and "beta" in stage.text)
        await stage.pilot.press("b", "a")
        assert len(screen.comparison.voting.votes) == 1


async def test_ctrl_s_puts_the_draft_to_a_line_up(tmp_path: Path) -> None:
    async with run_app(tmp_path, by_model({}), size=(120, 40)) as stage:
        await stage.type("What now?")
        await stage.pilot.press("ctrl+s")
        await stage.until(lambda: "What now?" in stage.text and "Compare" in stage.text)
        await stage.type("scripted/beta")
        await stage.pilot.press("enter")
        await stage.until(lambda: "2 of 8" in stage.text)
        await stage.pilot.press("ctrl+s")
        await stage.until(lambda: "beta says hello." in stage.text)
        assert asked(stage, "beta") == [[("user", "What now?")]]
        assert stage.screen.prompt.text == ""


async def test_differences_and_summary_are_shown_and_left(tmp_path: Path) -> None:
    async with run_app(tmp_path, by_model({}), size=(120, 40)) as stage:
        screen = await compare(stage, THREE)
        await stage.until(lambda: is_quiet(screen.comparison))
        await stage.pilot.press("d")
        await stage.until(lambda: "of the words are shared" in stage.text)
        await stage.pilot.press("escape", "s")
        await stage.until(lambda: "Tokens per second" in stage.text)
        await stage.pilot.press("escape")
        await stage.until(lambda: stage.app.screen is screen)


def test_only_words_that_the_other_text_lacks_are_marked() -> None:
    left, right = word_runs("one two three", "one  2 three")
    assert [run.text.strip() for run in left if run.is_own] == ["two"]
    assert [run.text.strip() for run in right if run.is_own] == ["2"]
    assert "".join(run.text for run in left) == "one two three"


def test_plots_leave_a_cell_for_what_is_not_known() -> None:
    assert sparkline([1, None, 8]) == "▂·█"
    assert bar(4, 8, 10) == "█████"
    assert bar(None, 8, 10) == "·"
    assert bar(0.001, 8, 10) == "▏"
