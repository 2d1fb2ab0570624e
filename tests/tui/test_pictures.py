"""Pictures in a real chat: drawn, sized, opened from a private copy, saved, folded."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input

from servers import openai_chat_stream
from troth.domain.verdict import Check, Outcome, State, Verdict
from troth.tui.application import TrothApp
from troth.tui.editor import PREFIX
from troth.tui.picture import read_preview
from troth.tui.screens.chat import ChatScreen
from troth.tui.screens.dialogs import TextDialog
from troth.tui.screens.entries import entry_of
from troth.tui.widgets.transcript_entry import Entry, Picture
from troth.tui.widgets.transcript_picture import SIZES, PictureKey, box_for
from troth.vault.vault import Vault
from tui.app_stage import Stage, run_app
from tui.pictures import huge_png, image_reply, quarters

BYTES = quarters()
SHA256 = hashlib.sha256(BYTES).hexdigest()


def half_blocks(stage: Stage) -> int:
    return sum("▀" in line for line in stage.text.split("\n"))


async def draw(stage: Stage) -> None:
    await stage.say("draw")
    await stage.until(lambda: "64 x 64" in stage.text, "the picture is drawn")


async def read(stage: Stage) -> None:
    await stage.pilot.press("escape")
    await stage.until(lambda: stage.screen.is_reading)


def viewer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program in the place of the system's viewer: it notes what it was given."""
    seen = folder / "seen"
    tools = folder / "tools"
    tools.mkdir()
    for name in ("xdg-open", "open"):
        program = tools / name
        program.write_text(f'#!/bin/sh\nprintf %s "$1" > "{seen}"\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return seen


async def test_an_image_is_drawn_with_what_it_is(tmp_path: Path) -> None:
    async with run_app(tmp_path, image_reply("Here.", BYTES)) as stage:
        await draw(stage)
        assert half_blocks(stage) == SIZES[1]
        name = f"{SHA256[:8]}.png"
        for words in (name, "PNG  64 x 64", f"sha-256 {SHA256[:4]} {SHA256[4:8]} .. {SHA256[-4:]}"):
            assert words in stage.text
        assert stage.desk.page.is_following
        colours = {
            piece.style.color.triplet
            for spot in stage.desk.page._spots
            for piece in spot.row.pieces
            if "▀" in piece.text and piece.style.color and piece.style.color.triplet
        }
        assert {(200, 0, 0), (0, 200, 0), (0, 0, 200), (255, 255, 255)} <= colours


async def test_without_colours_brightness_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with run_app(tmp_path, image_reply("Here.", BYTES)) as stage:
        await draw(stage)
        assert half_blocks(stage) == 0
        assert "██████████" in stage.text


async def test_the_terminals_own_colours_are_not_mixed(tmp_path: Path) -> None:
    async with run_app(tmp_path, image_reply("Here.", BYTES), config='theme = "ansi"\n') as stage:
        await draw(stage)
        assert half_blocks(stage) == 0
        assert "██████████" in stage.text


async def test_pictures_grow_and_shrink_to_an_end(tmp_path: Path) -> None:
    async with run_app(tmp_path, image_reply("Here.", BYTES), size=(120, 60)) as stage:
        await draw(stage)
        await read(stage)
        assert "+ larger" in stage.text
        await stage.pilot.press("plus")
        await stage.until(lambda: half_blocks(stage) == SIZES[2])
        await stage.pilot.press("minus", "minus")
        await stage.until(lambda: half_blocks(stage) == SIZES[0])
        await stage.pilot.press("minus")
        await stage.until(lambda: "smallest size" in stage.text)


@pytest.mark.parametrize(
    "content", [b"not a picture", BYTES[:90], huge_png(60_000, 60_000)], ids=["no", "cut", "bomb"]
)
async def test_hostile_bytes_are_one_quiet_line(tmp_path: Path, content: bytes) -> None:
    async with run_app(tmp_path, image_reply("Here.", content)) as stage:
        await stage.say("draw")
        await stage.until(lambda: "cannot be shown" in stage.text.replace("\n ▌ ", " "))
        assert half_blocks(stage) == 0
        await read(stage)
        await stage.pilot.press("o")
        await stage.until(lambda: "no picture that can be shown" in stage.text)


@pytest.mark.skipif(os.name == "nt", reason="modes and the viewer's name are those of POSIX")
async def test_o_opens_a_private_copy_that_ends_with_the_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = viewer(tmp_path, monkeypatch)
    async with run_app(tmp_path / "home", image_reply("Here.", BYTES)) as stage:
        await draw(stage)
        assert not seen.exists()
        await read(stage)
        await stage.pilot.press("o")
        await stage.until(lambda: "private copy" in stage.text)
        copy = Path(seen.read_text())
        assert copy.read_bytes() == BYTES
        assert copy.suffix == ".png"
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
        # What a kill leaves is known by this name at the next start.
        assert copy.parent.name.startswith(f"{PREFIX}{os.getpid()}-")
    assert not copy.parent.exists()


@pytest.mark.skipif(os.name == "nt", reason="the viewer's name is that of POSIX")
async def test_what_was_opened_is_gone_at_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = viewer(tmp_path, monkeypatch)
    made = await Vault.create(tmp_path / "home" / "data", "a passphrase", memory_kib=65_536)
    await made.vault.close()
    app = TrothApp("unlock", environ={"TROTH_HOME": str(tmp_path / "home")})
    async with app.run_test(size=(80, 24)) as pilot:
        app.screen.query_one(Input).value = "a passphrase"
        await pilot.press("enter")
        while app.engine is None or app.engine.is_locked:
            await pilot.pause(0.02)
        assert await app.shown_files.show(BYTES, "PNG")
        copy = Path(seen.read_text())
        assert copy.exists()
        while not isinstance(app.screen, ChatScreen):
            await pilot.pause(0.02)
        app.lock()
        while not app.engine.is_locked:
            await pilot.pause(0.02)
        assert not copy.parent.exists()
    await app.seal()


async def test_s_saves_the_picture_and_nothing_over_another(tmp_path: Path) -> None:
    target = tmp_path / "poster.png"
    async with run_app(tmp_path, image_reply("", BYTES)) as stage:
        await draw(stage)
        await read(stage)
        for words in ("Written to", "nothing was written"):
            await stage.pilot.press("s")
            await stage.until(lambda: isinstance(stage.app.screen, TextDialog))
            field = stage.app.screen.query_one("Field")
            assert field.value == f"{SHA256[:8]}.png"  # type: ignore[attr-defined]
            field.value = str(target)  # type: ignore[attr-defined]
            await stage.pilot.press("enter")
            await stage.until(lambda said=words: said in stage.text.replace("\n", " "))
    assert target.read_bytes() == BYTES


async def test_of_text_and_picture_s_asks_which(tmp_path: Path) -> None:
    async with run_app(tmp_path, image_reply("Here.", BYTES)) as stage:
        await draw(stage)
        await read(stage)
        await stage.pilot.press("s")
        await stage.until(lambda: f"1: {SHA256[:8]}.png  2: the text" in stage.text)
        await stage.pilot.press("2")
        await stage.until(lambda: isinstance(stage.app.screen, TextDialog))
        assert stage.app.screen.query_one("Field").value == "message.md"  # type: ignore[attr-defined]


async def test_an_image_of_ones_own_is_drawn_and_a_named_one_is_never_fetched(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mine.png"
    file.write_bytes(BYTES)
    async with run_app(tmp_path) as stage:
        remote = f"![a]({stage.server.url}/remote.png)"
        await stage.desk.talking.attaching.attach(file)
        await stage.say("look")
        await stage.until(lambda: "64 x 64" in stage.text)
        assert "mine.png" in stage.text
        page = stage.desk.page
        page.append(Entry("x", "assistant", "m", text=remote))
        await stage.pilot.pause()
        assert all("remote" not in request.path for request in stage.server.requests)


async def test_a_picture_says_so_where_the_signature_leaves_it_out(tmp_path: Path) -> None:
    async with run_app(tmp_path, image_reply("Here.", BYTES)) as stage:
        await draw(stage)
        chat = stage.desk.talking.chat
        assert chat is not None
        [_, reply] = chat.path
        assert "not covered" not in stage.text
        checks = (Check("coverage", Outcome.NOT_COVERED, "It leaves out images."),)
        verdict = Verdict(State.PARTLY_COVERED, "opengradient", checks, reply.created_at)
        stage.desk.page.settle(entry_of(reply, verdict=verdict))
        await stage.until(lambda: "not covered by the signature" in stage.text)


async def test_a_reply_that_is_held_shows_no_picture_before_its_verdict(tmp_path: Path) -> None:
    async with run_app(tmp_path, image_reply("Here.", BYTES)) as stage:
        await draw(stage)
        chat = stage.desk.talking.chat
        assert chat is not None
        assert chat.reply is not None
        await stage.desk.engine.proofs.hold(chat, is_held=True)
        chat.reply.verdict, chat.reply._is_closed = None, False  # it is sealed, and being judged
        stage.desk.talking.redraw()
        await stage.until(lambda: "only once it was checked" in stage.text)
        assert half_blocks(stage) == 0
        assert SHA256[:8] not in stage.text
        chat.reply.close()


async def test_a_failed_replys_picture_is_folded_with_it(tmp_path: Path) -> None:
    async with run_app(tmp_path, image_reply("Here.", BYTES)) as stage:
        await draw(stage)
        page = stage.desk.page
        entry = page.entry(page.layout_rows.messages[-1].entry.id)
        assert entry is not None
        page.settle(replace(entry, is_failed=True))
        await stage.until(lambda: half_blocks(stage) == 0)
        assert "64 x 64" not in stage.text
        page.toggle_fold(entry.id)
        await stage.until(lambda: half_blocks(stage) == SIZES[1])


async def test_a_picture_that_comes_late_moves_no_line_below_it(tmp_path: Path) -> None:
    wide = quarters(640, 64)
    async with run_app(tmp_path, openai_chat_stream([f"line {n}\n\n" for n in range(60)])) as stage:
        await stage.say("go")
        page = stage.desk.page
        view = page.layout_rows.messages[-1]
        picture = Picture("0" * 64, "a.png", "image/png", "1 KB")
        early = Entry("early", "user", "You", text="see", pictures=(picture,))
        page.prepend([Entry("first", "user", "You", text="a\nb\nc"), early])
        page.layout_rows.go_to(1, 1, 4)
        page.redraw()
        before = [(y, s.row) for y, s in enumerate(page._spots) if s.message is view]
        assert before
        key = PictureKey("0" * 64, box_for(page.layout_rows.width, 1))
        page.give_picture(key, read_preview(wide, key.box))
        after = [(y, s.row) for y, s in enumerate(page._spots) if s.message is view]
        assert after == before
