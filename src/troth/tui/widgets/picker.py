"""A field to type in and the list that follows it: palette, models, themes, search."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.dom import DOMNode
from textual.getters import query_one
from textual.message import Message
from textual.widgets import Input, Static

from troth.tui.widgets.field import Field
from troth.tui.widgets.row_list import Column, Row, RowList


class Picker(Vertical):
    """The field keeps the focus; arrows move the list's cursor, Enter chooses."""

    DEFAULT_CSS = """
    Picker { height: auto; }
    Picker > Horizontal { height: 1; }
    Picker .picker--sign { width: 3; color: $primary; text-style: bold; }
    Picker Input, Picker Input:focus {
        height: 1; width: 1fr; border: none; padding: 0; background: transparent;
    }
    Picker .picker--hint { height: 1; color: $text-muted; padding: 0 3; text-overflow: ellipsis; }
    Picker .picker--count { width: auto; color: $text-muted; padding: 0 1 0 2; }
    """

    class Typed(Message):
        """The words in the field are others."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    field = query_one(Input)
    row_list = query_one(RowList)

    def __init__(
        self,
        *,
        placeholder: str = "",
        columns: tuple[Column, ...] = (),
        lines_per_row: int = 1,
        title_width: int = 0,
        empty_text: str = "nothing fits",
        words: str = "",
        hint: str = "",
        id: str | None = None,
    ) -> None:
        """`hint` stands below the field; "" leaves no room for one."""
        super().__init__(id=id)
        self._hint = hint
        self._placeholder = placeholder
        self._words = words
        self._list = RowList(
            columns=columns,
            lines_per_row=lines_per_row,
            title_width=title_width,
            empty_text=empty_text,
            classes="-active",
        )

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static(" ❯ ", classes="picker--sign", markup=False)
            yield Field(self._words, placeholder=self._placeholder, compact=True)
            yield Static("", classes="picker--count", markup=False)
        if self._hint:
            yield Static(self._hint, classes="picker--hint", markup=False)
        yield self._list

    def show_hint(self, words: str) -> None:
        """Show other words below the field."""
        self.query_one(".picker--hint", Static).update(words)

    def on_mount(self) -> None:
        self._list.can_focus = False
        self.field.focus()

    def show(self, rows: Sequence[Row], *, cursor: int = 0, count: str = "") -> None:
        """Show these rows, and `count` at the right of the field."""
        self._list.set_rows(rows, cursor=cursor)
        self.query_one(".picker--count", Static).update(count)

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        self.post_message(self.Typed(message.value))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self._choose_behind(self.ancestors_with_self[:-1])

    def _choose_behind(self, nodes: Sequence[DOMNode]) -> None:
        """Choose once a `Typed` on its way up to the screen has been answered with new rows.

        Who types a name and Enter in one go means what fits the name, not what stood there before.
        """
        if nodes:
            nodes[0].call_later(self._choose_behind, nodes[1:])
        elif self.is_attached:
            self._list.choose()

    def on_key(self, event: events.Key) -> None:
        match event.key:
            case "down" | "ctrl+n":
                self._list.move(1)
            case "up" | "ctrl+p":
                self._list.move(-1)
            case "pagedown":
                self._list.move_page(1)
            case "pageup":
                self._list.move_page(-1)
            case _:
                return
        event.stop()
        event.prevent_default()
