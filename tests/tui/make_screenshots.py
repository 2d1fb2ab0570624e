"""Make the pictures of the README from the real app in real states.

    python tests/tui/make_screenshots.py [FOLDER]

Writes `screenshots/*.svg`. The words are those of the snapshot tests; nothing is drawn by hand.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "src"), str(REPOSITORY / "tests")]

from troth.tui.application import TrothApp  # noqa: E402
from troth.tui.widgets.row_list import RowList  # noqa: E402
from troth.vault.vault import Vault  # noqa: E402
from tui import scenes  # noqa: E402
from tui.compare_scenes import comparing  # noqa: E402
from tui.verification_scenes import STATES, showing  # noqa: E402

Scene = Callable[[Pilot[int]], Awaitable[None]]

PASSPHRASE = "forest lamp quiet nine river"


async def show_vault(pilot: Pilot[int]) -> None:
    """Make a vault at the full cost, unlock it, and show its screen."""
    app = cast("TrothApp", pilot.app)
    made = await Vault.create(app.vault_dir, PASSPHRASE)
    await made.vault.close()
    app.screen.query_one(Input).value = PASSPHRASE
    await pilot.press("enter")
    desk = await scenes.seated(pilot)
    desk.visits.vault()
    while not (rows := app.screen.query(RowList)) or not rows.first().rows:
        await pilot.pause(0.02)
    await scenes.still(pilot)


PICTURES: dict[str, tuple[str, tuple[int, int], Scene, str]] = {
    "welcome": ("welcome", (90, 26), scenes.still, ""),
    "chat": ("chat", (100, 32), scenes.in_chat(), ""),
    "chat-light": ("chat", (100, 32), scenes.in_chat(), "troth-light"),
    "reading": ("chat", (100, 32), scenes.in_chat(scenes.read), ""),
    "picture": ("chat", (90, 24), scenes.in_chat(scenes.see_picture, scenes.picture_messages), ""),
    "verified": ("chat", (120, 32), showing(STATES["verified"]), ""),
    "failed": ("chat", (120, 32), showing(STATES["failed"]), ""),
    "compare": ("chat", (160, 34), comparing(), ""),
    "chats": ("chat", (120, 32), scenes.in_chat(scenes.list_chats), ""),
    "models": ("chat", (100, 28), scenes.in_chat(scenes.show_models), ""),
    "palette": ("chat", (100, 28), scenes.in_chat(scenes.show_palette), ""),
    "find": ("chat", (100, 28), scenes.in_chat(scenes.find), ""),
    "import": ("chat", (100, 28), scenes.in_chat(scenes.show_import), ""),
    "vault": ("unlock", (100, 24), show_vault, ""),
    "unlock": ("unlock", (80, 20), scenes.still, ""),
    "narrow": ("chat", (46, 20), scenes.in_chat(), ""),
}


async def picture(name: str, folder: Path) -> None:
    """Bring a fresh app into one state and write what it shows."""
    kind, size, scene, theme = PICTURES[name]
    with tempfile.TemporaryDirectory() as home, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", home)  # so that a path that is shown reads as a user's would
        app = scenes.make_app(Path(home), patch, kind)  # type: ignore[arg-type]
        async with app.run_test(size=size) as pilot:
            await scene(pilot)
            if theme:
                app.wear(theme)
                await scenes.still(pilot)
            svg = app.export_screenshot(title="troth")
        await app.seal()
    (folder / f"{name}.svg").write_text(svg, "utf-8")
    print(f"{name}.svg  {size[0]}x{size[1]}")


async def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "screenshots"
    folder.mkdir(exist_ok=True)
    for name in PICTURES:
        await picture(name, folder)


if __name__ == "__main__":
    asyncio.run(main())
