"""A reply's own bytes: request and response as sent and received, and evidence as it was fetched.

Secret headers never got into what is kept, so none can be shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.getters import query_one
from textual.screen import ModalScreen
from textual.widgets import Static

from troth.domain.exchange import Exchange, Headers, HttpResponse
from troth.tui.safe import clean, clean_line
from troth.tui.widgets.byte_view import ByteView
from troth.tui.widgets.dialog_box import DialogBox


class ByteDocument(NamedTuple):
    """One run of bytes with what stands over it."""

    name: str
    head: tuple[str, ...]
    body: bytes


class BytesScreen(ModalScreen[None]):
    """Walks through documents: tab goes to the next, h turns hex on and off."""

    CSS_PATH = "bytes.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,b", "dismiss_none", "Close", show=False, tooltip="Close",
                id="bytes.close"),
        Binding("tab,right,l", "step(1)", "Next", show=False, priority=True,
                tooltip="Show the next document", id="bytes.next"),
        Binding("shift+tab,left", "step(-1)", "Previous", show=False, priority=True,
                tooltip="Show the document before", id="bytes.previous"),
        Binding("h", "toggle_hex", "Hex", show=False, tooltip="Show bytes as hex, or as text",
                id="bytes.hex"),
        Binding("j", "scroll(1)", "Down", show=False, tooltip="Scroll down", id="bytes.down"),
        Binding("k", "scroll(-1)", "Up", show=False, tooltip="Scroll up", id="bytes.up"),
    ]  # fmt: skip
    view = query_one(ByteView)

    def __init__(self, title: str, documents: Sequence[ByteDocument]) -> None:
        super().__init__()
        self._title = title
        self._documents = documents
        self._at = 0

    def compose(self) -> ComposeResult:
        with DialogBox(classes="bytes") as box:
            box.border_title = self._title
            box.keys = "tab next   h hex   j k scroll   esc close"
            yield Static("", markup=False, classes="names")
            yield Static("", markup=False, classes="head")
            yield ByteView()

    def on_mount(self) -> None:
        self._show()
        self.view.focus()

    def _show(self) -> None:
        document = self._documents[self._at]
        names = "   ".join(
            f"[{clean_line(one.name)}]" if at == self._at else f" {clean_line(one.name)} "
            for at, one in enumerate(self._documents)
        )
        self.query_one(".names", Static).update(names)
        size = f"{len(document.body):,} bytes"
        head = [clean(line) for line in document.head]
        self.query_one(".head", Static).update("\n".join([*head, size]))
        self.view.show(document.body)

    def action_step(self, by: int) -> None:
        self._at = (self._at + by) % len(self._documents)
        self._show()

    def action_toggle_hex(self) -> None:
        self.view.is_hex = not self.view.is_hex

    def action_scroll(self, by: int) -> None:
        self.view.scroll_relative(y=by * 2, animate=False)

    def action_dismiss_none(self) -> None:
        self.dismiss(None)


def exchange_documents(exchange: Exchange) -> list[ByteDocument]:
    """Return the request and the answer of one exchange."""
    status = str(exchange.status or "no status line came")
    end = () if exchange.is_complete else ("the connection ended before the answer did",)
    return [
        ByteDocument(
            "received",
            (f"HTTP status {status}", *_header_lines(exchange.response_headers), *end),
            exchange.response_body,
        ),
        ByteDocument(
            "sent",
            (f"{exchange.method} {exchange.url}", *_header_lines(exchange.request_headers)),
            exchange.request_body,
        ),
    ]


def evidence_documents(evidence: Mapping[str, HttpResponse]) -> list[ByteDocument]:
    """Return everything that was fetched to check a reply."""
    return [
        ByteDocument(
            name, (f"HTTP status {answer.status}", *_header_lines(answer.headers)), answer.body
        )
        for name, answer in evidence.items()
    ]


def _header_lines(headers: Headers) -> Iterable[str]:
    return tuple(f"{clean_line(name)}: {clean_line(value)}" for name, value in headers)
