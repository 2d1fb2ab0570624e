"""The chat, as a person uses it: real engine, real HTTP, what keys do."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import cast

import pytest
from textual.containers import VerticalScroll
from textual.widgets import Static

from pdf_files import pdf, words
from servers import (
    Answer,
    RecordedRequest,
    cut_after,
    gated_after,
    html_error,
    json_answer,
    openai_chat_stream,
)
from troth.domain.message import Finish, Role
from troth.domain.model import ModelRef
from troth.tui.screens.model_picker import ModelScreen
from tui.app_stage import Stage, run_app

MARKDOWN = ["# Title\n\n", "Some **bold** text.\n\n", "```python\nprint(1)\n```\n"]


def asked(request: RecordedRequest) -> list[tuple[str, str]]:
    body = json.loads(request.body)
    return [(turn["role"], turn["content"]) for turn in body["messages"]]


def path_texts(stage: Stage) -> list[str]:
    chat = stage.desk.talking.chat
    assert chat is not None
    return [message.text for message in chat.path]


async def test_a_message_goes_to_the_provider_and_its_reply_is_drawn(tmp_path: Path) -> None:
    async with run_app(tmp_path, openai_chat_stream(MARKDOWN)) as stage:
        await stage.say("hello there")
        assert asked(stage.server.requests[0]) == [("user", "hello there")]
        assert "Title" in stage.text
        assert "Some bold text." in stage.text
        assert "hello there" in stage.text
        assert stage.screen.prompt.text == ""
        assert stage.screen.title_bar.chat_title == "hello there"


async def test_escape_stops_the_reply_and_keeps_what_had_come(tmp_path: Path) -> None:
    gate = asyncio.Event()
    answer = gated_after(openai_chat_stream(["first part", " never"]), 2, gate)
    async with run_app(tmp_path, answer) as stage:
        await stage.type("go")
        await stage.pilot.press("enter")
        await stage.until(lambda: "first part" in stage.text)
        await stage.pilot.press("escape")
        await stage.until(lambda: stage.settled == 2)
        chat = stage.desk.talking.chat
        assert chat is not None
        assert chat.path[-1].finish is Finish.STOPPED
        assert chat.path[-1].text == "first part"
        assert "stopped by you" in stage.text


async def test_what_is_typed_while_a_reply_arrives_waits_and_is_sent_after_it(
    tmp_path: Path,
) -> None:
    gate = asyncio.Event()
    answers = [
        gated_after(openai_chat_stream(["one"]), 2, gate),
        openai_chat_stream(["two"]),
    ]
    async with run_app(tmp_path, answers) as stage:
        await stage.type("first")
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.desk.talking.chat and stage.desk.talking.chat.is_replying)
        await stage.type("second")
        await stage.pilot.press("enter")
        await stage.until(lambda: "next  second" in stage.text)
        gate.set()
        await stage.until(lambda: stage.settled == 4)
        assert path_texts(stage) == ["first", "one", "second", "two"]
        assert "next" not in stage.text


async def test_a_waiting_message_can_be_taken_back_and_dropped(tmp_path: Path) -> None:
    gate = asyncio.Event()
    answer = gated_after(openai_chat_stream(["one"]), 2, gate)
    async with run_app(tmp_path, answer) as stage:
        await stage.type("first")
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.desk.talking.chat and stage.desk.talking.chat.is_replying)
        for text in ("second", "third"):
            await stage.type(text)
            await stage.pilot.press("enter")
        await stage.until(lambda: "third" in stage.text)
        await stage.pilot.press("alt+delete")
        await stage.until(lambda: "third" not in stage.text)
        await stage.pilot.press("alt+up")
        await stage.until(lambda: stage.screen.prompt.text == "second")
        gate.set()
        await stage.until(lambda: stage.settled == 2)


async def test_after_a_stop_the_waiting_message_says_so_and_goes_by_its_key(
    tmp_path: Path,
) -> None:
    answers = [
        gated_after(openai_chat_stream(["one", " more"]), 2, asyncio.Event()),
        openai_chat_stream(["two"]),
    ]
    async with run_app(tmp_path, answers) as stage:
        await stage.type("first")
        await stage.pilot.press("enter")
        await stage.until(lambda: "one" in stage.text)
        await stage.type("second")
        await stage.pilot.press("enter")
        await stage.until(lambda: "next  second" in stage.text)
        await stage.pilot.press("escape")
        await stage.until(lambda: "Waits for you" in stage.text)
        await stage.pilot.press("alt+down")
        await stage.until(lambda: stage.settled == 4)
        assert path_texts(stage) == ["first", "one", "second", "two"]
        assert "Waits for you" not in stage.text


async def test_the_draft_stays_when_sending_cannot_work(tmp_path: Path) -> None:
    async with run_app(tmp_path, with_provider=False) as stage:
        await stage.type("nobody to ask")
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.screen.prompt.text == "nobody to ask")
        assert "model" in stage.text


async def test_a_refusal_names_what_happened_and_what_to_do(tmp_path: Path) -> None:
    refusal = json_answer({"error": {"message": "Incorrect API key", "code": "x"}}, status=401)
    async with run_app(tmp_path, refusal) as stage:
        await stage.say("hello")
        assert "Incorrect API key" in stage.text
        assert "hello" in stage.text


async def test_html_instead_of_json_does_not_break_the_screen(tmp_path: Path) -> None:
    async with run_app(tmp_path, html_error(502)) as stage:
        await stage.type("hello")
        await stage.pilot.press("enter")
        await stage.until(lambda: "try 2" in stage.text or stage.settled == 2)
        await stage.pilot.press("escape")
        await stage.until(lambda: stage.settled == 2)


async def test_a_rate_limit_counts_down_and_escape_ends_the_wait(tmp_path: Path) -> None:
    refusal = json_answer({"error": {"message": "slow down"}}, status=429)
    wait = Answer(429, (*refusal.headers, ("retry-after", "30")), refusal.steps)
    async with run_app(tmp_path, wait) as stage:
        await stage.type("hello")
        await stage.pilot.press("enter")
        await stage.until(lambda: "Trying again in" in stage.text)
        await stage.pilot.press("escape")
        await stage.until(lambda: stage.settled == 2)
        assert "Trying again in" not in stage.text


async def test_a_cut_stream_keeps_its_text_and_says_so(tmp_path: Path) -> None:
    async with run_app(
        tmp_path, cut_after(openai_chat_stream(["half of it", " rest"]), 2)
    ) as stage:
        await stage.say("go")
        assert "half of it" in stage.text
        assert "The reply was cut short" in stage.text
        assert "cut off" not in stage.text, "its end is told once"
        assert "/continue lets the model go on" in stage.text


async def test_a_reply_goes_on_while_another_chat_is_shown(tmp_path: Path) -> None:
    gate = asyncio.Event()
    answer = gated_after(openai_chat_stream(["begun", " ended"]), 2, gate)
    async with run_app(tmp_path, answer) as stage:
        await stage.type("go")
        await stage.pilot.press("enter")
        await stage.until(lambda: "begun" in stage.text)
        first = stage.desk.talking.chat
        assert first is not None
        await stage.pilot.press("ctrl+n")
        await stage.until(lambda: stage.desk.talking.chat is not first)
        assert "begun" not in stage.text
        gate.set()
        await stage.until(lambda: not first.is_replying)
        await stage.desk.talking.open(first.id)
        await stage.until(lambda: "begun ended" in stage.text)


async def test_drafts_stay_with_their_chats(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await stage.say("hello")
        first = stage.desk.talking.chat
        assert first is not None
        await stage.type("half a thought")
        await stage.pilot.press("ctrl+n")
        await stage.until(lambda: stage.desk.talking.chat is not first)
        assert stage.screen.prompt.text == ""
        await stage.type("another one")
        await stage.desk.talking.open(first.id)
        await stage.until(lambda: stage.screen.prompt.text == "half a thought")


async def test_switching_the_model_keeps_the_draft_and_applies_from_the_next_message(
    tmp_path: Path,
) -> None:
    async with run_app(tmp_path) as stage:
        await stage.say("hello")
        await stage.type("draft")
        await stage.pilot.press("ctrl+o")
        await stage.until(lambda: isinstance(stage.app.screen, ModelScreen))
        await stage.type("scripted/beta")
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.screen.title_bar.model == "beta")
        assert stage.screen.prompt.text == "draft"
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.settled == 4)
        chat = stage.desk.talking.chat
        assert chat is not None
        models = [m.model.model for m in chat.path if m.role is Role.ASSISTANT and m.model]
        assert models == ["alpha", "beta"]
        assert json.loads(stage.server.requests[-1].body)["model"] == "beta"


async def test_the_model_list_begins_with_those_used_last(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        for name in ("beta", "alpha"):
            await stage.type(f"/model scripted/{name}")
            await stage.pilot.press("enter")
            await stage.until(lambda name=name: stage.screen.title_bar.model == name)
        await stage.pilot.press("ctrl+o")
        await stage.until(lambda: isinstance(stage.app.screen, ModelScreen))
        rows = cast(ModelScreen, stage.app.screen).picker.row_list.rows
        assert [row.title for row in rows[:4]] == ["RECENT", "alpha", "beta", "ALL"]
        await stage.pilot.press("down", "enter")
        await stage.until(lambda: stage.screen.title_bar.model == "beta")


async def test_the_model_list_tells_who_signs_and_finds_them_by_that_word(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await stage.pilot.press("ctrl+o")
        await stage.until(lambda: isinstance(stage.app.screen, ModelScreen))
        screen = cast(ModelScreen, stage.app.screen)
        hint = screen.query_one(".hint", Static)
        await stage.type("gpt-5.5 openai")
        await stage.until(lambda: "Its replies are not signed" in str(hint.content))
        await stage.pilot.press("ctrl+u")
        await stage.type("signs")
        await stage.until(lambda: "Its replies are signed" in str(hint.content))
        rows = screen.picker.row_list.rows
        assert {row.cells[1] for row in rows if "/" in row.id} == {"signs"}


async def test_a_listed_model_is_found_by_its_whole_name(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await stage.pilot.press("ctrl+o")
        await stage.until(lambda: isinstance(stage.app.screen, ModelScreen))
        rows = cast(ModelScreen, stage.app.screen).picker.row_list
        for typed, found in (
            ("openai/gpt-4.1", "openai/gpt-4.1"),
            ("nai/gpt-4.1-m", "openai/gpt-4.1-mini"),
        ):
            await stage.pilot.press("ctrl+u")
            await stage.type(typed)
            await stage.until(lambda found=found: rows.rows[:1] and rows.rows[0].id == found)


async def test_slash_model_with_a_whole_name_switches_at_once(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await stage.type("/model scripted/beta")
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.screen.title_bar.model == "beta")
        assert stage.screen.prompt.text == ""


@pytest.mark.parametrize(
    ("name", "words", "step"),
    [
        ("opengradient/gpt-5.5", "OpenGradient (relay) needs a login.", "/login opengradient"),
        ("openai/gpt-5.5", "OpenAI has no key yet.", "/setup adds one"),
    ],
)
async def test_a_chosen_model_says_what_its_provider_still_wants(
    tmp_path: Path, name: str, words: str, step: str
) -> None:
    async with run_app(tmp_path) as stage:
        await stage.type(f"/model {name}")
        await stage.pilot.press("enter")
        await stage.until(lambda: words in stage.text and step in stage.text)


async def test_a_new_chat_is_not_told_who_answers_from_the_next_message_on(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await stage.desk.talking.use_model(ModelRef("scripted", "beta"))
        await stage.pilot.pause()
        assert "from the next message on" not in stage.text
        await stage.say("hello")
        await stage.desk.talking.use_model(ModelRef("scripted", "alpha"))
        await stage.until(lambda: "alpha answers from the next message on." in stage.text)


async def test_what_was_just_sent_is_counted_while_its_reply_arrives(tmp_path: Path) -> None:
    gate = asyncio.Event()
    answer = gated_after(openai_chat_stream(["one"]), 2, gate)
    async with run_app(tmp_path, answer) as stage:
        await stage.type("word " * 20)
        await stage.pilot.press("enter")
        await stage.until(lambda: not stage.screen.prompt.text and stage.server.requests)

        def counted() -> bool:
            stage.desk.talking.meter.draw()  # as the emptied draft lets it
            return stage.screen.title_bar.meter not in {"", "~0 tokens"}

        await stage.until(counted)
        gate.set()
        await stage.until(lambda: stage.settled == 2)


async def test_two_slashes_send_a_text_that_begins_with_one(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await stage.say("//etc/hosts")
        assert asked(stage.server.requests[0])[-1] == ("user", "/etc/hosts")


async def test_a_mistyped_command_is_never_sent(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await stage.type("/modle scripted/beta")
        await stage.pilot.press("enter")
        await stage.until(lambda: "There is no command /modle" in stage.text)
        assert stage.screen.prompt.text == "/modle scripted/beta"
        assert not stage.server.requests


async def test_model_text_cannot_reach_the_terminal_as_control(tmp_path: Path) -> None:
    evil = "a\x1b[2Jb\x1b]52;c;aGk=\x07c\x9b31md\u202ee[bold]f[/bold][@click=app.quit]g[/]"
    async with run_app(tmp_path, openai_chat_stream([evil])) as stage:
        await stage.say("go")
        lines = stage.app.screen._compositor.render_strips()
        raw = "".join(segment.text for strip in lines for segment in strip)
        assert not any(ord(c) < 32 or 0x7F <= ord(c) <= 0x9F or c == "\u202e" for c in raw)
        assert "[@click=app.quit]" in stage.text


async def test_a_file_goes_along_with_the_next_message(tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("the answer is 42", "utf-8")
    async with run_app(tmp_path) as stage:
        await stage.desk.talking.attaching.attach(note)
        await stage.until(lambda: "note.txt" in stage.text)
        await stage.say("read it")
        assert "the answer is 42" in stage.server.requests[0].body.decode()
        assert "with  note.txt" not in stage.text


async def test_a_folder_goes_along_and_says_what_it_leaves_behind(tmp_path: Path) -> None:
    folder = tmp_path / "src"
    folder.mkdir()
    for number in range(9):
        (folder / f"{number}.txt").write_text(f"words {number}", "utf-8")
    (folder / "data.bin").write_bytes(b"\0")
    async with run_app(tmp_path) as stage:
        await stage.type(f"/attach {folder}")
        await stage.pilot.press("enter")
        await stage.until(lambda: "9 text files of src go along, 63 bytes." in stage.text)
        assert "Left behind: data.bin (not text)." in stage.text
        assert "with  src/4.txt" in stage.text
        assert "with  4 more files  28 bytes" in stage.text
        await stage.say("read it")
        assert "words 8" in stage.server.requests[0].body.decode()
        await stage.desk.talking.attaching.attach(folder / "1.txt")
        await stage.type("/detach")
        await stage.pilot.press("enter")
        await stage.until(lambda: "with  " not in stage.text)
        assert stage.desk.talking.attached == []


@pytest.mark.skipif(os.name == "nt", reason="there are no named pipes in folders there")
async def test_a_slow_file_says_that_it_is_read_and_escape_gives_it_up(tmp_path: Path) -> None:
    paper = tmp_path / "paper.pdf"
    os.mkfifo(paper)  # reading it lasts until somebody writes
    async with run_app(tmp_path) as stage:
        await stage.desk.visits.attach(str(tmp_path / "nothing"))
        await stage.until(lambda: "There is no file" in stage.text)
        reading = asyncio.ensure_future(stage.desk.talking.attaching.attach(paper))
        await stage.until(lambda: "Reading paper.pdf" in stage.text)
        assert "esc stop" in stage.text
        await stage.type("and now")
        await stage.pilot.press("enter")
        await stage.pilot.pause()
        assert stage.screen.prompt.text == "and now", "it does not go without its file"
        assert stage.server.requests == []
        await stage.pilot.press("escape")
        await reading
        await stage.until(lambda: "paper.pdf was not attached." in stage.text)
        assert stage.screen.prompt.text == "and now"
        paper.open("wb").close()
        assert stage.desk.talking.attached == []


async def test_what_the_next_message_leaves_out_is_told_of_that_message(tmp_path: Path) -> None:
    paper = tmp_path / "paper.pdf"
    paper.write_bytes(pdf(words("The sky is green.")))
    async with run_app(tmp_path) as stage:
        await stage.say("hello")
        await stage.desk.talking.attaching.attach(paper)
        told = "The next message to alpha  sends 1 PDF as text only."
        await stage.until(lambda: told in stage.text)
        assert "answers from the next message on" not in stage.text, "it answered already"
        await stage.desk.talking.use_model(ModelRef("scripted", "beta"))
        switched = "beta answers from the next message on.  That one sends 1 PDF as text only."
        await stage.until(lambda: switched in " ".join(stage.text.split("\n ")))


async def test_files_that_were_taken_off_are_neither_told_nor_counted(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "long.txt").write_text("on paper " * 2000, "utf-8")
    async with run_app(tmp_path / "home", size=(120, 40)) as stage:
        before = stage.text.split("\n")[0]
        await stage.desk.visits.attach(str(folder))
        await stage.until(lambda: "1 text file of notes goes along" in stage.text)
        assert stage.text.split("\n")[0] != before
        await stage.type("/detach")
        await stage.pilot.press("enter")
        await stage.until(lambda: "long.txt" not in stage.text)
        await stage.until(lambda: "goes along" not in stage.text, "the notice is gone")
        await stage.until(lambda: stage.text.split("\n")[0] == before, "it is counted no more")


async def test_a_dropped_path_is_taken_with_its_quotes_and_no_address_is_fetched(
    tmp_path: Path,
) -> None:
    file = tmp_path / "a note.txt"
    file.write_text("words", "utf-8")
    async with run_app(tmp_path) as stage:
        await stage.desk.visits.attach(f"'{file}' ")
        await stage.until(lambda: "a note.txt" in stage.text)
        await stage.desk.visits.attach("https://example.org/x.png")
        await stage.until(lambda: "fetches no address" in stage.text)
        assert len(stage.desk.talking.attached) == 1


async def test_a_path_that_cannot_be_is_said_and_takes_nothing_along(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await stage.desk.visits.attach("~no-such-person/x.txt")
        await stage.until(lambda: "There is no file “~no-such-person/x.txt”" in stage.text)
        await stage.desk.visits.attach("a" * 300)
        await stage.until(lambda: "File name too long" in stage.text)
        assert stage.desk.talking.attached == []


async def test_the_meter_counts_what_the_next_message_would_carry(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        before = stage.screen.title_bar.meter
        await stage.say("a message of several words")
        await stage.until(lambda: stage.screen.title_bar.meter != before)
        assert "tokens" in stage.screen.title_bar.meter


async def test_a_broken_setting_is_named_and_the_rest_works(tmp_path: Path) -> None:
    async with run_app(tmp_path, config="nonsense = 3\n") as stage:
        assert "nonsense" in stage.text
        await stage.say("hello")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ('theme = "nosuch"\n', ["line 2", "theme must be one of", "paper"]),
        ('[keys]\n"no.such" = "f4"\n', ["line 3", "keys.no.such is no action"]),
        ("[keys]\nmodel.pick = 'ctrl+m'\n", ["line 3", "keys.model.pick cannot be ctrl+m"]),
        ('[providers.x]\nwire = "smoke"\n', ["line 3", "providers.x.wire must be one of"]),
    ],
)
async def test_a_choice_that_cannot_be_is_named_with_its_line(
    tmp_path: Path, config: str, words: list[str]
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text(f"# mine\n{config}", "utf-8")
    async with run_app(tmp_path, with_provider=False) as stage:
        said = stage.desk.notice.words
        assert said is not None
        assert "config.toml" in said.detail
        assert [word for word in words if word not in said.detail] == []


async def test_a_broken_theme_is_named_with_its_line_and_key(tmp_path: Path) -> None:
    folder = tmp_path / "config" / "themes"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text("[colors]\nfoo = 3\n", "utf-8")
    async with run_app(tmp_path) as stage:
        said = stage.desk.notice.words
        assert said is not None
        assert "mine.toml, line 2: colors.foo" in said.detail
        await stage.until(lambda: "`troth doctor` names all" in stage.text)


async def test_a_key_of_the_users_own_works_and_the_footer_shows_it(tmp_path: Path) -> None:
    config = ""
    async with run_app(tmp_path, config=config) as stage:
        path = tmp_path / "config" / "config.toml"
        path.write_text(path.read_text("utf-8") + '\n[keys]\n"model.pick" = "f4"\n', "utf-8")
        assert stage.app.engine is not None
        stage.app.engine.reload_settings()
        stage.app.apply_settings()
        stage.screen.draw_frame()
        await stage.pilot.pause()
        assert "f4 model" in stage.text
        await stage.pilot.press("f4")
        await stage.until(lambda: isinstance(stage.app.screen, ModelScreen))


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (60, 20)])
async def test_no_line_of_the_help_is_broken_under_its_keys(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with run_app(tmp_path, size=size) as stage:
        await stage.pilot.press("f1")
        await stage.until(lambda: "While you write" in stage.text)
        scroll = stage.app.screen.query_one(VerticalScroll)
        await stage.until(lambda: scroll.show_vertical_scrollbar)
        told, _, _ = str(scroll.query_one(Static).content).partition("Ids for [keys]")
        assert max(map(len, told.split("\n"))) <= scroll.scrollable_content_region.width
