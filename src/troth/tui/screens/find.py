"""Find in history: as you type, newest first, with the place around the hit; opens there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.getters import query_one
from textual.screen import Screen
from textual.timer import Timer

from troth.domain.conversation import SearchHit
from troth.domain.error import TrothError
from troth.explain import explain
from troth.tui.keys import FooterItem
from troth.tui.safe import clean_line
from troth.tui.screens.find_preview import HitPreview, state_badge
from troth.tui.screens.find_words import FACETS, Known, completed, hint_words
from troth.tui.screens.palette import CLOSE
from troth.tui.widgets.footer import FooterBar
from troth.tui.widgets.picker import Picker
from troth.tui.widgets.row_list import Column, Row, RowList
from troth.tui.widgets.sidebar import written_time
from troth.tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from troth.engine.engine import Engine

LIMIT = 100
_DELAY_S = 0.06


class FindScreen(Screen[SearchHit | None]):
    """Gives back the hit to open, or None."""

    CSS_PATH = "find.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        CLOSE,
        Binding("tab", "complete", "Complete", show=False, priority=True,
                tooltip="Complete the facet that is being typed", id="find.complete"),
    ]  # fmt: skip
    picker = query_one(Picker)
    preview = query_one(HitPreview)

    def __init__(self, engine: Engine, words: str = "") -> None:
        super().__init__()
        self._engine = engine
        self._words = words
        self._hits: Sequence[SearchHit] = ()
        self._searched = ""
        """The words that found `_hits`."""
        self._timer: Timer | None = None
        self._known: Known = {}

    def compose(self) -> ComposeResult:
        title = TitleBar()
        title.chat_title = "Find"
        yield title
        yield Picker(
            placeholder="words in any chat",
            words=self._words,
            lines_per_row=2,
            columns=(Column(22, 70), Column(9, 0, is_right_aligned=True)),
            empty_text="searched on this computer, newest first",
            hint=FACETS,
        )
        yield HitPreview(id="preview")
        yield FooterBar(
            (
                FooterItem("find.choose", "⏎", "open there", 1),
                FooterItem("find.move", "↑↓", "move", 3),
                FooterItem("find.complete", "tab", "complete", 4),
                FooterItem("dialog.close", "esc", "back", 2),
            )
        )

    async def on_mount(self) -> None:
        folders = await self._engine.housekeeping.folders()
        choices = self._engine.providers.models()
        self._known = {
            "in": [folder.name for folder in folders],
            "model": sorted({choice.info.ref.model for choice in choices if choice.is_ready}),
            "provider": [endpoint.name for endpoint in self._engine.providers.endpoints()],
        }
        if self._words:
            self.run_worker(self._search(self._words), exclusive=True)

    def on_picker_typed(self, message: Picker.Typed) -> None:
        if self._timer is not None:
            self._timer.stop()
        words = message.words
        self.picker.show_hint(clean_line(hint_words(words, self._known)))
        self._timer = self.set_timer(
            _DELAY_S, lambda: self.run_worker(self._search(words), exclusive=True)
        )

    async def _search(self, words: str) -> None:
        if not words.strip():
            self._hits = ()
            self.picker.show(())
            return
        try:
            self._hits = await self._engine.search(words, limit=LIMIT)
            self._searched = words
        except TrothError as error:
            self._hits = ()
            self.picker.show((), count=explain(error).title)
            return
        now = datetime.now().astimezone()
        more = "+" if len(self._hits) == LIMIT else ""
        self.picker.row_list.empty_text = "nothing has these words"
        self.picker.show(
            [_row(place, hit, now) for place, hit in enumerate(self._hits)],
            count=f"{len(self._hits)}{more} found",
        )

    def _hit(self, row: Row | None) -> SearchHit | None:
        return (
            self._hits[int(row.id)] if row is not None and int(row.id) < len(self._hits) else None
        )

    def on_row_list_highlighted(self, message: RowList.Highlighted) -> None:
        hit = self._hit(message.row)
        self.preview.show_hit(hit)
        if hit is not None:
            self.run_worker(self._look_around(hit), exclusive=True, group="preview")

    async def _look_around(self, hit: SearchHit) -> None:
        """Show what stands before and after a hit, once the list has been drawn."""
        try:
            found = await self._engine.vault.surroundings(self._searched, hit)
        except TrothError:
            return  # the snippet stays: opening the chat tells what is wrong with it
        self.preview.show_surroundings(found)

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        if (hit := self._hit(message.row)) is not None:
            self.dismiss(hit)

    def action_complete(self) -> None:
        """Complete the facet that is being typed."""
        self.picker.field.value = completed(self.picker.field.value, self._known)
        self.picker.field.action_end()

    def action_dismiss_none(self) -> None:
        self.dismiss(None)


def _row(place: int, hit: SearchHit, now: datetime) -> Row:
    who = hit.model.model if hit.model is not None else "you" if hit.role == "user" else ""
    badge = state_badge(hit.verdict_state)
    return Row(
        str(place),
        hit.title or "New chat",
        cells=(who, written_time(hit.created_at, now)),
        mark=badge.glyph if badge is not None else "",
        tone=badge.tone if badge is not None and badge.tone in {"good", "warn", "bad"} else "",
        detail=hit.snippet,
    )
