"""The list of chats beside the transcript: drawn line by line, filtered as you type.

It holds what the screen gave it and nothing else; renaming, pinning and deleting are messages up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import ClassVar, overload

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.getters import query_one
from textual.message import Message
from textual.widgets import Input, Static

from troth.domain.conversation import Conversation
from troth.tui.keys import bindings_for
from troth.tui.widgets.field import Field
from troth.tui.widgets.row_list import Column, Row, RowList

_PIN = "▪"
_PICKED = "*"
_ARRIVING = "~"


def written_time(moment: datetime, now: datetime) -> str:
    """Write a time as short as it can be understood: `14:02`, `Tue`, `3 Nov`, `3 Nov 24`."""
    local, today = moment.astimezone(now.tzinfo), now
    if local.date() == today.date():
        return local.strftime("%H:%M")
    if today - local < timedelta(days=6):
        return local.strftime("%a")
    written = f"{local.day} {local.strftime('%b')}"
    return written if local.year == today.year else f"{written} {local:%y}"


class ChatRows(Sequence[Row]):
    """Rows of the chats, made when they are drawn: ten thousand need no work before."""

    def __init__(
        self,
        chats: Sequence[Conversation],
        now: datetime,
        arriving: frozenset[str] = frozenset(),
        picked: Set[str] = frozenset(),
    ) -> None:
        self._chats = chats
        self._now = now
        self._arriving = arriving
        self._picked = picked

    def __len__(self) -> int:
        return len(self._chats)

    @overload
    def __getitem__(self, at: int) -> Row: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Row]: ...

    def __getitem__(self, at: int | slice) -> Row | Sequence[Row]:
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(len(self)))]
        chat = self._chats[at]
        is_arriving = chat.id in self._arriving
        is_picked = chat.id in self._picked
        mark = _ARRIVING if is_arriving else _PIN if chat.is_pinned else ""
        return Row(
            chat.id,
            chat.title or "New chat",
            cells=(written_time(chat.updated_at, self._now),),
            mark=_PICKED if is_picked else mark,
            tone="found" if is_picked else "warn" if is_arriving else "",
        )


class ChatList(RowList):
    """The rows of the sidebar, with the keys of its scope."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("sidebar")]


