"""The box of a dialog: its keys stand in the lower edge, and as many as fit are never cut."""

from __future__ import annotations

import re

from rich.cells import cell_len
from textual.containers import Vertical

_EDGES = 6
"""Cells that the corners, a bit of line and the gaps round the words take."""


def fit_keys(keys: str, room: int) -> str:
    """Return the `key word` pairs, apart by two spaces or more, that fit in `room` cells.

    The first and the last stay (what Enter does, and the way out); those before the last go first.
    """
    pairs = re.split(r" {2,}", keys)
    while len(pairs) > 2 and cell_len("  ".join(pairs)) > room:
        del pairs[-2]
    gap = "   " if cell_len("   ".join(pairs)) <= room else "  "
    return gap.join(pairs)


class DialogBox(Vertical):
    """A bordered box. `keys` are set before it is mounted; `say_keys` tells others later."""

    keys = ""

    def say_keys(self, keys: str) -> None:
        """Name other keys from now on."""
        self.keys = keys
        self.on_resize()

    def on_resize(self) -> None:
        self.border_subtitle = fit_keys(self.keys, self.outer_size.width - _EDGES)
