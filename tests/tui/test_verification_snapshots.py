"""How verification looks, at the sizes that people have, with and without colour."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("times are fixed through TZ, which Windows has not", allow_module_level=True)

from tui import scenes
from tui.verification_scenes import STATES, showing

Compare = Callable[..., bool]

SIZES = {"80x24": (80, 24), "120x40": (120, 40), "46x16": (46, 16)}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize("state", ["verified", "failed"])
def test_the_pane(
    snap_compare: Compare,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    size: tuple[int, int],
) -> None:
    app = scenes.make_app(tmp_path, monkeypatch)
    assert snap_compare(app, terminal_size=size, run_before=showing(STATES[state]))


@pytest.mark.parametrize("state", ["partly", "simulated"])
def test_other_states(
    snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    app = scenes.make_app(tmp_path, monkeypatch)
    assert snap_compare(app, terminal_size=(120, 40), run_before=showing(STATES[state]))


def test_a_failure_is_loud_without_colour_and_without_the_pane(
    snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = scenes.make_app(tmp_path, monkeypatch)
    scene = showing(STATES["failed"], with_pane=False)
    assert snap_compare(app, terminal_size=(80, 24), run_before=scene)
