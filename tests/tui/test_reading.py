"""Reading mode: what j, k, c, y, q, e, r, f, arrows and s do to a real conversation."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from servers import gated_after, html_error, openai_chat_stream
from troth.domain.conversation import Conversation
from troth.domain.message import Message, Role, TextPart
from troth.tui.clipboard import MAX_BYTES, osc52, words_after_copy
from troth.tui.screens.dialogs import DetailsScreen, TextDialog
from troth.tui.screens.talking import LONG, NEWEST
from tui.app_stage import Stage, run_app

SOURCE = "Two:\n\n```python\nprint('first')\n```\n\nand\n\n```sh\necho second\n```\n"
LINKS = "See [here](https://example.org/a) and https://example.org/b, not javascript:alert(1)."


def path(stage: Stage) -> list[tuple[Role, str]]:
    chat = stage.desk.talking.chat
    assert chat is not None
    return [(message.role, message.text) for message in chat.path]


async def read(stage: Stage) -> None:
    await stage.pilot.press("escape")
    await stage.until(lambda: stage.screen.is_reading)


async def test_escape_reads_when_idle_and_i_goes_back_to_the_prompt(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await stage.say("hello")
        await read(stage)
        assert "c copy" in stage.text
        await stage.pilot.press("i")
        await stage.until(lambda: not stage.screen.is_reading)
        assert "⏎ send" in stage.text


async def test_reading_begins_at_what_is_on_screen_and_scrolls_nothing(tmp_path: Path) -> None:
    long = [f"line {number}\n\n" for number in range(60)]
    async with run_app(tmp_path, openai_chat_stream(long)) as stage:
        await stage.say("one")
        await stage.say("two")
        page, chat = stage.desk.page, stage.desk.talking.chat
        assert chat is not None
        ids = [message.id for message in chat.path]
        for back, expected in ((0, 3), (130, 1)):
            page.scroll_lines(-back)
            await stage.pilot.pause()
            before = [spot.row for spot in page._spots]
            await read(stage)
            await stage.until(lambda place=expected: page.current_id == ids[place])
            assert [spot.row for spot in page._spots] == before
            await stage.pilot.press("i")
            await stage.until(lambda: not stage.screen.is_reading)


async def test_j_k_g_and_G_walk_the_messages(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await stage.say("one")
        await stage.say("two")
        chat = stage.desk.talking.chat
        assert chat is not None
        ids = [message.id for message in chat.path]
        await read(stage)
        seen = []
        for key in ("k", "k", "j", "g", "G"):
            await stage.pilot.press(key)
            await stage.pilot.pause(0.02)
            await stage.until(lambda: True)
            seen.append(ids.index(stage.desk.page.current_id))
        assert seen == [2, 1, 2, 0, 3]


async def test_c_copies_the_source_and_not_what_is_painted(tmp_path: Path) -> None:
    async with run_app(tmp_path, openai_chat_stream([SOURCE])) as stage:
        await stage.say("go")
        await read(stage)
        await stage.pilot.press("c")
        await stage.until(lambda: stage.app.clipboard)
        assert stage.app.clipboard.strip() == SOURCE.strip()
        assert "sent to the terminal's clipboard" in stage.text


@pytest.mark.parametrize(("keys", "copied"), [("2", "echo second"), ("y1", "print('first')")])
async def test_a_code_block_is_copied_by_its_number(tmp_path: Path, keys: str, copied: str) -> None:
    async with run_app(tmp_path, openai_chat_stream([SOURCE])) as stage:
        await stage.say("go")
        await read(stage)
        for key in keys:
            await stage.pilot.press(key)
            await stage.pilot.pause(0.05)
        await stage.until(lambda: stage.app.clipboard)
        assert stage.app.clipboard == copied


async def test_a_copy_holds_no_control_characters(tmp_path: Path) -> None:
    async with run_app(tmp_path, openai_chat_stream(["a\x1b]52;c;eHg=\x07b\u202ec"])) as stage:
        await stage.say("go")
        await read(stage)
        await stage.pilot.press("c")
        await stage.until(lambda: stage.app.clipboard)
        assert stage.app.clipboard == "abc"


async def test_a_link_is_shown_in_full_and_opened_only_after_a_yes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    async with run_app(tmp_path, openai_chat_stream([LINKS])) as stage:
        monkeypatch.setattr(stage.app, "open_url", lambda url, **_: opened.append(url))
        await stage.say("go")
        await read(stage)
        await stage.pilot.press("o")
        await stage.until(lambda: "1: https://example.org/a" in stage.text)
        await stage.pilot.press("2")
        await stage.until(lambda: isinstance(stage.app.screen, TextDialog))
        assert opened == []
        await stage.pilot.press("enter")
        await stage.until(lambda: opened == ["https://example.org/b"])


async def test_q_quotes_into_the_prompt(tmp_path: Path) -> None:
    async with run_app(tmp_path, openai_chat_stream(["line one\nline two"])) as stage:
        await stage.say("go")
        await read(stage)
        await stage.pilot.press("q")
        await stage.until(lambda: not stage.screen.is_reading)
        assert stage.screen.prompt.text == "> line one\n> line two\n\n"


async def test_e_edits_and_resends_beside_the_old_wording(tmp_path: Path) -> None:
    answers = [openai_chat_stream(["one"]), openai_chat_stream(["two"])]
    async with run_app(tmp_path, answers) as stage:
        await stage.say("first wording")
        await read(stage)
        await stage.pilot.press("e")
        await stage.until(lambda: stage.screen.prompt.text == "first wording")
        await stage.pilot.press("ctrl+u")
        await stage.type("second wording")
        await stage.pilot.press("enter")
        await stage.until(lambda: path(stage)[-1] == (Role.ASSISTANT, "two"))
        assert [text for _, text in path(stage)] == ["second wording", "two"]
        asked = json.loads(stage.server.requests[-1].body)["messages"]
        assert [turn["content"] for turn in asked] == ["second wording"]
        await stage.until(lambda: "2/2" in stage.text)
        await read(stage)
        await stage.pilot.press("k", "left")
        await stage.until(lambda: path(stage)[0][1] == "first wording")
        assert path(stage)[-1][1] == "one"


async def test_escape_gives_an_edit_up(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await stage.say("wording")
        await stage.type("half a thought")
        await read(stage)
        await stage.pilot.press("e")
        await stage.until(lambda: stage.screen.prompt.text == "wording")
        await stage.until(lambda: "esc gives it up" in stage.text)
        await stage.pilot.press("escape")
        await stage.until(lambda: stage.screen.prompt.text == "half a thought")
        await stage.until(lambda: "esc gives it up" not in stage.text)
        assert not stage.screen.is_reading


async def test_an_edit_belongs_to_its_chat_and_gives_back_what_was_being_written(
    tmp_path: Path,
) -> None:
    async with run_app(tmp_path, openai_chat_stream(["one"])) as stage:
        await stage.say("wording")
        await stage.type("half a thought")
        await read(stage)
        await stage.pilot.press("e")
        await stage.until(lambda: stage.screen.prompt.text == "wording")
        first = stage.desk.talking.chat
        assert first is not None
        await stage.pilot.press("ctrl+n")
        await stage.until(lambda: stage.desk.talking.chat is not first)
        await stage.say("another")
        assert [text for _, text in path(stage)] == ["another", "one"]
        await stage.desk.talking.open(first.id)
        await stage.until(lambda: stage.screen.prompt.text == "wording")
        await stage.type(" again")
        await stage.pilot.press("enter")
        await stage.until(lambda: [text for _, text in path(stage)] == ["wording again", "one"])
        assert stage.screen.prompt.text == "half a thought"


async def test_a_new_chat_begun_while_reading_is_ready_to_be_written_in(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await stage.say("go")
        await read(stage)
        await stage.pilot.press("ctrl+n")
        await stage.until(lambda: not stage.screen.is_reading)
        await stage.type("think")
        assert stage.screen.prompt.text == "think"


async def test_a_reply_without_text_is_not_said_to_be_copied(tmp_path: Path) -> None:
    async with run_app(tmp_path, html_error(400)) as stage:
        await stage.say("go")
        await read(stage)
        await stage.pilot.press("c")
        await stage.until(lambda: "no text in this message" in stage.text)
        assert "clipboard" not in stage.text


async def test_r_asks_again_and_arrows_walk_the_variants(tmp_path: Path) -> None:
    answers = [openai_chat_stream(["one"]), openai_chat_stream(["two"])]
    async with run_app(tmp_path, answers) as stage:
        await stage.say("go")
        await read(stage)
        await stage.pilot.press("r")
        await stage.until(lambda: path(stage)[-1] == (Role.ASSISTANT, "two"))
        await stage.until(lambda: "2/2" in stage.text)
        await read_again(stage)
        await stage.pilot.press("left")
        await stage.until(lambda: path(stage)[-1] == (Role.ASSISTANT, "one"))
        await stage.until(lambda: "1/2" in stage.text)
        await stage.pilot.press("right")
        await stage.until(lambda: path(stage)[-1] == (Role.ASSISTANT, "two"))


async def read_again(stage: Stage) -> None:
    if not stage.screen.is_reading:
        await read(stage)
    await stage.pilot.press("G")
    await stage.pilot.pause()


async def test_full_stop_lets_a_stopped_reply_go_on(tmp_path: Path) -> None:
    gate = asyncio.Event()
    answers = [gated_after(openai_chat_stream(["begun"]), 2, gate), openai_chat_stream([" ended"])]
    async with run_app(tmp_path, answers) as stage:
        await stage.type("go")
        await stage.pilot.press("enter")
        await stage.until(lambda: "begun" in stage.text)
        await stage.pilot.press("escape")
        await stage.until(lambda: stage.settled == 2)
        await read(stage)
        await stage.pilot.press("full_stop")
        await stage.until(lambda: stage.settled == 3)
        assert path(stage)[-1] == (Role.ASSISTANT, " ended")
        asked = json.loads(stage.server.requests[-1].body)["messages"]
        assert asked[-1] == {"role": "assistant", "content": "begun"} or asked[-1]["role"] == "user"


async def test_f_begins_a_new_chat_with_everything_up_to_here(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await stage.say("one")
        await stage.say("two")
        first = stage.desk.talking.chat
        assert first is not None
        await read(stage)
        await stage.pilot.press("g", "j", "f")
        await stage.until(lambda: stage.desk.talking.chat is not first)
        assert [text for _, text in path(stage)] == ["one", "Hello there."]
        assert len(first.path) == 4


async def test_s_writes_a_file_and_never_over_one(tmp_path: Path) -> None:
    target = tmp_path / "kept.md"
    async with run_app(tmp_path, openai_chat_stream([SOURCE])) as stage:
        await stage.say("go")
        for expected in ("Saved to", "is there already"):
            await stage.desk.reading._write(SOURCE, str(target))
            await stage.until(lambda said=expected: said in " ".join(stage.text.split()))
        assert target.read_text("utf-8") == SOURCE


async def test_v_tells_the_numbers_and_what_was_checked(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await stage.say("hello")
        await stage.until(lambda: stage.desk.talking.chat and stage.desk.talking.chat.verdicts)
        await read(stage)
        await stage.pilot.press("v")
        await stage.until(lambda: isinstance(stage.app.screen, DetailsScreen))
        assert "10 in, 5 out" in stage.text
        assert "First token" in stage.text


def test_osc_52_goes_plain_and_wrapped_into_tmux_and_in_pieces_into_screen() -> None:
    plain = "\x1b]52;c;aGk=\x07"
    assert osc52("hi", {}) == [plain]
    assert osc52("hi", {"TMUX": "x"}) == [plain, "\x1bPtmux;\x1b\x1b]52;c;aGk=\x07\x1b\\"]
    (pieces,) = osc52("x" * 2000, {"STY": "x"})
    assert pieces.count("\x1bP") == pieces.count("\x1b\\") > 2


def test_the_words_after_a_copy_claim_nothing_that_cannot_be_known() -> None:
    assert "copied" not in words_after_copy("It", "short").lower()
    assert "refuse" in words_after_copy("It", "x" * MAX_BYTES)


@pytest.mark.parametrize(("count", "is_whole"), [(300, True), (LONG + 100, False)])
async def test_a_very_long_chat_brings_its_older_messages_near_their_first(
    count: int, is_whole: bool, tmp_path: Path
) -> None:
    async with run_app(tmp_path) as stage:
        engine, talking, page = stage.desk.engine, stage.desk.talking, stage.desk.page
        vault, now = engine.vault, datetime.now(UTC)
        await vault.add_conversation(Conversation("long", "Long", now, now, is_titled=True))
        for number in range(count):
            parent = f"m{number - 1}" if number else None
            parts = (TextPart(f"word {number}"),)
            await vault.append(Message(f"m{number}", "long", parent, Role.USER, now, parts))
        await talking.open("long")
        chat = talking.chat
        assert chat is not None
        assert len(chat.path) == NEWEST
        page.scroll_lines(-10)
        await stage.pilot.pause()
        await vault.draft("")  # behind whatever was asked of the vault before
        await stage.pilot.pause()
        if is_whole:
            await stage.until(lambda: chat.is_whole)
        assert chat.is_whole is is_whole
        page.scroll_lines(-3 * NEWEST)
        await stage.until(lambda: chat.is_whole)
        await stage.until(lambda: page.layout_rows.messages[0].entry.id == "m0")
