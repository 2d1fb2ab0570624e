"""One message as the transcript holds it: units of rows, drawn when looked at and kept.

Order of units: head, notes, attachments, thinking, text, problem, notes, sources, an empty row.
Pictures stand before what the user says and after what a model says.
Until somebody looks at a message it is only a guessed height.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from troth.tui.widgets.markdown_blocks import Block
from troth.tui.widgets.markdown_references import Links, labels_in
from troth.tui.widgets.markdown_render import estimate_rows, render_block
from troth.tui.widgets.markdown_text import Canvas
from troth.tui.widgets.transcript_album import Album, draw_from
from troth.tui.widgets.transcript_entry import Entry
from troth.tui.widgets.transcript_flow import TextFlow
from troth.tui.widgets.transcript_furniture import (
    draw_attachments,
    draw_body_fold,
    draw_head,
    draw_notes,
    draw_problem,
    draw_sources,
    draw_thinking_fold,
)
from troth.tui.widgets.transcript_palette import Palette
from troth.tui.widgets.transcript_picture import SIZES
from troth.tui.widgets.transcript_row import BLANK, Piece, Row
from troth.tui.widgets.transcript_units import Part, Unit, Units

CURSOR = "_"


class MessageView:
    """One entry and its rows."""

    __slots__ = (
        "_album", "_canvas", "_laid_out", "_unresolved", "body", "entry", "is_body_open",
        "is_thinking_open", "live_meta", "ordinal", "thought",
    )  # fmt: skip

    def __init__(self, entry: Entry, ordinal: int) -> None:
        self.entry = entry
        self.ordinal = ordinal
        """Rises from message to message; stays when older ones come in above."""
        self.body: TextFlow | None = None
        self.thought: TextFlow | None = None
        self.is_body_open = not entry.is_failed
        self.is_thinking_open = False
        self.live_meta = ""
        self._album: Album | None = None
        self._canvas: Canvas | None = None
        self._laid_out: Units | None = None
        """None until somebody looks: most of a long chat are never looked at."""
        self._unresolved: dict[str, set[Unit]] = {}
        """Label -> what was drawn while nothing said what the label stands for."""

    @property
    def text(self) -> str:
        """The text as received so far."""
        return self.body.raw if self.body else self.entry.text

    @property
    def has_thinking(self) -> bool:
        thinking = self.thought.raw if self.thought else self.entry.thinking
        return bool(thinking.strip())

    @property
    def units(self) -> Sequence[Unit]:
        return self._laid_out.units if self._laid_out else ()

    @property
    def heights(self) -> Sequence[int]:
        return self._laid_out.heights if self._laid_out else ()

    def guess_height(self, width: int) -> int:
        """Return the height, or a guess that costs next to nothing."""
        if self._laid_out and self._canvas and self._canvas.width == width:
            return self._laid_out.rows + (self.body.rows_to_come if self.body else 0)
        text = self.text
        return 3 + text.count("\n") + len(text) // max(1, width)

    # --- building ---------------------------------------------------------------------------

    def prepare(
        self, palette: Palette, width: int, album: Album | None, *, show_hidden: bool
    ) -> None:
        """Read the text, if that was not done, and lay out the units for a width and palette.

        Without an `album` pictures are named and not drawn.
        """
        canvas, self._album = self._canvas, album
        if self._laid_out and canvas and canvas.width == width and canvas.palette is palette:
            return
        is_plain = self.entry.role == "user"
        self._canvas = Canvas(palette, width, palette.text, is_plain)
        self._read(show_hidden=show_hidden)
        if self._laid_out:
            self._laid_out.redress(self._guess)
            self.grow()
        else:
            self.rebuild_kept()

    def _read(self, *, show_hidden: bool) -> None:
        entry = self.entry
        if self.body is None:
            self.body = TextFlow(is_plain=entry.role == "user", show_hidden=show_hidden)
            self.body.feed(entry.text)
            if not entry.is_streaming:
                self.body.close()
        if self.thought is None:
            self.thought = TextFlow(show_hidden=show_hidden)
            self.thought.feed(entry.thinking)
            if not entry.is_streaming:
                self.thought.close()

    @property
    def has_more(self) -> bool:
        """Whether some of its text is still to be read."""
        return any(flow is not None and flow.has_more for flow in (self.body, self.thought))

    def read_on(self) -> None:
        """Read the next slice of a long text and lay it out."""
        if self.body is not None and self.body.has_more:
            self.body.read_on()
            self.grow()
        elif self.thought is not None and self.thought.has_more:
            self.thought.read_on()
            if self.is_thinking_open:
                self.rebuild_kept()

    def read_up_to(self, unit: int | None) -> None:
        """Read until a unit is there, or (None) everything."""
        while self.has_more:
            if unit is not None and self._laid_out and self._laid_out.body_end > unit:
                return
            self.read_on()

    def rebuild_kept(self) -> None:
        """Lay out what stands around the text again; settled blocks stay as they are."""
        if self.body is None or self._canvas is None:
            return
        if self._laid_out is None:
            self._laid_out = Units()
        self._laid_out.put_lead(self._lead_units(), self._guess)
        if not self.is_body_open:
            self._laid_out.drop_body()
        self.grow()

    def grow(self) -> None:
        """Take in what the body's flow has settled since; keep everything drawn before."""
        body, laid_out = self.body, self._laid_out
        if body is None or laid_out is None:
            return
        laid_out.drop_tail()
        self._resolve()
        tail: list[Unit] = []
        if self.is_body_open:
            known = laid_out.body_end - laid_out.body_start
            laid_out.add_to_body(body.settled[known:], self._guess)
            tail = [Unit(Part.BODY, block, is_passing=True) for block in body.tail]
        laid_out.add_tail([*tail, *self._closing_units()], self._guess)

    def _lead_units(self) -> list[Unit]:
        entry = self.entry
        units = [Unit(Part.HEAD, draw=self._draw_head)]
        if entry.lead_notes:
            units.append(Unit(Part.FURNITURE, draw=lambda c: draw_notes(entry.lead_notes, c)))
        if entry.attachments:
            units.append(
                Unit(Part.FURNITURE, draw=lambda c: draw_attachments(entry.attachments, c))
            )
        if entry.role == "user":
            units += [Unit(Part.FURNITURE, picture=each) for each in entry.pictures]
        thought = self.thought
        if thought is not None and thought.raw.strip():
            units.append(Unit(Part.FURNITURE, draw=self._draw_thinking_fold))
            if self.is_thinking_open:
                units += [Unit(Part.THINKING, block) for block in thought.settled]
                units += [Unit(Part.THINKING, block, is_passing=True) for block in thought.tail]
                units.append(Unit(Part.FURNITURE, draw=lambda _: [BLANK]))
        if entry.is_failed:
            units.append(Unit(Part.FURNITURE, draw=self._draw_body_fold))
        return units

    def _closing_units(self) -> list[Unit]:
        entry = self.entry
        units: list[Unit] = []
        if entry.role != "user" and self.is_body_open:
            units += [Unit(Part.FURNITURE, picture=each) for each in entry.pictures]
        has_more = entry.problem is not None or entry.notes or entry.sources
        if has_more and self.is_body_open and self.body is not None and self.body.raw.strip():
            units.append(Unit(Part.FURNITURE, draw=lambda _: [BLANK]))
        if entry.problem is not None:
            problem = entry.problem
            units.append(Unit(Part.FURNITURE, draw=lambda c: draw_problem(problem, c)))
        if entry.notes:
            units.append(Unit(Part.FURNITURE, draw=lambda c: draw_notes(entry.notes, c)))
        if entry.sources:
            units.append(Unit(Part.FURNITURE, draw=lambda c: draw_sources(entry.sources, c)))
        units.append(Unit(Part.GAP, draw=lambda _: [BLANK]))
        return units

    def _guess(self, unit: Unit) -> int:
        if unit.rows is not None:
            return len(unit.rows)
        if unit.picture is not None and self._album is not None:
            return SIZES[self._album.size] + 1
        if unit.block is None:
            return 1
        return estimate_rows(unit.block, self._canvas.width if self._canvas else 80)

    # --- drawing ----------------------------------------------------------------------------

    def rows_at(self, index: int) -> list[Row]:
        """Return the rows of a unit, drawing them if need be; its height is true from then on."""
        assert self._laid_out is not None
        unit = self._laid_out.units[index]
        rows = unit.rows
        if rows is None:
            rows = unit.rows = self._drawn(unit, index)
            self._laid_out.set_height(index, len(rows))
        return rows

    def _drawn(self, unit: Unit, index: int) -> list[Row]:
        canvas = self._canvas
        if canvas is None:
            return []
        if unit.picture is not None:
            return draw_from(self._album, unit.picture, canvas)
        if unit.block is None:
            return unit.draw(canvas) if unit.draw else []
        if unit.part is Part.THINKING:
            links = self._links_of(unit, unit.block, self.thought)
            thinking = Canvas(canvas.palette, canvas.width, canvas.palette.thinking, links=links)
            return render_block(unit.block, thinking)
        is_last = unit.is_passing and self.units[index + 1].part is not Part.BODY
        links = self._links_of(unit, unit.block, self.body)
        rows = render_block(unit.block, replace(canvas, is_open_ended=is_last, links=links))
        if is_last and rows and rows[-1].cells < canvas.width:
            cursor = Piece(CURSOR, canvas.palette.cursor)
            rows[-1] = rows[-1]._replace(pieces=(*rows[-1].pieces, cursor))
        return rows

    def _links_of(self, unit: Unit, block: Block, flow: TextFlow | None) -> Links:
        """Return what the labels in a block stand for; draw it again once more of them do."""
        if flow is None or self.entry.role == "user" or not (labels := labels_in(block)):
            return ()
        links = flow.references.among(labels)
        if not unit.is_passing:
            for label in labels.difference(label for label, _ in links):
                self._unresolved.setdefault(label, set()).add(unit)
        return links

    def _resolve(self) -> None:
        """Let what was drawn before a definition came be drawn again: that, and nothing else."""
        for flow in (self.body, self.thought):
            for label in flow.references.taken_fresh() if flow is not None else ():
                for unit in self._unresolved.pop(label, ()):
                    unit.rows = None

    def _draw_head(self, canvas: Canvas) -> list[Row]:
        return draw_head(self.entry, self.live_meta or self.entry.meta, canvas)

    def _draw_body_fold(self, canvas: Canvas) -> list[Row]:
        return draw_body_fold(canvas, self.entry.fold_reason, is_open=self.is_body_open)

    def _draw_thinking_fold(self, canvas: Canvas) -> list[Row]:
        is_live = self.entry.is_streaming and not (self.body and self.body.raw)
        return draw_thinking_fold(
            self.entry.thinking_seconds, canvas, is_open=self.is_thinking_open, is_live=is_live
        )

    # --- changes ----------------------------------------------------------------------------

    def forget(self) -> None:
        """Drop everything that was read and drawn: the text is shown in another way now."""
        raw_body = self.body.raw if self.body else self.entry.text
        raw_thought = self.thought.raw if self.thought else self.entry.thinking
        self.entry = replace(self.entry, text=raw_body, thinking=raw_thought)
        self.body = self.thought = self._laid_out = None
        self._unresolved.clear()

    def feed(self, text: str, thinking: str, *, show_hidden: bool) -> None:
        """Add what arrived to the texts, and to the units if they are laid out."""
        self._read(show_hidden=show_hidden)
        assert self.body is not None
        assert self.thought is not None
        is_first = bool(text) and not self.body.raw
        if thinking:
            self.thought.feed(thinking)
        if text:
            self.body.feed(text)
        if self._laid_out is None:
            return
        if thinking or is_first:
            self.rebuild_kept()
        else:
            self.grow()

    def redraw_head(self) -> None:
        """Draw the head line again when it is next looked at."""
        for unit in self.units[:1]:
            unit.rows = None

    def replace(self, entry: Entry) -> None:
        """Take a new version of the entry; text that is the same is not read again."""
        if entry.is_failed != self.entry.is_failed:
            self.is_body_open = not entry.is_failed
        self.body = _kept(self.body, entry.text, is_open=entry.is_streaming)
        self.thought = _kept(self.thought, entry.thinking, is_open=entry.is_streaming)
        self.entry = entry
        if not entry.is_streaming:
            self.live_meta = ""
        if self.body is None or self.thought is None or not self._laid_out:
            self._laid_out = None
            return
        self.rebuild_kept()


def _kept(flow: TextFlow | None, text: str, *, is_open: bool) -> TextFlow | None:
    """Return the flow if it holds this very text, else None: it must be read anew."""
    if flow is None or flow.raw != text or (is_open and flow.is_ended):
        return None
    if not is_open:
        flow.close()
    return flow
