"""A small real app that holds one transcript, and ways to read what is on its screen."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import App, ComposeResult
from textual.strip import Strip
from textual.widgets import Input

from troth.tui.glyph import badge
from troth.tui.theme import load_themes, variable_defaults
from troth.tui.widgets.transcript import Transcript
from troth.tui.widgets.transcript_entry import Entry
from troth.tui.widgets.transcript_events import TranscriptEvent


class Stage(App[None]):
    """Hosts the transcript; remembers what it told."""

    CSS = "Screen { background: $background; color: $foreground; } Input { dock: bottom; }"

    def __init__(self, *, theme: str = "troth-dark", has_input: bool = False) -> None:
        super().__init__()
        self.first_theme = theme
        self.has_input = has_input
        self.told: list[TranscriptEvent] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variable_defaults()

    def compose(self) -> ComposeResult:
        yield Transcript()
        if self.has_input:
            yield Input()

    def on_mount(self) -> None:
        for theme in load_themes().themes.values():
            self.register_theme(theme)
        self.theme = self.first_theme

    @property
    def transcript(self) -> Transcript:
        return self.query_one(Transcript)

    def on_transcript_link_chosen(self, event: TranscriptEvent) -> None:
        self.told.append(event)

    on_transcript_fold_toggled = on_transcript_link_chosen
    on_transcript_variant_chosen = on_transcript_link_chosen
    on_transcript_selected = on_transcript_link_chosen
    on_transcript_start_near = on_transcript_link_chosen
    on_transcript_tail_left = on_transcript_link_chosen
    on_transcript_tail_reached = on_transcript_link_chosen

    def strips(self) -> list[Strip]:
        """What the widget paints, line by line."""
        return self.transcript.render_lines(self.transcript.size.region)

    def lines(self) -> list[str]:
        """The text of each line, without the thumb and trailing spaces."""
        return [strip.text[:-1].rstrip() for strip in self.strips()]


def reply(text: str, *, entry_id: str = "a", **extra: object) -> Entry:
    return Entry(entry_id, "assistant", "model-x", "1.2 s", badge("plain"), text, **extra)  # type: ignore[arg-type]


def chat(count: int, *, words: str = "some words of a message") -> Iterable[Entry]:
    for number in range(count):
        role = "user" if number % 2 == 0 else "assistant"
        title = "You" if role == "user" else "model-x"
        yield Entry(f"m{number}", role, title, text=f"{words} number {number}")
