"""Help: every key and command, from the registry, with the keys in force."""

from __future__ import annotations

from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from troth.tui.commands import COMMANDS, Scope
from troth.tui.keys import Keymap
from troth.tui.widgets.dialog_box import DialogBox

_HEADINGS: tuple[tuple[Scope, str], ...] = (
    ("prompt", "While you write"),
    ("chat", "Anywhere in a chat"),
    ("reading", "Reading (esc from the prompt)"),
    ("verification", "In the verification pane"),
    ("sidebar", "In the list of chats"),
    ("compare", "On a comparison"),
    ("app", "Troth"),
)


class HelpScreen(ModalScreen[None]):
    """Scrolls through all that can be done."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f1,question_mark", "dismiss_none", "Close", show=False,
                tooltip="Close the help", id="help.close"),
        Binding("j", "scroll(1)", "Down", show=False, tooltip="Scroll down", id="help.down"),
        Binding("k", "scroll(-1)", "Up", show=False, tooltip="Scroll up", id="help.up"),
    ]  # fmt: skip

    def __init__(self, keymap: Keymap, first: Scope | None = None) -> None:
        """`first` is the scope that the reader comes from: it is told first."""
        super().__init__()
        self._keymap = keymap
        self._headings = sorted(_HEADINGS, key=lambda heading: heading[0] != first)

    def compose(self) -> ComposeResult:
        with DialogBox(classes="dialog -wide -high") as box:
            box.border_title = "Help"
            box.keys = "j k scroll   esc close"
            with VerticalScroll():
                yield Static("", markup=False)

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)  # before that the first layout would be the last

    def _fill(self) -> None:
        """Wrap to the width that there is, each help beside its keys."""
        room = self.query_one(VerticalScroll).scrollable_content_region.width or 60
        self.query_one(Static).update(self._words(room))

    def action_dismiss_none(self) -> None:
        self.dismiss(None)

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by * 2, animate=False)

    def _words(self, room: int) -> Content:
        pieces: list[str | tuple[str, str]] = []
        for scope, heading in self._headings:
            pieces.append((f"\n {heading}\n", "bold"))
            for command in COMMANDS:
                if command.scope != scope:
                    continue
                keys = self._keymap.every(command.id)
                slash = f"/{command.slash}" if command.slash else ""
                left = f" {keys:<16} {slash:<11} "
                if len(left) > room // 2:
                    left = f" {keys} {slash}\n   " if keys or slash else "   "
                lines = wrap(command.help, max(16, room - len(left.rpartition("\n")[2])))
                gap = "\n" + " " * len(left.rpartition("\n")[2])
                pieces.append(left + gap.join(lines) + "\n")
        pieces.append(
            "\n Ids for [keys] in config.toml; each is a /command, too: /sidebar-rename\n"
            + "\n".join(f"  {command.id:<22} {command.key}" for command in COMMANDS)
        )
        return Content.assemble(*pieces)
