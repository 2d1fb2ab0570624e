"""The transcript: a whole conversation in one widget, with no widget per message.

Screens give it entries and deltas, and hear from it what the reader did. Nothing foreign is drawn
but through the sanitiser, and nothing is ever read as console markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from textual import events
from textual.reactive import var

from troth.tui.safe import clean
from troth.tui.widgets import transcript_events as told
from troth.tui.widgets.transcript_entry import Entry
from troth.tui.widgets.transcript_message import MessageView
from troth.tui.widgets.transcript_picture import PictureKey, Preview
from troth.tui.widgets.transcript_row import FOLD_BODY, FOLD_THINKING, VARIANT_BACK, VARIANT_ON
from troth.tui.widgets.transcript_select import code_in, links_in, read_blocks
from troth.tui.widgets.transcript_units import Part
from troth.tui.widgets.transcript_view import TranscriptView


class Transcript(TranscriptView):
    """A conversation."""

    LinkChosen = told.LinkChosen
    FoldToggled = told.FoldToggled
    VariantChosen = told.VariantChosen
    PictureWanted = told.PictureWanted
    Selected = told.Selected
    StartNear = told.StartNear
    TailLeft = told.TailLeft
    TailReached = told.TailReached

    show_hidden: var[bool] = var(default=False, init=False)
    """Whether removed control characters are named where they were."""

    def __init__(
        self, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._deltas: dict[str, tuple[list[str], list[str]]] = {}

    # --- entries ----------------------------------------------------------------------------

    def show(self, entries: Iterable[Entry], *, at_end: bool = True) -> None:
        """Show these messages instead of what is shown, from the end or from the start."""
        self._deltas.clear()
        self.selected_id = None
        rows = self.layout_rows
        rows.remove_from(0)
        rows.insert(0, [MessageView(entry, index) for index, entry in enumerate(entries)])
        rows.go_to(0)
        rows.is_following = at_end
        self.redraw()

    def prepend(self, entries: Sequence[Entry]) -> None:
        """Put older messages above; the lines on screen do not move."""
        messages = self.layout_rows.messages
        first = messages[0].ordinal if messages else 0
        views = [MessageView(entry, first - len(entries) + n) for n, entry in enumerate(entries)]
        self.layout_rows.insert(0, views)
        self.redraw()

    def append(self, entry: Entry) -> None:
        """Add a message at the end."""
        messages = self.layout_rows.messages
        ordinal = messages[-1].ordinal + 1 if messages else 0
        self.layout_rows.insert(len(messages), [MessageView(entry, ordinal)])
        self.redraw()

    def feed_text(self, entry_id: str, delta: str) -> None:
        """Add to a message's text; shown with the next frame."""
        self._deltas.setdefault(entry_id, ([], []))[0].append(delta)
        self.wake()

    def feed_thinking(self, entry_id: str, delta: str) -> None:
        """Add to a message's thinking; shown with the next frame."""
        self._deltas.setdefault(entry_id, ([], []))[1].append(delta)
        self.wake()

    def replace(self, entry: Entry) -> None:
        """Show a new version of a message; text that stayed the same is not drawn again."""
        self.gather()
        index = self.layout_rows.index_of(entry.id)
        if index is not None:
            self.layout_rows.messages[index].replace(entry)
            self.layout_rows.remeasure(index)
            self.redraw()

    def truncate_after(self, entry_id: str) -> None:
        """Drop all messages behind one."""
        index = self.layout_rows.index_of(entry_id)
        if index is not None:
            self._drop_from(index + 1)

    def clear(self) -> None:
        """Show no message."""
        self._drop_from(0)
        self.layout_rows.follow()
        self.redraw()

    def tick(self, now_text: str) -> None:
        """Show elapsed time beside the names of messages that are arriving."""
        for index, view in self._arriving():
            if view.live_meta != now_text:
                view.live_meta = now_text
                view.redraw_head()
                self.layout_rows.remeasure(index)
        self.redraw()

    def _arriving(self) -> Iterable[tuple[int, MessageView]]:
        messages = self.layout_rows.messages
        for index in range(len(messages) - 1, max(-1, len(messages) - 17), -1):
            if messages[index].entry.is_streaming:
                yield index, messages[index]

    def _drop_from(self, index: int) -> None:
        for view in self.layout_rows.messages[index:]:
            self._deltas.pop(view.entry.id, None)
            if view.entry.id == self.selected_id:
                self.selected_id = None
        self.layout_rows.remove_from(index)
        self.redraw()

    def gather(self) -> None:
        """Give the deltas since the last frame to their messages."""
        deltas, self._deltas = self._deltas, {}
        for entry_id, (text, thinking) in deltas.items():
            index = self.layout_rows.index_of(entry_id)
            if index is None:
                continue
            view = self.layout_rows.messages[index]
            view.feed("".join(text), "".join(thinking), show_hidden=self.show_hidden)
            self.layout_rows.note_unread(view)
            self.layout_rows.remeasure(index)

    # --- folds and marks --------------------------------------------------------------------

    def toggle_fold(self, entry_id: str | None = None) -> None:
        """Open or fold a message's thinking, or the text of one that failed verification.

        Without an id: the message under the eye, else the one that fills most of the screen.
        """
        index = self.layout_rows.index_of(entry_id or self.selected_id or "")
        if index is None:
            index = self.index_on_screen()
        if index is not None:
            is_failed = self.layout_rows.messages[index].entry.is_failed
            self._toggle(index, FOLD_BODY if is_failed else FOLD_THINKING)

    def _toggle(self, index: int, fold: str) -> None:
        view = self.layout_rows.messages[index]
        if fold == FOLD_BODY:
            is_open = view.is_body_open = not view.is_body_open
        elif view.has_thinking:
            is_open = view.is_thinking_open = not view.is_thinking_open
        else:
            return
        self.layout_rows.rebuild(index)
        self.redraw()
        self.post_message(told.FoldToggled(view.entry.id, is_open=is_open))

    def highlight(self, terms: Iterable[str]) -> None:
        """Mark these words wherever they are shown; none: mark nothing."""
        words = sorted({clean(term) for term in terms if term.strip()}, key=len, reverse=True)
        pattern = "|".join(re.escape(word) for word in words)
        self._hits = re.compile(pattern, re.IGNORECASE) if pattern else None
        self.repaint()

    def watch_show_hidden(self, show_hidden: bool) -> None:
        self.gather()
        self.layout_rows.show_hidden = show_hidden
        for index, view in enumerate(self.layout_rows.messages):
            view.forget()
            self.layout_rows.remeasure(index)
        self.redraw()

    # --- pictures ---------------------------------------------------------------------------

    def give_picture(self, key: PictureKey, preview: Preview | None) -> None:
        """Show a picture that was wanted; None says that it cannot be shown."""
        if (album := self.layout_rows.album) is not None:
            album.put(key, preview)
            self.layout_rows.redraw_pictures(key.sha256)
            self.redraw()

    def resize_pictures(self, step: int) -> bool:
        """Draw pictures larger (+1) or smaller (-1); returns whether there is such a size."""
        album = self.layout_rows.album
        if album is None or not album.resize(step):
            return False
        self.layout_rows.redraw_pictures()
        self.redraw()
        return True

    # --- what a message holds ---------------------------------------------------------------

    def source_of(self, entry_id: str) -> str:
        """Return a message's Markdown, cleaned; "" for an unknown one."""
        self.gather()
        index = self.layout_rows.index_of(entry_id)
        return clean(self.layout_rows.messages[index].text) if index is not None else ""

    def code_blocks(self, entry_id: str) -> tuple[str, ...]:
        """Return a message's code blocks; number 1 is the first."""
        return code_in(read_blocks(self.source_of(entry_id), is_plain=self._is_plain(entry_id)))

    def links(self, entry_id: str) -> tuple[str, ...]:
        """Return the addresses in a message, each once, in order."""
        return links_in(self.source_of(entry_id))

    def _is_plain(self, entry_id: str) -> bool:
        index = self.layout_rows.index_of(entry_id)
        return index is not None and self.layout_rows.messages[index].entry.role == "user"

    # --- the mouse --------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """Follow a link, open a fold, walk the variants, or choose the message."""
        if self._pressed != (event.x, event.y):
            return  # The mouse was drawn over text to select it.
        spot = self.spot_at(event.y)
        if spot is None or spot.unit.part is Part.GAP:
            return
        entry_id = spot.message.entry.id
        target = self.target_at(event.x, event.y)
        index = self.layout_rows.index_of(entry_id)
        if target in {FOLD_BODY, FOLD_THINKING} and index is not None:
            self._toggle(index, target)
        elif target in {VARIANT_BACK, VARIANT_ON}:
            self.post_message(told.VariantChosen(entry_id, -1 if target == VARIANT_BACK else 1))
        elif target:
            self.post_message(told.LinkChosen(entry_id, target))
        elif spot.is_first and spot.unit.part is Part.HEAD:
            self.select(entry_id)
