"""The small pictures that a transcript holds, and those that it still wants.

The transcript asks, its screen fetches and gives. What is held is bounded; the ones looked at
longest ago go first and are asked for again when they come into view.
"""

from __future__ import annotations

from troth.tui.widgets.markdown_text import Canvas
from troth.tui.widgets.transcript_entry import Picture
from troth.tui.widgets.transcript_furniture import draw_attachments
from troth.tui.widgets.transcript_picture import (
    SIZES,
    USUAL_SIZE,
    Box,
    PictureKey,
    Preview,
    box_for,
    draw_picture,
    draw_unshown,
    is_shaded,
)
from troth.tui.widgets.transcript_row import BLANK, Row

MOST_BYTES = 4_000_000
"""Pixels that are held: hundreds of pictures at the usual size."""
MOST_UNSHOWN = 1000


class Album:
    """Pictures by what they show and for which room."""

    def __init__(self) -> None:
        self.size = USUAL_SIZE
        self.in_shades = False
        """Whether the terminal is to get no colours."""
        self._previews: dict[PictureKey, Preview] = {}
        self._bytes = 0
        self._unshown: dict[str, None] = {}
        self._wanted: list[PictureKey] = []
        self._awaited: set[PictureKey] = set()

    def find(self, sha256: str, box: Box) -> Preview | None:
        """Return a picture for a room; one that is not here is wanted from now on."""
        key = PictureKey(sha256, box)
        preview = self._previews.pop(key, None)
        if preview is not None:
            self._previews[key] = preview  # it is the newest again
        elif key not in self._awaited and sha256 not in self._unshown:
            self._awaited.add(key)
            self._wanted.append(key)
        return preview

    def is_unshown(self, sha256: str) -> bool:
        """Whether these bytes are known to be no picture that can be shown."""
        return sha256 in self._unshown

    def take_wanted(self) -> list[PictureKey]:
        """Return what was asked for since the last time."""
        wanted, self._wanted = self._wanted, []
        return wanted

    def put(self, key: PictureKey, preview: Preview | None) -> None:
        """Take a picture in; None is one that cannot be shown."""
        self._awaited.discard(key)
        if preview is None:
            self._unshown[key.sha256] = None
            if len(self._unshown) > MOST_UNSHOWN:
                del self._unshown[next(iter(self._unshown))]
            return
        self._previews[key] = preview
        self._bytes += len(preview.pixels)
        while self._bytes > MOST_BYTES and len(self._previews) > 1:
            self._bytes -= len(self._previews.pop(next(iter(self._previews))).pixels)

    def resize(self, step: int) -> bool:
        """Draw pictures larger (+1) or smaller (-1); returns whether there is such a size."""
        size = self.size + step
        if not 0 <= size < len(SIZES):
            return False
        self.size = size
        return True


def draw_from(album: Album | None, picture: Picture, canvas: Canvas) -> list[Row]:
    """Draw a picture as an album has it; without an album it is named."""
    if album is None:
        return draw_attachments([f"{picture.name}  {picture.media_type}  {picture.size}"], canvas)
    box = box_for(canvas.width, album.size)
    preview = album.find(picture.sha256, box)
    if preview is None and album.is_unshown(picture.sha256):
        return draw_unshown(picture, canvas)
    in_shades = album.in_shades or is_shaded(canvas)
    return [BLANK, *draw_picture(picture, preview, box, canvas, in_shades=in_shades)]
