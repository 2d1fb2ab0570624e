"""The transcript on the chat screen, with the keys of reading mode.

Takes a whole path again and changes only what differs, so that the reader's place stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from troth.tui.keys import bindings_for
from troth.tui.widgets.transcript import Transcript
from troth.tui.widgets.transcript_album import Album
from troth.tui.widgets.transcript_entry import Entry


class Page(Transcript):
    """A transcript that reading mode walks through."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("reading")]

    class Digit(Message):
        """A digit was pressed in reading mode."""

        def __init__(self, digit: str) -> None:
            super().__init__()
            self.digit = digit

    def __init__(self) -> None:
        super().__init__()
        self.layout_rows.album = Album()
        self._entries: dict[str, Entry] = {}
        """What is shown, in its order."""
        self.opens_thinking = False
        """Whether the thinking of a reply that arrives is unfolded."""

    def on_mount(self) -> None:
        assert self.layout_rows.album is not None
        self.layout_rows.album.in_shades = self.app.no_color

    def append(self, entry: Entry) -> None:
        """Add a message at the end."""
        super().append(entry)
        self._unfold(entry)

    def _unfold(self, last: Entry) -> None:
        if self.opens_thinking and last.is_streaming:
            self.layout_rows.messages[-1].is_thinking_open = True

    # -- the path

    def show_chat(self, entries: Sequence[Entry]) -> None:
        """Show another chat, from its end."""
        self._entries = {entry.id: entry for entry in entries}
        if entries:
            self.show(entries, at_end=True)
            self._unfold(entries[-1])
        else:
            self.clear()

    def update_path(self, entries: Sequence[Entry]) -> None:
        """Show another path of the same chat; messages that stay keep their place on screen."""
        old, new = list(self._entries), [entry.id for entry in entries]
        older = len(new) - len(old)
        if old and older > 0 and new[older:] == old:
            self._replace_changed(entries[older:])
            self.prepend(entries[:older])
        else:
            same = _common_length(old, new)
            if same == 0:
                self.show_chat(entries)
                return
            self._replace_changed(entries[:same])
            if same < len(old):
                self.truncate_after(new[same - 1])
            for entry in entries[same:]:
                self.append(entry)
        self._entries = {entry.id: entry for entry in entries}

    def _replace_changed(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if self._entries.get(entry.id) is not entry and self._entries[entry.id] != entry:
                self.replace(entry)

    def entry(self, entry_id: str) -> Entry | None:
        """Return a message as it was given; deltas that came since are not in it."""
        return self._entries.get(entry_id)

    def settle(self, entry: Entry) -> None:
        """Show a new version of one message; one that is not there yet is added at the end."""
        if entry.id in self._entries:
            self.replace(entry)
        else:
            self.append(entry)
        self._entries[entry.id] = entry

    # -- where the reader is

    def place(self) -> tuple[str, int, int] | None:
        """Return the place at the top: message, block and row; None at the end."""
        rows = self.layout_rows
        if rows.is_following or rows.top.message >= len(rows.messages):
            return None
        return rows.messages[rows.top.message].entry.id, rows.top.unit, rows.top.row

    def go_back(self, place: tuple[str, int, int]) -> None:
        """Show a place again, if its message is here."""
        entry_id, unit, row = place
        if (index := self.layout_rows.index_of(entry_id)) is not None:
            self.layout_rows.go_to(index, unit, row)
            self.redraw()

    # -- reading

    @property
    def current_id(self) -> str:
        """The message under the reader's eye, "" when there is none."""
        return self.selected_id or ""

    def enter(self) -> None:
        """Begin to read: the eye goes to what is on screen unless it has a place."""
        self.focus()
        self._open_eye()

    def on_blur(self) -> None:
        self.select(None)

    def on_focus(self) -> None:
        self._open_eye()

    def _open_eye(self) -> None:
        """Begin where the reader is, and scroll nothing: at the end with the last message."""
        if self.selected_id is not None:
            return
        rows = self.layout_rows
        if rows.is_end_seen and rows.messages:
            self._look_at(rows.messages[-1].entry.id)
        else:
            self.select_seen()

    def go_to(self, entry_id: str, words: Sequence[str] = ()) -> None:
        """Show one message: at the place that says one of `words`, else at its head."""
        self.highlight(words)
        if words:
            self.scroll_to_hit(entry_id, words[0])
        else:
            self.scroll_to_message(entry_id)
        if self.has_focus:
            self.select(entry_id)

    def on_key(self, event: events.Key) -> None:
        if event.key.isdigit() and event.key != "0":
            event.stop()
            self.post_message(self.Digit(event.key))


def _common_length(old: Sequence[str], new: Sequence[str]) -> int:
    for at, (left, right) in enumerate(zip(old, new, strict=False)):
        if left != right:
            return at
    return min(len(old), len(new))
