"""What the transcript tells the screen: the reader chose, folded, scrolled."""

from __future__ import annotations

from textual.message import Message

from troth.tui.widgets.transcript_picture import PictureKey


class TranscriptEvent(Message, namespace="transcript"):
    """Something the reader did; `entry_id` says to which message ("" for the view itself)."""

    def __init__(self, entry_id: str = "") -> None:
        super().__init__()
        self.entry_id = entry_id


class LinkChosen(TranscriptEvent, namespace="transcript"):
    """A web or mail address was clicked. `url` is foreign: show it before it is opened."""

    def __init__(self, entry_id: str, url: str) -> None:
        super().__init__(entry_id)
        self.url = url


class FoldToggled(TranscriptEvent, namespace="transcript"):
    """Thinking, or a reply that failed verification, was opened or folded."""

    def __init__(self, entry_id: str, *, is_open: bool) -> None:
        super().__init__(entry_id)
        self.is_open = is_open


class VariantChosen(TranscriptEvent, namespace="transcript"):
    """The variant before (`step` -1) or after (+1) the one shown is wanted."""

    def __init__(self, entry_id: str, step: int) -> None:
        super().__init__(entry_id)
        self.step = step


class PictureWanted(TranscriptEvent, namespace="transcript"):
    """A picture came into view; `Transcript.give_picture` takes it."""

    def __init__(self, key: PictureKey) -> None:
        super().__init__()
        self.key = key


class Selected(TranscriptEvent, namespace="transcript"):
    """Another message came under the reader's eye."""


class TailLeft(TranscriptEvent, namespace="transcript"):
    """The reader scrolled up: the view no longer follows what arrives."""


class StartNear(TranscriptEvent, namespace="transcript"):
    """The reader scrolled up to the first messages that are here; older ones may be wanted."""


class TailReached(TranscriptEvent, namespace="transcript"):
    """The reader is at the end again: the view follows."""
