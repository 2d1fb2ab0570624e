"""Columns that are slow, refuse, are cut or say nothing, and what is done with them."""

from __future__ import annotations

from pathlib import Path

from servers import (
    Answer,
    Gate,
    cut_after,
    gated_after,
    json_answer,
    openai_chat_stream,
)
from troth.domain.message import Finish
from troth.tui.screens.compare_words import entries_at
from troth.tui.screens.model_picker import ModelScreen
from tui.app_stage import Stage, run_app
from tui.compare_stage import asked, by_model, compare, is_quiet, next_turn

TWO = "scripted/alpha scripted/beta"
WIDE = (200, 40)
REFUSED = json_answer({"error": {"message": "the machine is on fire"}}, status=400)


async def test_a_cut_answer_says_so_and_goes_on_with_the_key_that_it_names(
    tmp_path: Path,
) -> None:
    answers: dict[str, Answer] = {}
    half = cut_after(openai_chat_stream(["half of ", "it"]), 2)
    async with run_app(tmp_path, by_model(answers), size=WIDE) as stage:
        screen = await compare(stage, TWO, answers, beta=half)
        await stage.until(lambda: is_quiet(screen.comparison) and "half of" in stage.text)
        head = screen.places[1].head.head
        assert head is not None
        assert head.badge is not None
        assert head.badge.words == "cut off"
        assert ". lets this column go on" in stage.text
        assert ". goes on" not in stage.text, "its end is told once"
        assert "/continue" not in stage.text
        answers["beta"] = openai_chat_stream(["the other half."])
        await stage.pilot.press("2", "full_stop")
        await stage.until(lambda: "the other half." in stage.text)
        await stage.until(lambda: is_quiet(screen.comparison))
        column = screen.comparison.columns[1]
        assert screen.comparison.answers(column)[0].text == "half of the other half."
        assert asked(stage, "beta")[-1][-1] != ("user", "Why?"), "the rest was asked for"
        assert len(asked(stage, "alpha")) == 2, "one in the chat, one in its column"


async def test_a_refused_column_is_asked_again_by_key_and_alone(tmp_path: Path) -> None:
    answers: dict[str, Answer] = {}
    async with run_app(tmp_path, by_model(answers), size=WIDE) as stage:
        screen = await compare(stage, TWO, answers, beta=REFUSED)
        await stage.until(lambda: "the machine is on fire" in stage.text)
        assert "m puts another model into this column" in stage.text
        assert "ctrl+o" not in stage.text
        answers["beta"] = openai_chat_stream(["it is out."])
        await stage.pilot.press("2", "r")
        await stage.until(lambda: "it is out." in stage.text)
        await stage.until(lambda: is_quiet(screen.comparison))
        assert "the machine is on fire" not in stage.text
        assert asked(stage, "beta") == [[("user", "Why?")]] * 2
        assert len(asked(stage, "alpha")) == 2


async def test_a_failed_column_shows_what_waits_and_catches_up_with_the_next_turn(
    tmp_path: Path,
) -> None:
    answers: dict[str, Answer] = {}
    async with run_app(tmp_path, by_model(answers), size=WIDE) as stage:
        screen = await compare(stage, TWO, answers, beta=REFUSED)
        await stage.until(lambda: is_quiet(screen.comparison))
        await next_turn(stage, "And then?")
        await stage.until(lambda: len(asked(stage, "alpha")) == 3 and is_quiet(screen.comparison))
        await stage.until(lambda: "1 more turn to take" in stage.text)
        assert "Not asked yet: the turn before has no answer." in stage.text
        del answers["beta"]
        await next_turn(stage, "At last?")
        await stage.until(
            lambda: is_quiet(screen.comparison) and not screen.comparison.columns[1].waiting
        )
        assert asked(stage, "beta")[-1] == [
            ("user", "Why?"),
            ("assistant", "beta says hello."),
            ("user", "And then?"),
            ("assistant", "beta says hello."),
            ("user", "At last?"),
        ]
        await stage.until(lambda: stage.text.count("beta says hello.") == 3)


