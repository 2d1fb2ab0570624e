"""Keys that terminals send in a way that Textual does not read (8.2.8)."""

from __future__ import annotations

from enum import Enum
from typing import cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS


class _Key(Enum):
    ALT_ENTER = "alt+enter"


_SEQUENCES = {"\x1b\r": _Key.ALT_ENTER, "\x1b\n": _Key.ALT_ENTER}
"""Alt sends Escape first in every terminal without the Kitty protocol. Read as two keys, Enter
would send what was to become another line."""


def learn_keys() -> None:
    """Let Textual read them; to be called before the first key comes."""
    table = cast("dict[str, tuple[_Key, ...]]", ANSI_SEQUENCES_KEYS)
    for sequence, key in _SEQUENCES.items():
        table.setdefault(sequence, (key,))
