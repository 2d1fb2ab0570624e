"""The scroll thumb: where the window stands in the whole, by what is known of the heights."""

from __future__ import annotations

from troth.tui.widgets.transcript_layout import Place, TranscriptLayout


def thumb_rows(layout: TranscriptLayout) -> tuple[int, int]:
    """Return first row and number of rows of the thumb; (0, 0) if everything is on screen.

    It touches the edges only where the transcript does.
    """
    total, window = sum(layout.heights), layout.height
    if total <= window or not window:
        return 0, 0
    size = max(1, round(window * window / total))
    if layout.is_end_seen:
        return window - size, size
    if layout.top == Place(0, 0, 0):
        return 0, size
    message, unit, row = layout.top
    above = sum(layout.heights[:message]) + sum(layout.messages[message].heights[:unit]) + row
    last = window - size - 1
    start = round(above / max(1, total - window) * last)
    return max(min(1, last), min(last, start)), size


def go_to_share(layout: TranscriptLayout, share: float) -> None:
    """Move the window so that `share` (0 to 1) of what can be scrolled lies above it."""
    if share >= 1:
        layout.follow()
        return
    goal = round(max(0.0, share) * max(0, sum(layout.heights) - layout.height))
    for index, height in enumerate(layout.heights):
        if goal < height:
            for unit, rows in enumerate(layout.prepare(index).heights):
                if goal < rows:
                    layout.go_to(index, unit, goal)
                    return
                goal -= rows
            layout.go_to(index)
            return
        goal -= height
    layout.follow()
