"""A list that draws only the rows on screen: ten thousand cost what ten cost.

It keeps its own offset (no scroll view, no layout pass) and asks its rows one by one, so that they
can be made when they are seen. Every text in a row is foreign and is made safe here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from troth.tui.safe import clean, clean_line

_ROOM_FOR_NOTES = 44
_ROOM_FOR_TITLES = 18


class Row(NamedTuple):
    """One line (and, where the list is two lines high, a second one below it)."""

    id: str
    title: str
    note: str = ""
    """Quieter words behind the title."""
    cells: tuple[str, ...] = ()
    """What stands in the list's columns, left to right."""
    mark: str = ""
    """One cell before the title."""
    tone: str = ""
    """Style of the mark: `good`, `warn`, `bad` or nothing."""
    detail: str = ""
    """The second line. Words between U+0002 and U+0003 are drawn as found."""
    is_heading: bool = False


class Column(NamedTuple):
    """A column at the right of the title, there only when the list is wide enough."""

    width: int
    from_width: int = 0
    is_right_aligned: bool = False
    least_width: int | None = None
    """To what it may shrink where titles would be cut too short; None is not at all."""

    def shrunk(self, lack: int) -> Column:
        """Return it with up to `lack` fewer cells."""
        if self.least_width is None or lack <= 0:
            return self
        return self._replace(width=max(self.least_width, self.width - lack))


