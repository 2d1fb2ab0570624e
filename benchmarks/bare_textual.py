"""The floor: a bare Textual app with an Input and a Static."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Input, Static


class Bare(App[None]):
    def compose(self) -> ComposeResult:
        yield Static("READY-BARE a bare Textual app")
        yield Input(placeholder="Type here")


if __name__ == "__main__":
    Bare().run()