class Sidebar(Vertical):
    """Filter field and list. Enter opens; the list's keys do the rest."""

    DEFAULT_CSS = """
    Sidebar { width: 32; height: 1fr; border-right: vkey $foreground 15%; }
    Sidebar > Static { height: 1; padding: 0 1; color: $text-muted; }
    Sidebar > Input, Sidebar > Input:focus {
        height: 1; border: none; padding: 0 1; background: $panel;
    }
    """

    class Opened(Message):
        """The person wants to see this chat."""

        def __init__(self, conversation_id: str) -> None:
            super().__init__()
            self.conversation_id = conversation_id

    class Left(Message):
        """Escape was pressed: back to the prompt."""

    chat_list = query_one(ChatList)
    field = query_one(Input)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._chats: Sequence[Conversation] = ()
        self._titles: list[str] | None = None
        """What the filter looks in, chat by chat; made at its first letter."""
        self._narrowed: tuple[list[str], Sequence[int]] | None = None
        """The last filter, and the places that it left."""
        self._now: datetime | None = None
        self._arriving: frozenset[str] = frozenset()
        self.labels: Mapping[str, str] = {}
        """Folder and tags by chat, as the filter finds them: `folder:home tag:rope`."""
        self.is_archive = False
        self.picked: set[str] = set()
        """Chats that the next deed is for; without any it is for the one under the cursor."""

    def compose(self) -> ComposeResult:
        yield Static("Chats", markup=False, id="sidebar-head")
        yield Field(placeholder="filter", compact=True)
        yield ChatList(columns=(Column(9, 0, is_right_aligned=True),), empty_text="no chats yet")

    # -- what the screen says

    def show_chats(
        self,
        chats: Sequence[Conversation],
        now: datetime,
        *,
        current_id: str = "",
        arriving: frozenset[str] = frozenset(),
        is_archive: bool = False,
    ) -> None:
        """Show these chats, in their order.

        While the list has the keys its cursor stays on its chat; else it is on the open one.
        """
        row = self.chat_list.current
        has_keys = self.has_focus_within and bool(self._chats)
        keep = row.id if row is not None and has_keys else current_id
        self._chats, self._now, self._arriving = chats, now, arriving
        self._titles = None
        self._narrowed = None
        self.is_archive = is_archive
        if self.picked:
            self.picked.intersection_update([chat.id for chat in chats])
        self._draw_head()
        self._apply(keep)

    def stand_on(self, conversation_id: str) -> None:
        """Point to the open chat, unless a person is about to choose another."""
        if not self.has_focus_within:
            self._apply(conversation_id)

    def _draw_head(self) -> None:
        head = "Archive" if self.is_archive else "Chats"
        picked = f"  {len(self.picked):,} selected" if self.picked else ""
        self.query_one("#sidebar-head", Static).update(f"{head}  {len(self._chats):,}{picked}")

    # -- several at once

    def targets(self) -> list[str]:
        """Return the chats that a deed is for, in their order."""
        if self.picked:
            return [chat.id for chat in self._chats if chat.id in self.picked]
        return [self.selected_id] if self.selected_id else []

    def pick(self) -> None:
        """Select the chat under the cursor, or let it go, and step down."""
        if chosen := self.selected_id:
            self.picked.symmetric_difference_update([chosen])
            self._redraw_picked()
            self.chat_list.move(1)

    def pick_all(self) -> None:
        """Select every chat that is shown, or none where all are."""
        shown = {row.id for row in self.chat_list.rows}
        if shown <= self.picked:
            self.picked.clear()
        else:
            self.picked.update(shown)
        self._redraw_picked()

    def drop_picks(self) -> None:
        """Select none."""
        self.picked.clear()
        self._redraw_picked()

    def _redraw_picked(self) -> None:
        self._draw_head()
        self.chat_list.refresh()  # its rows read the same set

    def filter_by(self, words: str) -> None:
        """Show only chats that have these words."""
        self.field.value = words

    @property
    def selected_id(self) -> str:
        """The chat under the cursor, "" when the list is empty."""
        row = self.chat_list.current
        return row.id if row is not None else ""

    def neighbour(self, conversation_id: str, step: int) -> str:
        """Return the chat `step` places further down the whole list, "" at its ends."""
        ids = [chat.id for chat in self._chats]
        at = ids.index(conversation_id) + step if conversation_id in ids else 0
        return ids[at] if 0 <= at < len(ids) else ""

    def take_focus(self) -> None:
        self.chat_list.focus()

    def focus_filter(self) -> None:
        self.field.focus()

    def step_back(self) -> bool:
        """Let go of what is selected, else of the filter; False where there was neither."""
        if self.picked:
            self.drop_picks()
        elif self.field.value:
            self.field.value = ""
        else:
            return False
        return True

    # -- inside

    def _apply(self, keep: str | None) -> None:
        if self._now is None:
            return
        words = self.field.value.casefold().split()
        chats = self._filtered(words) if words else self._chats
        self.chat_list.empty_text = "no chat has these words" if words else "no chats yet"
        cursor = next((at for at, chat in enumerate(chats) if chat.id == keep), 0) if keep else 0
        rows = ChatRows(chats, self._now, self._arriving, self.picked)
        self.chat_list.set_rows(rows, cursor=cursor)

    def _filtered(self, words: list[str]) -> list[Conversation]:
        """Return the chats whose titles have all the words; one more letter narrows the last."""
        if self._titles is None:
            self._titles = [self._words_of(chat) for chat in self._chats]
        titles = self._titles
        places: Sequence[int] = range(len(titles))
        if self._narrowed is not None and _narrows(self._narrowed[0], words):
            places = self._narrowed[1]
        for word in words:
            places = [place for place in places if word in titles[place]]
        self._narrowed = (words, places)
        return [self._chats[place] for place in places]

    def _words_of(self, chat: Conversation) -> str:
        labels = self.labels.get(chat.id)
        return (f"{chat.title}\n{labels}" if labels else chat.title).casefold()

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        self._apply(None)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.chat_list.choose()

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        message.stop()
        self.post_message(self.Opened(message.row.id))

    def on_row_list_highlighted(self, message: RowList.Highlighted) -> None:
        message.stop()

    def on_key(self, event: events.Key) -> None:
        """Let arrows walk the list from the filter too, and Escape leave it."""
        if not self.field.has_focus:
            return
        match event.key:
            case "down":
                self.chat_list.move(1)
            case "up":
                self.chat_list.move(-1)
            case "escape":
                if not self.step_back():
                    self.post_message(self.Left())
            case _:
                return
        event.stop()
        event.prevent_default()


def _narrows(old: list[str], new: list[str]) -> bool:
    """Whether what fits `new` can only be among what fits `old`."""
    return all(any(before in word for word in new) for before in old)
