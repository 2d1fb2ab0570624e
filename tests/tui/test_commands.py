"""One registry: every command can be found, named, bound and carried out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from troth.tui.commands import (
    BY_ID,
    COMMANDS,
    Command,
    fuzzy_rank,
    palette_matches,
    parse_slash,
    slash_matches,
    unknown_slash,
)
from troth.tui.keys import (
    DEFAULT_KEYS,
    FORBIDDEN_KEYS,
    bindings_for,
    build_keymap,
    footer_items,
    written_key,
)
from troth.tui.widgets.footer import fit_items
from tui.app_stage import run_app

EVERYTHING = {need for command in COMMANDS for need in command.needs}
SCOPES = ("app", "chat", "compare", "prompt", "reading", "sidebar", "verification")


def test_ids_and_slash_names_are_unique() -> None:
    for names in ([c.id for c in COMMANDS], [c.name for c in COMMANDS]):
        assert [name for name, count in Counter(names).items() if count > 1] == []


def facts_for(command: Command) -> set[str]:
    return set(command.needs) | ({"columns"} if command.scope == "compare" else set())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.id)
def test_every_action_has_a_slash_command_a_palette_row_and_a_key_that_can_be_changed(
    command: Command,
) -> None:
    facts = facts_for(command)
    for name in (command.name, command.id.replace(".", "-").replace("_", "-")):
        line = parse_slash(f"/{name}")
        assert line is not None
        assert line.command is command
        assert unknown_slash(f"/{name}") == ""
    assert command in slash_matches(f"/{command.name[:-1]}", facts)
    if command.id != "palette.open":  # the palette itself
        assert command in palette_matches(command.title, facts)
    keymap = build_keymap({command.id: "ctrl+f12"})
    assert keymap.problems == ()
    assert keymap.changed[command.id] == "ctrl+f12"


async def test_every_command_of_the_registry_is_carried_out_by_somebody(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        columns = {command.id for command in COMMANDS if command.scope == "compare"}
        assert set(stage.desk.handlers) == set(BY_ID) - columns


LEAVES = {"app.quit", "app.lock", "prompt.editor", "demo.start", "vault.open"}
"""What ends the app, leaves it for a program, or begins something of its own."""


@pytest.mark.slow
async def test_every_command_can_be_typed_wherever_it_is_offered(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        for command in COMMANDS:
            if command.id in LEAVES or command.scope == "compare":
                continue
            stage.screen.leave_reading()
            if "chat" not in stage.screen.facts():  # the command before left it, or made another
                stage.screen.prompt.clear()
                await stage.say("hello")
            if "list" in command.needs and not stage.desk.listing.is_open:
                await stage.desk.listing.toggle()
            if "pane" in command.needs and not stage.desk.verifying.is_open:
                await stage.desk.verifying.toggle()
            stage.screen.leave_reading()
            await stage.pilot.pause()
            if not command.is_available(stage.screen.facts()):
                assert set(command.needs) - {"list", "pane", "chat", "idle"}, command.id
                continue
            stage.screen.prompt.set_text(f"/{command.name}")
            stage.screen.prompt.accept()
            await stage.pilot.pause()
            said = stage.desk.notice.words
            assert said is None or "cannot be used" not in said.title, command.id
            while len(stage.app.screen_stack) > 1:
                stage.app.pop_screen()
                await stage.pilot.pause()
            assert stage.app.is_running, command.id


def test_every_binding_has_an_id_a_description_and_a_tooltip() -> None:
    bindings = bindings_for(*SCOPES)
    assert len(bindings) == len(COMMANDS)
    for binding in bindings:
        assert binding.id
        assert binding.description
        assert binding.tooltip


def test_no_default_key_is_another_key_in_disguise() -> None:
    used = {key for keys in DEFAULT_KEYS.values() for key in keys.split(",")}
    assert used & FORBIDDEN_KEYS == set()


def test_two_commands_share_a_key_only_where_availability_tells_them_apart() -> None:
    chat, columns = ("prompt", "chat", "app"), ("compare", "app")
    for scopes in (chat, columns, ("reading", "app"), ("sidebar", "app")):
        keys = Counter(
            key
            for command in COMMANDS
            if command.scope in scopes
            for key in command.key.split(",")
            if key
        )
        shared = {key for key, count in keys.items() if count > 1}
        assert shared <= {"escape"}, scopes


@pytest.mark.parametrize("width", [20, 40, 46, 80, 120, 200])
@pytest.mark.parametrize(
    "scopes",
    [("prompt", "chat", "app"), ("compare", "app"), ("reading", "app"), ("sidebar", "app")],
)
def test_the_footer_is_never_cut(width: int, scopes: tuple[str, ...]) -> None:
    facts = EVERYTHING if "compare" in scopes else EVERYTHING - {"columns"}
    items = footer_items(build_keymap({}), facts, *scopes)  # type: ignore[arg-type]
    kept = fit_items(items, width)
    assert kept
    assert 2 + sum(len(i.key) + 1 + len(i.text) for i in kept) + 2 * (len(kept) - 1) <= width
    assert min(items, key=lambda item: item.rank) in kept


def test_on_a_comparison_only_what_works_there_is_offered() -> None:
    facts = {"columns", "named", "vault"}
    assert palette_matches("summary", facts)[0].id == "compare.summary"
    assert {command.scope for command in palette_matches("", facts)} <= {"compare", "app"}
    assert "compare.vote_left" not in {command.id for command in palette_matches("", facts)}
    assert [c.slash for c in slash_matches("/summ", facts)] == ["summary"]
    assert slash_matches("/mod", facts) == []
    assert "compare" not in {command.scope for command in palette_matches("", {"chat", "idle"})}


def test_a_key_of_the_columns_may_be_one_of_the_reader_but_not_one_of_theirs() -> None:
    assert build_keymap({"compare.zoom": "v"}).problems == ()
    assert (
        "a key that compare.keep has" in build_keymap({"compare.zoom": "enter"}).problems[0].detail
    )
    assert "a key that app.lock has" in build_keymap({"compare.zoom": "f12"}).problems[0].detail


def test_keys_are_written_as_the_footer_shows_them() -> None:
    written = [written_key(key) for key in ("ctrl+o", "enter", "escape", "alt+up", "f1", "G")]
    assert written == ["^o", "⏎", "esc", "alt+↑", "f1", "G"]


def test_the_users_keys_replace_the_defaults_and_an_empty_one_takes_the_key_away() -> None:
    keymap = build_keymap({"model.pick": "f4, ctrl+l", "chat.new": ""})
    assert keymap.problems == ()
    assert keymap.keys["model.pick"] == "f4,ctrl+l"
    assert keymap.changed["chat.new"] not in {"", "ctrl+n"}
    assert keymap.every("model.pick") == "f4 ^l"


@pytest.mark.parametrize(
    ("wishes", "word"),
    [
        ({"no.such": "f4"}, "is no action"),
        ({"model.pick": "ctrl+m"}, "cannot tell"),
        ({"model.pick": "ctrl+f"}, "a key that find.open has"),
    ],
)
def test_a_key_that_cannot_be_is_named_and_left_at_its_default(
    wishes: dict[str, str], word: str
) -> None:
    keymap = build_keymap(wishes)
    assert keymap.keys == DEFAULT_KEYS
    assert len(keymap.problems) == 1
    assert word in keymap.problems[0].detail


def test_where_enter_does_not_send_it_makes_a_line() -> None:
    keymap = build_keymap({}, send_key="alt+enter")
    assert keymap.keys["prompt.send"] == "alt+enter"
    assert "enter" in keymap.keys["prompt.newline"].split(",")
    assert "alt+enter" not in keymap.keys["prompt.newline"].split(",")


@pytest.mark.parametrize(
    ("text", "command", "argument"),
    [
        ("/model openai/gpt-5.5", "model.pick", "openai/gpt-5.5"),
        ("/new", "chat.new", ""),
        ("/find two words ", "find.open", "two words"),
    ],
)
def test_a_slash_line_is_a_command_with_its_argument(
    text: str, command: str, argument: str
) -> None:
    line = parse_slash(text)
    assert line is not None
    assert (line.command.id, line.argument) == (command, argument)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("/modle gpt", "/modle"),
        ("/ne", "/ne"),
        ("/model gpt", ""),
        ("//modle", ""),
        ("/usr/bin/env is a path", ""),
        ("/5 is a fraction", ""),
        ("half/modle", ""),
    ],
)
def test_what_looks_like_a_command_and_is_none_is_known(text: str, name: str) -> None:
    assert unknown_slash(text) == name


@pytest.mark.parametrize("text", ["hello", "/usr/bin/env is a path", "//model", "/new\nand more"])
def test_ordinary_text_is_no_command(text: str) -> None:
    assert parse_slash(text) is None


def test_completion_puts_names_that_begin_so_first_and_hides_what_cannot_be_used() -> None:
    names = [command.slash for command in slash_matches("/s", {"chat"})]
    assert names[0].startswith("s")
    assert "stop" not in names
    assert "stop" in [c.slash for c in slash_matches("/s", {"chat", "streaming"})]
    assert slash_matches("/model x", set()) == []


def test_the_palette_finds_a_command_by_its_words_its_slash_name_and_its_help() -> None:
    assert palette_matches("switch model", ())[0].id == "model.pick"
    assert palette_matches("incognito", ())[0].id == "chat.incognito"
    assert "find.open" in [command.id for command in palette_matches("search", ())]
    assert palette_matches("zzzz", ()) == []


def test_fuzzy_rank_prefers_the_start_of_a_word_and_takes_letters_in_order() -> None:
    start, middle = fuzzy_rank("opus", "opus-4.7"), fuzzy_rank("opus", "claude-opus-4.7")
    inside, letters = fuzzy_rank("pus", "claude-opus-4.7"), fuzzy_rank("op47", "opus-4.7")
    assert start is not None
    assert middle is not None
    assert inside is not None
    assert letters is not None
    assert start < middle < inside < letters
    assert fuzzy_rank("opus", "gpt-5.5") is None
