"""The place round a hit: the message before it, the words that were found, the message after it.

Every word of it is foreign and is made safe here; the rails are a column that it cannot reach.
"""

from __future__ import annotations

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from troth.domain.conversation import SearchHit, Surroundings
from troth.domain.message import Message
from troth.domain.verdict import State
from troth.explain import verdict_words
from troth.tui.glyph import Badge
from troth.tui.safe import clean, clean_line
from troth.tui.screens.entries import entry_of, model_name

NEIGHBOUR_CHARS = 400

Piece = str | tuple[str, str]


class HitPreview(Vertical):
    """Three messages, one below the other; what does not fit is cut off at the bottom of each."""

    DEFAULT_CSS = """
    HitPreview { height: 42%; overflow: hidden hidden; padding: 0 1; }
    HitPreview Static { height: auto; padding: 0 0 0 1; }
    HitPreview #before, HitPreview #after {
        max-height: 2; border-left: outer $foreground 30%; color: $text-muted;
    }
    HitPreview #hit { max-height: 60%; margin: 1 0; border-left: outer $text-primary; }
    HitPreview Static.-none { display: none; }
    """

    def compose(self) -> ComposeResult:
        for name in ("before", "hit", "after"):
            yield Static("", markup=False, id=name, classes="-none")

    def show_hit(self, hit: SearchHit | None) -> None:
        """Show what the list knows already, until `show_surroundings`."""
        self._draw("before", [])
        self._draw("after", [])
        pieces: list[Piece] = []
        if hit is not None:
            who = model_name(hit.model) if hit.model is not None else "You"
            pieces = [*_head(who, hit.verdict_state), *marked(hit.snippet)]
        self._draw("hit", pieces)

    def show_surroundings(self, found: Surroundings) -> None:
        """Show the hit between its neighbours."""
        states = found.verdict_states
        self._draw("hit", [*_head_of(found.message, states), *marked(found.excerpt)])
        for name, message in (("before", found.before), ("after", found.after)):
            self._draw(name, [] if message is None else _neighbour(message, states))

    def _draw(self, name: str, pieces: list[Piece]) -> None:
        static = self.query_one(f"#{name}", Static)
        static.set_class(not pieces, "-none")
        static.update(Content.assemble(*pieces))


def marked(text: str) -> list[Piece]:
    """Write found words in bold: they lie between U+0002 and U+0003."""
    pieces: list[Piece] = []
    for at, piece in enumerate(text.split("\x02")):
        found, mark, after = piece.partition("\x03")
        if at and mark:
            pieces += [(clean(found), "bold underline"), clean(after)]
        else:
            pieces.append(clean(piece))
    return pieces


def state_badge(state: str) -> Badge | None:
    """Return the badge of a reply by its verdict's state; None where nothing was judged."""
    if not state:
        return None
    words = verdict_words(State(state))
    return Badge(words.tone, words.glyph, words.short)


def _head(name: str, state: str) -> list[Piece]:
    badge = state_badge(state)
    pieces: list[Piece] = [(clean_line(name), "bold")]
    if badge is not None:
        pieces.append((f"  {badge.text}", "$text-error bold" if badge.tone == "bad" else ""))
    return [*pieces, "\n"]


def _head_of(message: Message, states: Mapping[str, str]) -> list[Piece]:
    entry = entry_of(message)
    return _head(f"{entry.title}  {entry.meta}", states.get(message.id, ""))


def _neighbour(message: Message, states: Mapping[str, str]) -> list[Piece]:
    return [*_head_of(message, states), clean_line(message.text[:NEIGHBOUR_CHARS])]