async def test_a_column_that_says_nothing_waits_until_it_is_let_go_on(tmp_path: Path) -> None:
    answers: dict[str, Answer] = {}
    async with run_app(tmp_path, by_model(answers), size=WIDE) as stage:
        screen = await compare(stage, TWO, answers, beta=openai_chat_stream([]))
        await stage.until(lambda: is_quiet(screen.comparison))
        await next_turn(stage, "And then?")
        await stage.until(lambda: "waits: r asks it again, . lets it go on" in stage.text)
        await stage.until(lambda: is_quiet(screen.comparison))
        assert len(asked(stage, "beta")) == 1
        del answers["beta"]
        await stage.pilot.press("2", "full_stop")
        await stage.until(lambda: "beta says hello." in stage.text)
        await stage.until(lambda: is_quiet(screen.comparison))
        assert asked(stage, "beta")[1:] == [[("user", "Why?\n\nAnd then?")]]
        assert stage.text.count("The turn before has no answer, so both prompts went as one.") == 1


async def test_a_swapped_column_is_asked_all_turns_afresh_or_only_the_next(
    tmp_path: Path,
) -> None:
    async with run_app(tmp_path, by_model({}), size=WIDE) as stage:
        screen = await compare(stage, TWO)
        await stage.until(lambda: is_quiet(screen.comparison))
        await next_turn(stage, "And then?")
        await stage.until(lambda: len(asked(stage, "beta")) == 2 and is_quiet(screen.comparison))
        await swap(stage, "gamma", "enter")
        await stage.until(lambda: len(asked(stage, "gamma")) == 2 and is_quiet(screen.comparison))
        assert asked(stage, "gamma")[-1] == [
            ("user", "Why?"),
            ("assistant", "gamma says hello."),
            ("user", "And then?"),
        ]
        await swap(stage, "delta", "down", "enter")
        await stage.until(lambda: screen.comparison.columns[1].spec.title == "delta")
        assert asked(stage, "delta") == []
        head = screen.places[1].head.head
        assert head is not None
        assert head.title == "delta"
        said_by = [entry.title for entry in entries_at(screen.comparison, 1, lambda entry: entry)]
        assert said_by == ["You", "gamma", "You", "gamma"]
        await next_turn(stage, "At last?")
        await stage.until(lambda: len(asked(stage, "delta")) == 1 and is_quiet(screen.comparison))
        said = [text for role, text in asked(stage, "delta")[0] if role == "assistant"]
        assert said == ["gamma says hello."] * 2
        assert len(asked(stage, "alpha")) == 4, "one in the chat, three in its column"


async def swap(stage: Stage, model: str, *keys: str) -> None:
    """Put another model into the second column; `keys` answer how."""
    await stage.pilot.press("2", "m")
    await stage.until(lambda: isinstance(stage.app.screen, ModelScreen) and stage.app.focused)
    await stage.type(f"scripted/{model}")
    await stage.pilot.press("enter")
    await stage.until(lambda: "Let it go on from the next turn" in stage.text)
    await stage.pilot.press(*keys)


async def test_a_silent_column_is_stopped_alone_while_a_fast_one_goes_on(tmp_path: Path) -> None:
    answers: dict[str, Answer] = {}
    never = gated_after(openai_chat_stream(["never"]), 0, Gate())
    async with run_app(tmp_path, by_model(answers), size=WIDE) as stage:
        screen = await compare(stage, TWO, answers, beta=never)
        fast, silent = screen.comparison.columns
        await stage.until(lambda: not fast.is_running and "alpha says hello." in stage.text)
        await next_turn(stage, "And then?")
        await stage.until(lambda: len(asked(stage, "alpha")) == 3 and not fast.is_running)
        assert silent.is_running
        await stage.pilot.press("2", "escape")
        await stage.until(lambda: not silent.is_running)
        assert screen.comparison.metrics(silent).finish is Finish.STOPPED
        assert len(silent.waiting) == 1
        assert len(asked(stage, "beta")) == 1


async def test_what_is_drawn_while_columns_or_the_screen_go_breaks_nothing(
    tmp_path: Path,
) -> None:
    async with run_app(tmp_path, by_model({}), size=WIDE) as stage:
        screen = await compare(stage, f"{TWO} scripted/gamma")
        await stage.until(lambda: is_quiet(screen.comparison) and screen.is_whole)
        await screen.comparison.remove(screen.comparison.columns[2])
        screen.redraw()  # a reply that ended just now would ask for it
        assert not screen.is_whole
        await screen.rebuild()
        assert screen.is_whole
        await screen.places[1].page.remove()
        screen.redraw()
        screen.draw_frame()
        screen.tick()
        assert not screen.is_whole
