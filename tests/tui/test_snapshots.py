"""How each screen looks, at the sizes that people have. One snapshot, one state."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

if sys.platform == "win32":
    pytest.skip("times are fixed through TZ, which Windows has not", allow_module_level=True)

from tui import scenes

Compare = Callable[..., bool]
Scene = Callable[[Pilot[int]], Awaitable[None]]

SIZES = {"80x24": (80, 24), "120x40": (120, 40), "46x16": (46, 16)}

CHAT_SCENES: dict[str, Scene] = {
    "chat": scenes.in_chat(),
    "reading": scenes.in_chat(scenes.read),
    "chats": scenes.in_chat(scenes.list_chats),
    "models": scenes.in_chat(scenes.show_models),
    "palette": scenes.in_chat(scenes.show_palette),
    "find": scenes.in_chat(scenes.find),
    "import": scenes.in_chat(scenes.show_import),
    "picture": scenes.in_chat(scenes.see_picture, scenes.picture_messages),
}
ONE_SIZE: dict[str, Scene] = {
    "slash": scenes.in_chat(scenes.show_slash_menu),
    "help": scenes.in_chat(scenes.show_help),
    "details": scenes.in_chat(scenes.show_details),
    "settings": scenes.in_chat(scenes.show_settings),
    "failed": scenes.in_chat(messages=scenes.failed_messages),
    "selected": scenes.in_chat(scenes.select_chats),
    "folders": scenes.in_chat(scenes.show_folders),
    "lines": scenes.in_chat(scenes.write_lines),
}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize("scene", CHAT_SCENES.values(), ids=CHAT_SCENES.keys())
def test_the_chat(
    snap_compare: Compare,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scene: Scene,
    size: tuple[int, int],
) -> None:
    app = scenes.make_app(tmp_path, monkeypatch)
    assert snap_compare(app, terminal_size=size, run_before=scene)


@pytest.mark.parametrize("scene", ONE_SIZE.values(), ids=ONE_SIZE.keys())
def test_other_states(
    snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scene: Scene
) -> None:
    app = scenes.make_app(tmp_path, monkeypatch)
    assert snap_compare(app, terminal_size=(80, 24), run_before=scene)


@pytest.mark.parametrize("theme", ["troth-light", "high-contrast", "ansi"])
def test_the_chat_in_another_theme(
    snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, theme: str
) -> None:
    app = scenes.make_app(tmp_path, monkeypatch)

    async def wear(pilot: Pilot[int]) -> None:
        await scenes.in_chat()(pilot)
        app.wear(theme)
        await scenes.still(pilot)

    assert snap_compare(app, terminal_size=(80, 24), run_before=wear)


def test_the_chat_without_colour(
    snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = scenes.make_app(tmp_path, monkeypatch)
    assert snap_compare(app, terminal_size=(80, 24), run_before=scenes.in_chat(scenes.read))


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_welcome(
    snap_compare: Compare,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
) -> None:
    app = scenes.make_app(tmp_path, monkeypatch, "welcome")
    assert snap_compare(app, terminal_size=size, run_before=scenes.still)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_unlock(
    snap_compare: Compare,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
) -> None:
    app = scenes.make_app(tmp_path, monkeypatch, "unlock")
    assert snap_compare(app, terminal_size=size, run_before=scenes.still)