class RowList(Widget, can_focus=True):
    """Rows with a cursor. The screen gives `rows`; the list tells what is under the cursor."""

    DEFAULT_CSS = """
    RowList { height: 1fr; width: 1fr; }
    RowList .row-list--cursor {
        background: $block-cursor-blurred-background; color: $block-cursor-blurred-foreground;
    }
    RowList:focus .row-list--cursor, RowList.-active .row-list--cursor {
        background: $block-cursor-background; color: $block-cursor-foreground;
    }
    RowList .row-list--muted { color: $text-muted; }
    RowList .row-list--heading { color: $text-muted; text-style: bold; }
    RowList .row-list--found { color: $accent; text-style: bold; }
    RowList .row-list--good { color: $success; }
    RowList .row-list--warn { color: $warning; }
    RowList .row-list--bad { color: $error; text-style: bold; }
    RowList .row-list--thumb { color: $foreground 30%; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "row-list--cursor",
        "row-list--muted",
        "row-list--heading",
        "row-list--found",
        "row-list--good",
        "row-list--warn",
        "row-list--bad",
        "row-list--thumb",
    }

    cursor: reactive[int] = reactive(0)
    top: reactive[int] = reactive(0)

    class Highlighted(Message):
        """The cursor came to stand on another row; `row` is None in an empty list."""

        def __init__(self, row_list: RowList, row: Row | None) -> None:
            super().__init__()
            self.row_list = row_list
            self.row = row

        @property
        def control(self) -> RowList:
            return self.row_list

    class Chosen(Message):
        """The row was clicked, or `choose` was called."""

        def __init__(self, row_list: RowList, row: Row) -> None:
            super().__init__()
            self.row_list = row_list
            self.row = row

        @property
        def control(self) -> RowList:
            return self.row_list

    def __init__(
        self,
        *,
        columns: tuple[Column, ...] = (),
        lines_per_row: int = 1,
        title_width: int = 0,
        empty_text: str = "",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.columns = columns
        self.lines_per_row = lines_per_row
        self.title_width = title_width
        """Cells that a title takes at least, where a note follows it."""
        self.empty_text = empty_text
        self._rows: Sequence[Row] = ()
        self._shown: Row | None = None
        self._ground = Style()

    # -- what the screen says

    @property
    def rows(self) -> Sequence[Row]:
        return self._rows

    def set_rows(self, rows: Sequence[Row], *, cursor: int = 0) -> None:
        """Show other rows, with the cursor at `cursor` or the next row that is no heading."""
        self._rows = rows
        self.set_reactive(RowList.cursor, self._next_row(min(cursor, len(rows)), 1))
        self.set_reactive(RowList.top, 0)
        self._bring_into_view()
        self.refresh()
        self._tell()

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self.cursor] if 0 <= self.cursor < len(self._rows) else None

    def move(self, by: int) -> None:
        """Move the cursor; headings are stepped over."""
        if not self._rows:
            return
        wanted = max(0, min(len(self._rows) - 1, self.cursor + by))
        self.cursor = self._next_row(wanted, 1 if by > 0 else -1)

    def move_page(self, direction: int) -> None:
        """Move the cursor by as much as is seen."""
        self.move(direction * max(1, self._visible_rows - 1))

    def move_to_end(self, direction: int) -> None:
        """Move the cursor to the first row (-1) or the last one (1)."""
        self.move(direction * len(self._rows))

    def choose(self) -> None:
        """Choose the row under the cursor, as a click would."""
        if (row := self.current) is not None and not row.is_heading:
            self._post(self.Chosen(self, row))

    def _post(self, message: Message) -> None:
        # Told by its parent to move or choose, the list is still the one that says so: Textual
        # stops a message on its way up at the widget that it takes for the sender.
        self.post_message(message.set_sender(self))

    # -- the cursor

    @property
    def _visible_rows(self) -> int:
        return max(1, self.size.height // self.lines_per_row)

    def _next_row(self, at: int, step: int) -> int:
        """Return the nearest row from `at` that is no heading, first in the direction of `step`."""
        for direction in (step, -step):
            here = at
            while 0 <= here < len(self._rows):
                if not self._rows[here].is_heading:
                    return here
                here += direction
        return max(0, min(at, len(self._rows) - 1))

    def _bring_into_view(self) -> None:
        visible = self._visible_rows
        top = min(self.top, max(0, len(self._rows) - visible))
        above = self.cursor - 1 if self.cursor == 1 and self._rows[0].is_heading else self.cursor
        top = max(min(top, above), self.cursor - visible + 1)
        self.top = max(0, top)

    def watch_cursor(self, old: int, new: int) -> None:
        top = self.top
        self._bring_into_view()
        if self.top == top:
            for at in (old, new):
                self.refresh(self._region_of(at))
        self._tell()

    def watch_top(self) -> None:
        self.refresh()

    def _region_of(self, at: int) -> Region:
        y = (at - self.top) * self.lines_per_row
        return Region(0, y, self.size.width, self.lines_per_row)

    def _tell(self) -> None:
        row = self.current
        if row != self._shown:
            self._shown = row
            self._post(self.Highlighted(self, row))

    def on_resize(self) -> None:
        self._bring_into_view()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.top = max(0, min(self.top + 3, len(self._rows) - self._visible_rows))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.top = max(0, self.top - 3)

    def on_click(self, event: events.Click) -> None:
        at = self.top + event.y // self.lines_per_row
        if 0 <= at < len(self._rows) and not self._rows[at].is_heading:
            event.stop()
            self.cursor = at
            self.choose()

    # -- drawing

    def render_lines(self, crop: Region) -> list[Strip]:
        self._ground = self.rich_style  # worked out anew at each access: once a paint is enough
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        place, line = divmod(y, self.lines_per_row)
        at = self.top + place
        if not 0 <= at < len(self._rows):
            if not self._rows and y == 0 and self.empty_text:
                muted = self.get_component_rich_style("row-list--muted")
                return _fit([Segment(f"  {self.empty_text}", muted)], width, self._ground)
            return Strip.blank(width, self._ground)
        row = self._rows[at]
        is_cursor = at == self.cursor and not row.is_heading
        if is_cursor and not row.mark:
            row = row._replace(mark="▸")
        segments = self._detail(row) if line else self._title(row, width - 1)
        if is_cursor:
            style = self.get_component_rich_style("row-list--cursor")
            ground = Style(bgcolor=style.bgcolor)
            segments = [Segment(s.text, (s.style or style) + ground) for s in segments]
            return Strip(segments).extend_cell_length(width, style + ground).crop(0, width)
        return self._with_thumb(_fit(segments, width, self._ground), y)

    def _with_thumb(self, strip: Strip, y: int) -> Strip:
        total, height = len(self._rows) * self.lines_per_row, self.size.height
        if total <= height:
            return strip
        size = max(1, height * height // total)
        start = (height - size) * self.top // max(1, len(self._rows) - self._visible_rows)
        if not start <= y < start + size:
            return strip
        thumb = self.get_component_rich_style("row-list--thumb")
        width = self.size.width
        return Strip.join([strip.crop(0, width - 1), Strip([Segment("▐", thumb)], 1)])

    def _columns_in(self, width: int) -> tuple[list[Column], int]:
        """Return the columns as they are drawn in `width` cells, and the room left for titles."""
        there = [column for column in self.columns if width >= column.from_width]
        lack = _ROOM_FOR_TITLES - (width - 3 - sum(column.width + 1 for column in there))
        columns = [column.shrunk(lack) for column in self.columns]
        taken = sum(column.width + 1 for column in columns if width >= column.from_width)
        return columns, max(1, width - 3 - taken)

    def _title(self, row: Row, width: int) -> list[Segment]:
        base = self._ground
        if row.is_heading:
            heading = self.get_component_rich_style("row-list--heading")
            return [Segment(f"  {clean_line(row.title)}", heading)]
        muted = self.get_component_rich_style("row-list--muted")
        mark = self.get_component_rich_style(f"row-list--{row.tone}") if row.tone else muted
        columns, room = self._columns_in(width)
        cells = [
            (column, text)
            for column, text in zip(columns, row.cells, strict=False)
            if width >= column.from_width
        ]
        title = clean_line(row.title)
        segments = [Segment(f" {row.mark or ' '} ", mark)]
        if row.note and room >= _ROOM_FOR_NOTES:
            used = min(room, max(cell_len(title), min(self.title_width, room // 2)) + 2)
            segments.append(Segment(_sized(title, used), base))
            segments.append(Segment(_sized(clean_line(row.note), room - used), muted))
        else:
            segments.append(Segment(_sized(title, room), base))
        for column, text in cells:
            fitted = _sized(clean_line(text), column.width, is_right=column.is_right_aligned)
            segments.append(Segment(f" {fitted}", muted))
        return segments

    def _detail(self, row: Row) -> list[Segment]:
        muted = self.get_component_rich_style("row-list--muted")
        found = self.get_component_rich_style("row-list--found")
        segments = [Segment("     ", muted)]
        for place, piece in enumerate(row.detail.split("\x02")):
            inside, mark, after = piece.partition("\x03")
            if place and mark:
                segments += [Segment(_flat(inside), found), Segment(_flat(after), muted)]
            else:
                segments.append(Segment(_flat(piece), muted))
        return segments


def _flat(text: str) -> str:
    return clean(text).replace("\n", " ").replace("\t", " ")


def _fit(segments: list[Segment], width: int, ground: Style) -> Strip:
    return Strip(segments).extend_cell_length(width, ground).crop(0, width)


def _sized(text: str, width: int, *, is_right: bool = False) -> str:
    """Cut or pad to exactly `width` cells; what was cut ends in an ellipsis."""
    if cell_len(text) > width:
        text = set_cell_size(text, width - 1).rstrip() + "…" if width > 1 else "…"[:width]
    length = cell_len(text)
    padding = " " * (width - length)
    return padding + text if is_right else text + padding
