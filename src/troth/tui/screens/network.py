"""Every host that was contacted since the start: when, why, how much, and what it could see."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from troth.explain.network import purpose_words, sight_words
from troth.transport import Ledger, LedgerEntry, is_loopback
from troth.tui.safe import clean_line
from troth.tui.screens.dialogs import TextDialog
from troth.tui.screens.entries import hanging, written_bytes
from troth.tui.screens.saving import save_words
from troth.tui.widgets.dialog_box import DialogBox

if TYPE_CHECKING:
    from troth.tui.application import TrothApp

_REFRESH_S = 1.0
_WIDEST = 70
"""Cells in the box at 80 columns; a wider one is not filled."""
_INTRO = (
    "Every computer that Troth talked to since it was started, and why. Troth contacts nobody "
    "that your own act does not call for: no telemetry, no update check."
)
_NOBODY = "Nobody was contacted since Troth was started."


class NetworkScreen(ModalScreen[None]):
    """Reads the ledger once a second while it is open; x writes it to a file."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f9", "dismiss_none", "Close", show=False, tooltip="Close",
                id="network.close"),
        Binding("x", "export", "Export", show=False, tooltip="Write the list to a file",
                id="network.export"),
        Binding("j", "scroll(1)", "Down", show=False, tooltip="Scroll down", id="network.down"),
        Binding("k", "scroll(-1)", "Up", show=False, tooltip="Scroll up", id="network.up"),
    ]  # fmt: skip

    def __init__(self, app: TrothApp, ledger: Ledger) -> None:
        super().__init__()
        self._troth = app
        self._ledger = ledger
        self._drawn: tuple[Sequence[LedgerEntry], int] | None = None

    def compose(self) -> ComposeResult:
        with DialogBox(classes="dialog -wide -high") as box:
            box.border_title = "Network"
            box.keys = "x write to a file   j k scroll   esc close"
            with VerticalScroll():
                yield Static(_INTRO, markup=False, classes="label")
                yield Static("", markup=False, id="contacts")
            yield Static("", classes="wrong", markup=False)

    def on_mount(self) -> None:
        self._draw()
        self.set_interval(_REFRESH_S, self._draw)

    def _draw(self) -> None:
        entries = self._ledger.entries
        room = self.query_one(VerticalScroll).scrollable_content_region.width
        width = min(_WIDEST, room or _WIDEST)
        if (entries, width) != self._drawn:
            self._drawn = (entries, width)
            self.query_one("#contacts", Static).update(contact_words(entries, width))

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by * 2, animate=False)

    def action_dismiss_none(self) -> None:
        self.dismiss(None)

    def action_export(self) -> None:
        """Ask where to, then write the list as JSON, for its owner alone."""

        self.run_worker(self._export(), group="save", exclusive=True)

    async def _export(self) -> None:
        dialog = TextDialog("Write the list to a file", "troth-network.json")
        path = await self._troth.push_screen_wait(dialog)
        if path is None:
            return
        text = json.dumps(ledger_rows(self._ledger.entries), indent=1) + "\n"
        self._say(await save_words(path, text.encode()))

    def _say(self, words: str) -> None:
        self.query_one(".wrong", Static).update(clean_line(words))


def contact_words(entries: Sequence[LedgerEntry], width: int) -> Content:
    """Write the contacts, the last one first."""
    if not entries:
        return Content("".join(f"\n{line}" for line in hanging("  ", _NOBODY, width)))
    pieces: list[str | tuple[str, str]] = []
    for entry in sorted(entries, key=lambda entry: entry.last_at, reverse=True):
        via = f" by way of {clean_line(entry.via)}" if entry.via else ""
        port = f":{entry.port}" if entry.port else ""
        times = "once" if entry.count == 1 else f"{entry.count} times, last"
        failed = f", {entry.failures} without a whole answer" if entry.failures else ""
        sight = sight_words(
            entry.sight.value,
            is_encrypted=entry.is_encrypted,
            is_here=is_loopback(f"http://{entry.host}"),
        )
        pieces += [
            (f"\n  {clean_line(entry.host)}{port}{via}\n", "bold"),
            f"    for        {purpose_words(entry.purpose)}\n",
            f"    when       {times} {_clock(entry.last_at)}{failed}\n",
            f"    how much   {written_bytes(entry.bytes_out)} out, "
            f"{written_bytes(entry.bytes_in)} in\n",
            *(f"    {line}\n" for line in hanging("could see  ", sight, width - 4)),
        ]
    return Content.assemble(*pieces)


def _clock(moment: datetime) -> str:
    return f"at {moment.astimezone():%H:%M:%S}"


def ledger_rows(entries: Sequence[LedgerEntry]) -> list[dict[str, str | int | bool]]:
    """Return the ledger as plain rows; times are ISO 8601 in UTC."""
    return [
        {
            "host": entry.host,
            "port": entry.port,
            "purpose": entry.purpose,
            "could_see": entry.sight.value,
            "is_encrypted": entry.is_encrypted,
            "via": entry.via,
            "first_at": entry.first_at.isoformat(),
            "last_at": entry.last_at.isoformat(),
            "count": entry.count,
            "failures": entry.failures,
            "bytes_out": entry.bytes_out,
            "bytes_in": entry.bytes_in,
        }
        for entry in entries
    ]
