"""The line-API list: only what is seen is made, and foreign text stays text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import overload

from textual.app import App, ComposeResult

from troth.domain.conversation import Conversation
from troth.tui.widgets.picker import Picker
from troth.tui.widgets.row_list import Column, Row, RowList
from troth.tui.widgets.sidebar import Sidebar, written_time

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class CountingRows(Sequence[Row]):
    """Ten thousand rows that count how many of them were asked for."""

    def __init__(self, count: int = 10_000) -> None:
        self.count = count
        self.asked: set[int] = set()

    def __len__(self) -> int:
        return self.count

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | Sequence[Row]:
        assert isinstance(at, int)
        self.asked.add(at)
        return Row(str(at), f"row {at}")


class Host(App[None]):
    def __init__(self, row_list: RowList) -> None:
        super().__init__()
        self.row_list = row_list
        self.chosen: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.row_list

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        self.chosen.append(message.row.id)


def shown(row_list: RowList) -> list[str]:
    return [row_list.render_line(y).text.rstrip() for y in range(row_list.size.height)]


class PickerHost(App[None]):
    def compose(self) -> ComposeResult:
        yield Picker()

    def on_mount(self) -> None:
        self.query_one(Picker).show([Row(str(at), f"row {at}") for at in range(3)])


async def test_arrows_in_the_field_of_a_picker_move_the_cursor_of_its_list() -> None:
    async with PickerHost().run_test(size=(40, 10)) as pilot:
        picker = pilot.app.query_one(Picker)
        await pilot.press("a", "down", "down", "b", "left", "c")
        assert (picker.row_list.cursor, picker.field.value) == (2, "acb")
        await pilot.press("up")
        assert picker.row_list.cursor == 1


async def test_ten_thousand_rows_are_made_only_where_they_are_seen() -> None:
    row_list, rows = RowList(), CountingRows()
    async with Host(row_list).run_test(size=(40, 10)) as pilot:
        row_list.set_rows(rows)
        await pilot.pause()
        assert len(rows.asked) <= 12
        row_list.move_to_end(1)
        await pilot.pause()
        assert row_list.current == Row("9999", "row 9999")
        assert len(rows.asked) <= 30


async def test_the_cursor_stays_in_view_and_steps_over_headings() -> None:
    row_list = RowList()
    async with Host(row_list).run_test(size=(40, 5)) as pilot:
        rows = [Row("h", "TODAY", is_heading=True), *(Row(str(n), f"row {n}") for n in range(9))]
        row_list.set_rows(rows)
        await pilot.pause()
        assert row_list.current == rows[1]
        row_list.move(-1)
        assert row_list.current == rows[1]
        row_list.move(7)
        await pilot.pause()
        assert any("row 7" in line for line in shown(row_list))


async def test_a_title_with_escapes_and_markup_is_drawn_as_text() -> None:
    row_list = RowList(columns=(Column(8, 0),))
    async with Host(row_list).run_test(size=(60, 3)) as pilot:
        row_list.set_rows([Row("a", "x\x1b[2J[bold]y[/]\u202ez", cells=("c\x07d",))])
        await pilot.pause()
        line = shown(row_list)[0]
        assert "x[bold]y[/]z" in line
        assert "cd" in line
        assert "\x1b" not in line


async def test_wide_letters_are_cut_to_the_width_of_the_list() -> None:
    row_list = RowList(columns=(Column(5, 0, is_right_aligned=True),))
    async with Host(row_list).run_test(size=(20, 3)) as pilot:
        row_list.set_rows([Row("a", "漢字" * 20, cells=("14:02",))])
        await pilot.pause()
        strip = row_list.render_line(0)
        assert strip.cell_length == 20
        assert strip.text.rstrip().endswith("14:02")


async def test_a_click_chooses_the_row_under_it() -> None:
    row_list = RowList()
    host = Host(row_list)
    async with host.run_test(size=(40, 5)) as pilot:
        row_list.set_rows([Row(str(n), f"row {n}") for n in range(9)])
        await pilot.pause()
        await pilot.click(row_list, offset=(5, 2))
        assert host.chosen == ["2"]


def conversations(count: int) -> list[Conversation]:
    return [
        Conversation(f"id{n}", f"Chat {n} about topic {n % 97}", NOW, NOW - timedelta(minutes=n))
        for n in range(count)
    ]


class SidebarHost(App[None]):
    def compose(self) -> ComposeResult:
        yield Sidebar()


async def test_the_sidebar_filters_ten_thousand_chats_as_you_type_and_keeps_its_order() -> None:
    host = SidebarHost()
    async with host.run_test(size=(40, 12)) as pilot:
        sidebar = host.query_one(Sidebar)
        sidebar.show_chats(conversations(10_000), NOW, current_id="id5")
        assert sidebar.selected_id == "id5"
        sidebar.focus_filter()
        await pilot.press(*"42")
        await pilot.press("space", *"topic")
        await pilot.pause()
        titles = [row.title for row in sidebar.chat_list.rows]
        assert titles
        assert all("42" in title for title in titles)
        assert sidebar.selected_id == "id42"
        await pilot.press("escape")
        await pilot.pause()
        assert len(sidebar.chat_list.rows) == 10_000


def test_times_are_written_as_short_as_they_can_be_understood() -> None:
    days = [timedelta(hours=1), timedelta(days=2), timedelta(days=40), timedelta(days=400)]
    written = [written_time(NOW - ago, NOW) for ago in days]
    assert written == ["11:00", "Fri", "13 Oct", "18 Oct 25"]


async def test_what_is_cut_at_a_space_keeps_the_columns_in_line() -> None:
    row_list = RowList(columns=(Column(4),), title_width=12)
    async with Host(row_list).run_test(size=(60, 4)) as pilot:
        words = "x" * 35 + " yz and more words"  # cut right behind the space
        row_list.set_rows([Row("1", "one", note, cells=("col",)) for note in ("short", words)])
        await pilot.pause()
        first, second = shown(row_list)[:2]
        assert "…" in second
        assert first.index("col") == second.index("col")
