"""The title line: which chat, which model, how full its context is, and how it is kept."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

_NARROW = 60


class TitleBar(Widget):
    """One line. Title and model are foreign text and made safe here."""

    DEFAULT_CSS = """
    TitleBar { height: 1; width: 1fr; color: $foreground; text-style: bold; }
    TitleBar .title--app { color: $primary; }
    TitleBar .title--muted { color: $text-muted; text-style: not bold; }
    TitleBar .title--warn { color: $warning; text-style: not bold; }
    TitleBar .title--alarm { color: $error; text-style: bold reverse; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "title--app",
        "title--muted",
        "title--warn",
        "title--alarm",
    }

    chat_title: reactive[str] = reactive("")
    model: reactive[str] = reactive("")
    meter: reactive[str] = reactive("")
    """How much of the model's context the next message will take, as words."""
    meter_is_high: reactive[bool] = reactive(False)  # noqa: FBT003 - the first value
    state: reactive[str] = reactive("")
    """How the chat is kept: `unlocked`, `memory only`, `incognito`."""

    alarm: reactive[str] = reactive("")
    """What failed in this chat, in a word; it goes last when it gets narrow."""

    class ModelPressed(Message):
        """The model's name was clicked."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._model_cells = range(0)

    @property
    def _cleaned(self) -> tuple[str, str]:
        if not (self.model or self.chat_title):
            return "", ""
        from troth.tui.safe import clean_line  # its patterns take 7 ms: not before the first paint

        return clean_line(self.model), clean_line(self.chat_title)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        style = self.get_component_rich_style
        model, title = self._cleaned
        right: list[tuple[str, str]] = []
        if self.alarm:
            right.append((self.alarm, "title--alarm"))
        if model:
            right.append((model, "title--muted"))
        if self.meter and width >= _NARROW:
            right.append((self.meter, "title--warn" if self.meter_is_high else "title--muted"))
        if self.state and (width >= _NARROW or self.state == "incognito"):
            tone = "title--warn" if self.state == "incognito" else "title--muted"
            right.append((self.state, tone))
        app = " troth  " if width >= _NARROW or not self.chat_title else " "
        while right and sum(cell_len(text) + 2 for text, _ in right) > width - len(app) - 8:
            right.pop()
        taken = sum(cell_len(text) + 2 for text, _ in right)
        room = max(0, width - len(app) - taken)
        if cell_len(title) > room:
            title = set_cell_size(title, max(0, room - 1)) + "…"
        segments = [
            Segment(app, style("title--app")),
            Segment(set_cell_size(title, room), self.rich_style),
        ]
        at = len(app) + room
        self._model_cells = range(0)
        for text, name in right:
            segments += [Segment(" ", self.rich_style), Segment(text, style(name))]
            if text is model:
                self._model_cells = range(at + 1, at + 1 + cell_len(text))
            segments.append(Segment(" ", self.rich_style))
            at += cell_len(text) + 2
        return Strip(segments).extend_cell_length(width, self.rich_style).crop(0, width)

    def on_click(self, event: events.Click) -> None:
        if event.x in self._model_cells:
            self.post_message(self.ModelPressed())
