"""From bytes to small pixels: four formats, and every way in which bytes are no picture."""

from __future__ import annotations

import random
import subprocess
import sys
from io import BytesIO

import pytest
from PIL import Image

from troth.tui import picture
from troth.tui.picture import MOST_PIXELS, read_preview
from troth.tui.widgets.transcript_album import Album
from troth.tui.widgets.transcript_picture import Box, PictureKey, Preview
from tui.pictures import huge_png, quarters

BOX = Box(30, 10)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_each_format_is_made_small_with_its_colours(form: str) -> None:
    preview = read_preview(quarters(640, 480, form), BOX)
    assert preview is not None
    assert (preview.kind, preview.full_width, preview.full_height) == (form, 640, 480)
    assert preview.width <= 30
    assert preview.height <= 20
    assert len(preview.pixels) == 4 * preview.width * preview.height
    red = preview.pixels[:4]
    assert red[0] > 180
    assert max(red[1], red[2]) < 30
    assert red[3] == 255


def test_other_formats_are_not_read_whatever_they_are_called() -> None:
    for form in ("BMP", "TIFF", "PPM", "ICO"):
        assert read_preview(quarters(32, 32, form), BOX) is None


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
def test_every_way_to_write_a_pixel_is_read(mode: str) -> None:
    written = BytesIO()
    Image.new(mode, (40, 20)).save(written, "JPEG" if mode == "CMYK" else "PNG")
    preview = read_preview(written.getvalue(), BOX)
    assert preview is not None
    assert (preview.width, preview.height) == (30, 15)


def test_a_photo_that_was_turned_stands_upright() -> None:
    written, exif = BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (200, 100)).save(written, "JPEG", exif=exif)
    preview = read_preview(written.getvalue(), BOX)
    assert preview is not None
    assert (preview.full_width, preview.full_height) == (100, 200)
    assert (preview.width, preview.height) == (10, 20)


def test_what_says_it_is_huge_is_refused_before_its_pixels_are_read() -> None:
    side = 1 + int(MOST_PIXELS**0.5)
    assert read_preview(huge_png(side, side), BOX) is None
    assert read_preview(huge_png(0x7FFFFFFF, 0x7FFFFFFF), BOX) is None


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_the_ceiling_on_pixels_holds_in_each_format(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture, "MOST_PIXELS", 64 * 64)
    assert read_preview(quarters(64, 64, form), BOX) is not None
    assert read_preview(quarters(64, 66, form), BOX) is None


def test_a_webps_pixels_are_known_from_its_head() -> None:
    image, made = Image.new("RGB", (300, 200)), []
    for more in ({"lossless": True}, {"lossless": False}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}):
        written = BytesIO()
        image.save(written, "WEBP", **more)  # type: ignore[arg-type]
        made.append(written.getvalue())
    assert {head[12:16] for head in made} == {b"VP8L", b"VP8 ", b"VP8X"}
    assert [picture._webp_pixels(content) for content in made] == [60_000] * 3
    assert picture._webp_pixels(quarters()) == 0


def test_a_webp_that_says_it_is_huge_never_reaches_the_reader() -> None:
    chunk = b"VP8X" + (10).to_bytes(4, "little") + bytes(4) + b"\xff\xff\x00" + b"\xff\xff\x00"
    assert (
        read_preview(b"RIFF" + (len(chunk) + 4).to_bytes(4, "little") + b"WEBP" + chunk, BOX)
        is None
    )


def test_a_jpeg_of_endless_scans_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    written = BytesIO()
    Image.effect_noise((64, 64), 60).convert("RGB").save(written, "JPEG", progressive=True)
    assert read_preview(written.getvalue(), BOX) is not None
    monkeypatch.setattr(picture, "_MOST_SCANS", 3)
    assert read_preview(written.getvalue(), BOX) is None


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_broken_bytes_are_a_picture_or_none_and_never_a_fault(form: str) -> None:
    whole, dice = quarters(48, 48, form), random.Random(form)
    assert read_preview(b"", BOX) is None
    for length in range(0, len(whole), max(1, len(whole) // 60)):
        read_preview(whole[:length], BOX)
    for _ in range(400):
        broken = bytearray(whole)
        for _ in range(dice.randint(1, 8)):
            broken[dice.randrange(len(broken))] = dice.randrange(256)
        preview = read_preview(bytes(broken), BOX)
        assert preview is None or preview.width <= BOX.columns


def test_a_cut_off_picture_is_not_shown() -> None:
    for form in ("PNG", "JPEG", "WEBP"):
        whole = quarters(640, 640, form)
        assert read_preview(whole[: len(whole) // 2], BOX) is None


def test_pillow_is_not_imported_before_a_picture_is_drawn() -> None:
    asked = "import sys, troth.tui.screens.desk, troth.tui.picture; print('PIL' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"


def test_an_album_holds_so_much_and_asks_again_for_the_rest() -> None:
    album, pixels = Album(), bytes(4 * 500 * 500)
    keys = [PictureKey(f"{number}", BOX) for number in range(6)]
    for key in keys:
        assert album.find(*key) is None
        assert album.find(*key) is None
    assert album.take_wanted() == keys
    for key in keys:
        album.put(key, Preview("PNG", 1, 1, 500, 500, pixels))
    assert [album.find(*key) is not None for key in keys] == [False, False, True, True, True, True]
    assert album.take_wanted() == keys[:2]
    album.put(keys[0], None)
    assert album.is_unshown("0")
