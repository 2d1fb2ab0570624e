"""How several models side by side look, at the sizes that people have."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

if sys.platform == "win32":
    pytest.skip("times are fixed through TZ, which Windows has not", allow_module_level=True)

from troth.engine.comparison_state import Blind
from tui import scenes
from tui.compare_scenes import comparing

Compare = Callable[..., bool]
Scene = Callable[[Pilot[int]], Awaitable[None]]

SIZES = {"200x30": (200, 30), "120x40": (120, 40), "80x24": (80, 24), "46x16": (46, 16)}
BLIND = Blind(seed=5)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize(
    "scene",
    [comparing(), comparing(blind=BLIND, columns=3)],
    ids=["named", "blind"],
)
def test_columns(
    snap_compare: Compare,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scene: Scene,
    size: tuple[int, int],
) -> None:
    app = scenes.make_app(tmp_path, monkeypatch)
    assert snap_compare(app, terminal_size=size, run_before=scene)


@pytest.mark.parametrize(
    ("scene", "size"),
    [
        (comparing("3"), (80, 24)),
        (comparing("4"), (80, 24)),
        (comparing("s"), (120, 40)),
        (comparing("s"), (80, 24)),
        (comparing("d"), (120, 40)),
        (comparing("J"), (80, 24)),
        (comparing("T"), (80, 24)),
    ],
    ids=["cut", "failed", "summary-120x40", "summary-80x24", "differences", "judge", "ratings"],
)
def test_what_stands_over_the_columns(
    snap_compare: Compare,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scene: Scene,
    size: tuple[int, int],
) -> None:
    app = scenes.make_app(tmp_path, monkeypatch)
    assert snap_compare(app, terminal_size=size, run_before=scene)


def test_columns_in_a_light_theme(
    snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = scenes.make_app(tmp_path, monkeypatch)

    async def wear(pilot: Pilot[int]) -> None:
        await comparing()(pilot)
        app.wear("troth-light")
        await scenes.still(pilot)

    assert snap_compare(app, terminal_size=(200, 30), run_before=wear)


def test_columns_without_colour(
    snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = scenes.make_app(tmp_path, monkeypatch)
    assert snap_compare(app, terminal_size=(120, 40), run_before=comparing())
