"""The transcript in a real app: what is drawn, where it stands, what keys and clicks tell."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual.geometry import Offset
from textual.widgets import Input

from troth.tui.glyph import badge
from troth.tui.widgets.transcript import Transcript
from troth.tui.widgets.transcript_entry import Entry, Problem, Source
from troth.tui.widgets.transcript_events import (
    FoldToggled,
    LinkChosen,
    Selected,
    StartNear,
    TailLeft,
    TailReached,
    VariantChosen,
)
from tui.transcript_stage import Stage, chat, reply

MARKDOWN = (
    "# Head\n\nText with **bold** and a [link](https://a.example/x).\n\n- one\n- two\n\n"
    "```python\ndef f(x):\n    return x + 1\n```\n\n"
    "| a | b |\n|---|--:|\n| 1 | 2 |\n\n> quote 漢字\n"
)


def exact(stage: Stage) -> None:
    """Every line is as wide as the widget and holds nothing that steers a terminal."""
    for strip in stage.strips():
        assert strip.cell_length == stage.transcript.size.width
        assert sum(segment.cell_length for segment in strip) == strip.cell_length
        assert not [c for c in strip.text if ord(c) < 32 or 127 <= ord(c) < 160 or c == "\u202e"]


async def test_a_conversation_looks_like_the_wireframe() -> None:
    stage = Stage()
    async with stage.run_test(size=(80, 14)):
        stage.transcript.show(
            [
                Entry("1", "user", "You", "09:40", text="Which lock did the vault use?"),
                Entry(
                    "2",
                    "assistant",
                    "claude-opus-4.7",
                    "3.2 s",
                    badge("good"),
                    "It used scrypt:\n 1. memory;\n 2. parallelism.\n\n```\nkey = argon2id(p)\n```",
                    thinking="hm",
                    thinking_seconds=4.2,
                ),
            ]
        )
        assert stage.lines() == [
            " ▌ You  09:40",
            " ▌ Which lock did the vault use?",
            "",
            " ▌ claude-opus-4.7  3.2 s                                           ✓ verified",
            " ▌ ▸ thought for 4 s",
            " ▌ It used scrypt:",
            " ▌  1. memory;",
            " ▌  2. parallelism.",
            " ▌",
            " ▌   key = argon2id(p)                                                   [1]",
            "",
            "",
            "",
            "",
        ]
        exact(stage)


async def test_a_reply_that_failed_is_loud_and_folded_until_it_is_opened() -> None:
    stage = Stage()
    async with stage.run_test(size=(60, 8)):
        stage.transcript.show([reply("Pay 9,000 at once.", is_failed=True, entry_id="x")])
        stage.transcript.replace(
            Entry("x", "assistant", "m", "2 s", badge("bad"), "Pay 9,000 at once.", is_failed=True)
        )
        text = "\n".join(stage.lines())
        assert "[✗ FAILED]" in text
        assert "█" in text
        assert "9,000" not in text
        stage.transcript.toggle_fold("x")
        assert " █ Pay 9,000 at once." in stage.lines()


async def test_everything_around_the_text_is_drawn() -> None:
    stage = Stage()
    async with stage.run_test(size=(70, 16)):
        stage.transcript.show(
            [
                reply(
                    "Half a rep",
                    variant=(2, 3),
                    lead_notes=("left out 1 image",),
                    notes=("stopped by you",),
                    attachments=("a.png  PNG  1 KB",),
                    sources=(Source("https://a.example", "A title"),),
                    problem=Problem("Cut off", "The server closed.", "Press r."),
                    is_imported=True,
                )
            ]
        )
        lines = [line.strip(" ▌") for line in stage.lines()]
        assert lines[0].startswith("model-x  1.2 s  imported")
        assert lines[0].endswith("< 2/3 >  - unsigned")
        assert lines[1:11] == [
            "left out 1 image",
            "+ a.png  PNG  1 KB",
            "Half a rep",
            "",
            "Cut off",
            "The server closed.",
            "Press r.",
            "stopped by you",
            "[1] A title https://a.example",
            "",
        ]


CUTS = st.lists(st.integers(0, 400), max_size=12)
REFERENCES = (
    "[d] and [e][]\n\n| [d] | b |\n|---|---|\n| 1 | 2 |\n\n[d]: https://a.b\n[e]:\n/f\n't'\n"
)
TEXTS = st.sampled_from(
    [MARKDOWN, REFERENCES, "a" * 300, "漢字" * 80, "```\n" + "x\n" * 90, "- i\n" * 60]
)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(TEXTS, CUTS)
async def test_streaming_ends_in_the_same_lines_as_showing_at_once(
    text: str, cuts: list[int]
) -> None:
    stage = Stage()
    async with stage.run_test(size=(50, 18)) as pilot:
        await pilot.pause()
        transcript = stage.transcript
        transcript.show([reply(text, notes=("end",))])
        whole = [strip.text for strip in stage.strips()]
        styles = [[segment.style for segment in strip] for strip in stage.strips()]
        transcript.show([reply("", is_streaming=True)])
        edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
        for start, end in itertools.pairwise(edges):
            transcript.feed_text("a", text[start:end])
            transcript.gather()
            transcript.redraw()
            exact(stage)
        transcript.replace(reply(text, notes=("end",)))
        assert [strip.text for strip in stage.strips()] == whole
        assert [[segment.style for segment in strip] for strip in stage.strips()] == styles


async def test_foreign_text_never_steers_the_terminal_or_becomes_markup() -> None:
    stage = Stage()
    hostile = (
        "\x1b[2J\x1b]52;c;eA==\x07[bold]x[/bold] [@click=app.quit]q[/] \u202egpj \ud800 \x9b31m"
    )
    async with stage.run_test(size=(60, 12)):
        stage.transcript.show(
            [
                Entry(
                    "1",
                    "assistant",
                    f"m\n{hostile}",
                    hostile,
                    badge("plain", hostile),
                    hostile * 3,
                    thinking=hostile,
                    lead_notes=(hostile,),
                    notes=(hostile,),
                    attachments=(hostile,),
                    sources=(Source(hostile, hostile),),
                    problem=Problem(hostile, hostile),
                )
            ],
            at_end=False,
        )
        exact(stage)
        stage.transcript.toggle_fold("1")
        exact(stage)
        assert "[bold]x[/bold]" in "\n".join(stage.lines())


async def test_hidden_things_can_be_shown_by_name() -> None:
    stage = Stage()
    async with stage.run_test(size=(60, 6)):
        stage.transcript.show([reply("a\u202eb")])
        assert " ▌ ab" in stage.lines()
        stage.transcript.show_hidden = True
        assert " ▌ a‹RLO›b" in stage.lines()
        stage.transcript.show_hidden = False
        assert " ▌ ab" in stage.lines()


@pytest.mark.parametrize(
    "size", [(80, 24), (120, 40), (46, 16), (40, 12), (250, 80), (12, 3), (4, 2)]
)
async def test_every_size_gives_exact_lines(size: tuple[int, int]) -> None:
    stage = Stage()
    async with stage.run_test(size=size) as pilot:
        stage.transcript.show([*chat(6), reply(MARKDOWN * 4, is_streaming=True)])
        exact(stage)
        for width, height in [(60, 20), (7, 5), size]:
            await pilot.resize_terminal(width, height)
            exact(stage)


# --- the tail and the eye ---------------------------------------------------------------------


async def test_the_view_follows_only_while_the_reader_is_at_the_end() -> None:
    stage = Stage()
    async with stage.run_test(size=(60, 10)) as pilot:
        transcript = stage.transcript
        transcript.show([*chat(20), reply("", is_streaming=True)])
        transcript.feed_text("a", "first line\n\n" * 8)
        await pilot.pause(0.1)
        assert transcript.is_following
        transcript.scroll_lines(-4)
        before = stage.lines()
        assert not transcript.is_following
        transcript.feed_text("a", "more\n\n" * 30)
        await pilot.pause(0.1)
        assert stage.lines() == before
        transcript.scroll_to_tail()
        assert transcript.is_following
        assert " ▌ more" in stage.lines()
        await pilot.pause()
        assert [type(event) for event in stage.told] == [TailLeft, StartNear, TailReached]


async def test_scrolling_down_to_the_end_follows_again() -> None:
    stage = Stage()
    async with stage.run_test(size=(60, 10)):
        stage.transcript.show(chat(20))
        end = stage.lines()
        stage.transcript.scroll_lines(-7)
        stage.transcript.scroll_lines(6)
        assert not stage.transcript.is_following
        stage.transcript.scroll_lines(1)
        assert stage.transcript.is_following
        assert stage.lines() == end


async def test_older_messages_come_in_above_without_moving_the_view() -> None:
    stage = Stage()
    async with stage.run_test(size=(60, 10)):
        entries = list(chat(300))
        stage.transcript.show(entries[200:])
        stage.transcript.scroll_lines(-30)
        before = stage.lines()
        stage.transcript.prepend(entries[100:200])
        stage.transcript.prepend(entries[:100])
        assert stage.lines() == before
        stage.transcript.scroll_to_start()
        assert stage.lines()[1] == " ▌ some words of a message number 0"


async def test_what_changes_above_does_not_move_the_line_under_the_eye() -> None:
    stage = Stage()
    async with stage.run_test(size=(60, 10)):
        entries = [*chat(10), reply("x", thinking="long\n\n" * 20), *chat(0)]
        more = [Entry(f"n{n}", "user", "You", text=f"later {n}") for n in range(10)]
        stage.transcript.show([*entries, *more])
        stage.transcript.scroll_to_message("n2")
        before = stage.lines()
        stage.transcript.toggle_fold("a")
        assert stage.lines() == before
        stage.transcript.replace(reply("y " * 2000, thinking="long\n\n" * 20))
        assert stage.lines() == before


async def test_a_resize_keeps_the_message_at_the_top() -> None:
    stage = Stage()
    async with stage.run_test(size=(60, 12)) as pilot:
        stage.transcript.show(chat(100, words="many words in a row " * 6))
        stage.transcript.scroll_to_message("m40")
        for width in (30, 120, 46):
            await pilot.resize_terminal(width, 12)
            assert stage.lines()[0].startswith(" ▌ You")
            assert "number 40" in " ".join(line.strip(" ▌") for line in stage.lines())


async def test_ten_thousand_messages_are_shown_without_reading_them() -> None:
    stage = Stage()
    async with stage.run_test(size=(80, 24)):
        stage.transcript.show(chat(10_000))
        read = [view for view in stage.transcript.layout_rows.messages if view.units]
        assert len(read) < 20
        assert " ▌ some words of a message number 9999" in stage.lines()
        stage.transcript.scroll_to_start()
        assert " ▌ some words of a message number 0" in stage.lines()


async def test_scrolling_line_by_line_shows_every_row_once() -> None:
    stage = Stage()
    async with stage.run_test(size=(40, 7)):
        stage.transcript.show([reply(MARKDOWN * 3), *chat(5)], at_end=False)
        seen = [stage.lines()[0]]
        while not stage.transcript.is_following:
            stage.transcript.scroll_lines(1)
            seen.append(stage.lines()[0])
        seen += stage.lines()[1:]
        back = [stage.lines()[-1]]
        for _ in range(len(seen)):
            stage.transcript.scroll_lines(-1)
            back.append(stage.lines()[-1])
        assert len(seen) > 60
        assert list(reversed(back[: len(seen) - 6])) == seen[6:]


async def test_only_lines_that_differ_are_painted_again() -> None:
    stage = Stage()
    async with stage.run_test(size=(60, 12)) as pilot:
        transcript = stage.transcript
        transcript.show([reply("steady\n\n", is_streaming=True)])
        await pilot.pause()
        kept = stage.strips()
        transcript.feed_text("a", "word")
        await pilot.pause(0.1)
        same = [old is new for old, new in zip(kept, stage.strips(), strict=True)]
        assert same.count(False) <= 2


async def test_a_thumb_shows_where_the_reader_is() -> None:
    stage = Stage()
    async with stage.run_test(size=(40, 10)):
        stage.transcript.show(chat(3))
        assert not any(strip.text.endswith("▐") for strip in stage.strips())
        stage.transcript.show(chat(50))
        assert stage.strips()[-1].text.endswith("▐")
        stage.transcript.scroll_to_start()
        assert stage.strips()[0].text.endswith("▐")
        assert not stage.strips()[-1].text.endswith("▐")


async def test_an_empty_chat_says_so_in_the_middle() -> None:
    stage = Stage()
    async with stage.run_test(size=(40, 9)):
        stage.transcript.empty_text = "Ask anything."
        assert stage.lines()[4].strip() == "Ask anything."
        stage.transcript.show(chat(1))
        assert "Ask anything." not in "".join(stage.lines())
        stage.transcript.clear()
        assert stage.lines()[4].strip() == "Ask anything."


# --- reading mode -----------------------------------------------------------------------------


async def test_the_eye_goes_from_message_to_message() -> None:
    stage = Stage()
    async with stage.run_test(size=(60, 9)) as pilot:
        transcript = stage.transcript
        transcript.show(chat(12))
        transcript.select_last()
        transcript.select_previous()
        assert transcript.selected_id == "m10"
        transcript.select_first()
        assert stage.lines()[0] == ">▌ You"
        transcript.select_next()
        assert transcript.selected_id == "m1"
        transcript.select(None)
        assert not any(line.startswith(">") for line in stage.lines())
        await pilot.pause()
        ids = [event.entry_id for event in stage.told if isinstance(event, Selected)]
        assert ids == ["m11", "m10", "m0", "m1"]


async def test_the_eye_can_begin_where_the_reader_is() -> None:
    stage = Stage()
    async with stage.run_test(size=(60, 9)):
        stage.transcript.show([*chat(4), reply("line\n\n" * 40), *chat(0)])
        stage.transcript.scroll_lines(-10)
        before = [line[1:] for line in stage.lines()]
        stage.transcript.select_seen()
        assert stage.transcript.selected_id == "a"
        assert [line[1:] for line in stage.lines()] == before


async def test_deltas_that_come_before_the_first_frame_are_kept() -> None:
    stage = Stage()
    transcript = Transcript()
    transcript.show([reply("", is_streaming=True)])
    transcript.feed_text("a", "early words")
    async with stage.run_test(size=(60, 9)) as pilot:
        await stage.transcript.remove()
        await stage.mount(transcript)
        await pilot.pause(0.1)
        assert " ▌ early words_" in stage.lines()


async def test_a_search_hit_is_scrolled_to_and_marked() -> None:
    stage = Stage()
    async with stage.run_test(size=(60, 12)):
        far = "filler line\n\n" * 40 + "here is the Needle in it\n\n" + "after\n\n" * 40
        stage.transcript.show([*chat(30), reply(far, entry_id="hit"), *chat(2)])
        stage.transcript.highlight(["needle"])
        stage.transcript.scroll_to_hit("hit", "needle")
        row = next(strip for strip in stage.strips() if "Needle" in strip.text)
        marked = [segment for segment in row if segment.text == "Needle"]
        assert marked
        assert marked[0].style
        assert marked[0].style.bgcolor != stage.strips()[0]._segments[0].style.bgcolor  # type: ignore[union-attr]


async def test_source_code_blocks_and_links_come_clean() -> None:
    stage = Stage()
    async with stage.run_test(size=(60, 9)):
        stage.transcript.show([reply("\x1b[31mred\n" + MARKDOWN)])
        assert stage.transcript.source_of("a") == "red\n" + MARKDOWN
        assert stage.transcript.code_blocks("a") == ("def f(x):\n    return x + 1",)
        assert stage.transcript.links("a") == ("https://a.example/x",)
        assert stage.transcript.source_of("nobody") == ""


async def test_thinking_opens_and_folds_also_while_it_arrives() -> None:
    stage = Stage()
    async with stage.run_test(size=(60, 12)) as pilot:
        transcript = stage.transcript
        transcript.show([reply("", is_streaming=True)])
        transcript.feed_thinking("a", "first thought")
        await pilot.pause(0.1)
        assert " ▌ ▸ thinking" in stage.lines()
        transcript.toggle_fold("a")
        assert " ▌ first thought" in stage.lines()
        transcript.feed_thinking("a", " goes on")
        await pilot.pause(0.1)
        assert " ▌ first thought goes on" in stage.lines()
        transcript.feed_text("a", "Answer")
        await pilot.pause(0.1)
        assert " ▌ ▾ thought" in stage.lines()
        transcript.toggle_fold("a")
        assert " ▌ first thought goes on" not in stage.lines()
        assert " ▌ Answer_" in stage.lines()
        await pilot.pause()
        assert [e.is_open for e in stage.told if isinstance(e, FoldToggled)] == [True, False]


async def test_elapsed_time_is_given_not_read() -> None:
    stage = Stage()
    async with stage.run_test(size=(60, 6)):
        stage.transcript.show([reply("x", is_streaming=True)])
        stage.transcript.tick("7 s")
        assert stage.lines()[0].startswith(" ▌ model-x  7 s")
        stage.transcript.replace(reply("x"))
        assert stage.lines()[0].startswith(" ▌ model-x  1.2 s")


async def test_messages_after_one_can_be_dropped() -> None:
    stage = Stage()
    async with stage.run_test(size=(60, 12)):
        stage.transcript.show(chat(9))
        stage.transcript.truncate_after("m3")
        assert " ▌ some words of a message number 3" in stage.lines()
        assert "number 4" not in "\n".join(stage.lines())
        stage.transcript.append(reply("new"))
        assert " ▌ new" in stage.lines()


# --- the mouse --------------------------------------------------------------------------------


async def test_clicks_choose_links_folds_variants_and_messages() -> None:
    stage = Stage()
    async with stage.run_test(size=(70, 12)) as pilot:
        stage.transcript.show(
            [reply("[link](https://a.example/x)", thinking="t", variant=(1, 2)), *chat(1)]
        )
        await pilot.pause()
        head = stage.lines()[0]
        for x, y in [
            (4, 2),
            (5, 1),
            (head.index(" 1/2 ") + 5, 0),
            (head.index("model-x"), 0),
        ]:
            await pilot.click(Transcript, offset=(x, y))
            await pilot.pause()
        kinds = [type(event) for event in stage.told]
        assert kinds == [LinkChosen, FoldToggled, VariantChosen, Selected]
        assert [e.url for e in stage.told if isinstance(e, LinkChosen)] == ["https://a.example/x"]
        assert [e.step for e in stage.told if isinstance(e, VariantChosen)] == [1]


async def test_text_drawn_over_with_the_mouse_is_copied_as_source() -> None:
    stage = Stage()
    async with stage.run_test(size=(40, 12)) as pilot:
        stage.transcript.show(
            [reply("A **bold** sentence that is long enough to wrap.\n\n- one\n- two")]
        )
        await pilot.pause()
        await pilot.mouse_down(Transcript, offset=(3, 1))
        await pilot.hover(Transcript, offset=(7, 5))
        await pilot.mouse_up(Transcript, offset=(7, 5))
        await pilot.pause()
        text = stage.screen.get_selected_text()
        assert text == "A **bold** sentence that is long enough to wrap.\n\n- one\n- tw"
        assert not [event for event in stage.told if isinstance(event, Selected)]


async def test_a_selection_goes_over_messages_and_starts_anywhere() -> None:
    stage = Stage()
    async with stage.run_test(size=(40, 12)) as pilot:
        stage.transcript.show(chat(3))
        await pilot.pause()
        await pilot.mouse_down(Transcript, offset=(20, 0))
        await pilot.hover(Transcript, offset=(1, 8))
        await pilot.mouse_up(Transcript, offset=(1, 8))
        await pilot.pause()
        words = "some words of a message number"
        text = stage.screen.get_selected_text() or ""
        assert text.startswith(f"{words} 0\n\n{words} 1\n\n")


async def test_the_wheel_scrolls_and_the_thumb_can_be_dragged() -> None:
    stage = Stage()
    async with stage.run_test(size=(60, 10)) as pilot:
        transcript = stage.transcript
        transcript.show(chat(100))
        end = stage.lines()
        await pilot._post_mouse_events([_wheel_up()], Transcript, offset=(5, 5))
        await pilot.pause()
        assert not transcript.is_following
        transcript.scroll_to_tail()
        await pilot.mouse_down(Transcript, offset=(59, 0))
        await pilot.mouse_up(Transcript, offset=(59, 0))
        assert " ▌ some words of a message number 0" in stage.lines()
        await pilot.mouse_down(Transcript, offset=(59, 9))
        await pilot.mouse_up(Transcript, offset=(59, 9))
        assert stage.lines() == end


def _wheel_up() -> type:
    from textual.events import MouseScrollUp

    return MouseScrollUp


# --- themes and neighbours --------------------------------------------------------------------


@pytest.mark.parametrize(
    "theme", ["troth-dark", "troth-light", "high-contrast", "textual-light", "ansi", "nord"]
)
async def test_every_theme_draws_text_that_differs_from_its_ground(theme: str) -> None:
    stage = Stage(theme=theme)
    async with stage.run_test(size=(60, 30)):
        stage.transcript.show([reply(MARKDOWN, thinking="t"), *chat(2)])
        for strip in stage.strips():
            for segment in strip:
                style = segment.style
                if segment.text.strip() and style and style.color and style.bgcolor:
                    is_default = style.color.is_default and style.bgcolor.is_default
                    assert is_default or style.color != style.bgcolor, segment


async def test_a_new_theme_recolours_what_is_on_screen() -> None:
    stage = Stage()
    async with stage.run_test(size=(60, 12)) as pilot:
        stage.transcript.show([reply(MARKDOWN)])
        dark = stage.strips()[1]
        stage.theme = "troth-light"
        await pilot.pause()
        light = stage.strips()[1]
        assert dark.text == light.text
        assert [s.style for s in dark] != [s.style for s in light]


async def test_typing_goes_on_while_a_reply_streams() -> None:
    stage = Stage(has_input=True)
    async with stage.run_test(size=(60, 12)) as pilot:
        stage.query_one(Input).focus()
        stage.transcript.show([reply("", is_streaming=True)])
        for letter in "hello":
            stage.transcript.feed_text("a", "some words ")
            await pilot.press(letter)
        assert stage.query_one(Input).value == "hello"


async def test_no_colour_still_tells_states_apart() -> None:
    stage = Stage()
    async with stage.run_test(size=(60, 12)):
        stage.transcript.show([reply("x", is_failed=True), reply("y", entry_id="b")])
        stage.transcript.select("b")
        text = "\n".join(stage.lines())
        assert "█" in text
        assert ">▌" in text


async def test_offsets_for_selection_are_places_in_the_source() -> None:
    stage = Stage()
    async with stage.run_test(size=(60, 8)) as pilot:
        stage.transcript.show([reply("ab **cd** ef")])
        await pilot.pause()
        widget, offset = stage.screen.get_widget_and_offset_at(3 + 3, 1)
        assert widget is stage.transcript
        assert offset == Offset(5, 1)


async def test_coming_near_the_first_message_is_told_once_each_time() -> None:
    stage, entries = Stage(), list(chat(200))
    older = [replace(entry, id=f"old {entry.id}") for entry in entries]
    async with stage.run_test(size=(60, 10)) as pilot:
        stage.transcript.show(entries)
        stage.transcript.scroll_lines(-4)
        await pilot.pause()
        assert [type(event) for event in stage.told] == [TailLeft]
        for _ in range(2):
            stage.transcript.scroll_to_message(entries[5].id)
            stage.transcript.scroll_lines(-1)
            await pilot.pause()
        assert [type(event) for event in stage.told] == [TailLeft, StartNear]
        stage.transcript.prepend(older)
        await pilot.pause()
        stage.transcript.scroll_to_message(older[5].id)
        await pilot.pause()
        assert [type(event) for event in stage.told] == [TailLeft, StartNear, StartNear]
