"""Who carries out which command on the comparison screen: one table, as on the chat screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from troth.engine.comparison_state import MAX_COLUMNS, Choice
from troth.tui.screens.compare_board import CompareBoard
from troth.tui.screens.compare_deeds import Deeds
from troth.tui.screens.compare_vote import Ballots

Handler = Callable[[], "Awaitable[None] | None"]


def handlers_of(screen: CompareBoard, deeds: Deeds, ballots: Ballots) -> dict[str, Handler]:
    """Return what each command of the comparison does."""
    table: dict[str, Handler] = {
        "next": lambda: screen.step(1),
        "previous": lambda: screen.step(-1),
        "down": lambda: screen.scroll_by_lines(1),
        "up": lambda: screen.scroll_by_lines(-1),
        "page_down": lambda: screen.scroll_by_pages(0.9),
        "page_up": lambda: screen.scroll_by_pages(-0.9),
        "top": screen.scroll_to_top,
        "end": screen.scroll_to_tail,
        "free": screen.free,
        "zoom": screen.zoom,
        "write": lambda: screen.prompt.take_focus(),  # noqa: PLW0108  # there is no prompt yet
        "vote_left": lambda: ballots.cast(Choice.LEFT),
        "vote_right": lambda: ballots.cast(Choice.RIGHT),
        "vote_tie": lambda: ballots.cast(Choice.TIE),
        "vote_bad": lambda: ballots.cast(Choice.BOTH_BAD),
        "unvote": ballots.take_back,
        "reveal": ballots.reveal,
        "keep": deeds.keep,
        "again": deeds.ask_again,
        "go_on": deeds.go_on,
        "stop_all": deeds.stop_all,
        "remove": deeds.remove,
        "add": deeds.add,
        "swap": deeds.swap,
        "copy": deeds.copy,
        "save": deeds.save,
        "verify": deeds.verify,
        "differ": deeds.differ,
        "summary": deeds.summary,
        "judge": deeds.judge,
        "merge": deeds.merge,
        "ratings": deeds.ratings,
        "keys": deeds.all_keys,
    }
    for place in range(MAX_COLUMNS):
        table[f"column{place + 1}"] = partial(screen.choose, place)
    return {f"compare.{name}": handler for name, handler in table.items()}
