"""The app round its screens: the look of the last run, and settings that reach them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from servers import openai_chat_stream
from troth.tui.application import TrothApp
from troth.tui.look import LookBook
from tui.app_stage import run_app


async def test_the_theme_of_the_last_run_is_worn_before_any_file_is_read(tmp_path: Path) -> None:
    async with run_app(tmp_path, config='theme = "troth-light"\nmouse = false\n') as stage:
        assert stage.app.theme == "troth-light"
    again = TrothApp("chat", environ={"TROTH_HOME": str(tmp_path)})
    assert again.theme == "troth-light"
    assert not again.looks.wants_mouse
    first = (tmp_path / "cache" / "look").read_text("utf-8").partition("\n")[0]
    assert len(first.split()) == 2


@pytest.mark.parametrize(
    "damage", ["", "{", "x\n[]", "x\n{}", 'x\n{"mouse": 1, "theme": {"name": 3}}', "\x00\xff"]
)
def test_a_damaged_look_is_as_good_as_none(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "cache" / "look"
    file.parent.mkdir()
    file.write_text(damage, "utf-8")
    app = TrothApp("chat", environ={"TROTH_HOME": str(tmp_path)})
    assert app.theme == "troth-dark"


def test_what_is_remembered_of_the_look_is_nothing_private(tmp_path: Path) -> None:
    file = tmp_path / "look"
    app = TrothApp("chat", environ={"TROTH_HOME": str(tmp_path)})
    book = LookBook(file)
    book.load(app, "paper", tmp_path / "themes")
    assert set(json.loads(file.read_text("utf-8").partition("\n")[2])) == {"mouse", "theme"}


async def test_thinking_is_unfolded_while_it_arrives_where_that_is_wanted(tmp_path: Path) -> None:
    script = openai_chat_stream(["Answer."], thinking=["Inner words."])
    async with run_app(tmp_path, script, config="show_thinking = true\n") as stage:
        await stage.say("go")
        assert "Inner words." in stage.text
    async with run_app(tmp_path / "other", script) as stage:
        await stage.say("go")
        assert "Inner words." not in stage.text
