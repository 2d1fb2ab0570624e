"""From a comparison to what its screen draws: entries, head lines, states. Pure.

While names are hidden nothing that could give a model away is put into words: no name, badge,
price, time, nor the text of an error.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from troth.domain.error import Failure
from troth.domain.message import Finish
from troth.domain.model import Endpoint
from troth.engine.comparison import Column, Comparison
from troth.engine.comparison_turns import Answer, Metrics
from troth.engine.comparison_voting import Pair
from troth.engine.endpoints import wants_login
from troth.explain import explain_failure, lack_notice, verdict_words
from troth.tui.glyph import Badge, badge
from troth.tui.keys import FooterItem, Keymap, footer_items
from troth.tui.screens.entries import (
    ARRIVING,
    CHECKING,
    HELD,
    arriving_entry,
    entry_of,
    written_cost,
)
from troth.tui.widgets.compare_head import Head
from troth.tui.widgets.transcript_entry import Entry, Problem

_HIDDEN_PROBLEM = Problem("This answer did not come.", "Why is told when the names are shown.")


def seat(comparison: Comparison, place: int, turn: int) -> Column:
    """Return who stands at a place from the left in one turn: blind orders differ by turn."""
    return comparison.voting.order(turn)[place]


def newest_turn(comparison: Comparison) -> int:
    """Return the index of the last turn that any column was asked."""
    return max(0, *(len(comparison.answers(column)) - 1 for column in comparison.columns))


def lack_in_columns(endpoint: Endpoint) -> str:
    """Say what a chosen provider wants before it can answer: a chat is where that is done."""
    title = endpoint.title or endpoint.name
    said, step = lack_notice(title, endpoint.name, wants_login=wants_login(endpoint))
    return f"{said} In a chat, {step}."


_JOINED = "The turn before has no answer, so both prompts went as one."
NO_ANSWER = Badge("warn", "!", "no answer")
CUT_OFF = badge("warn", "cut off")
Arriving = Callable[[Entry], Entry]
"""Fills in what has come of a running reply."""


def entries_at(comparison: Comparison, place: int, arriving: Arriving) -> list[Entry]:
    """Return all that is shown at one place: every turn's prompt and the answer that stands there.

    The prompts are the user's and the same at every place; only answers are ordered anew.
    """
    entries: list[Entry] = []
    answers = {column.id: comparison.answers(column) for column in comparison.columns}
    for turn in range(newest_turn(comparison) + 1):
        column = seat(comparison, place, turn)
        own = answers[column.id]
        if turn >= len(own):
            entries += _waiting_entries(comparison, column, turn)
            continue
        entries.append(entry_of(own[turn].asked))
        is_joined = turn > 0 and not own[turn - 1].is_answered
        said = _answer_entries(comparison, column, turn, own[turn])
        if turn == len(own) - 1:
            said += _arriving_entries(comparison, column, turn, arriving)
        entries += [_joined(entry) for entry in said] if is_joined else said
    return entries


def _joined(entry: Entry) -> Entry:
    """Say of an answer that it is one to two prompts: no model is given an answer it never gave."""
    return replace(entry, lead_notes=(*entry.lead_notes, _JOINED))


def _waiting_entries(comparison: Comparison, column: Column, turn: int) -> list[Entry]:
    """Return a turn that a column has not come to yet, and why."""
    prompt = comparison.turns()[turn].prompt
    why = "Asked next." if column.is_running else "Not asked yet: the turn before has no answer."
    note = Entry(f"{column.id}/{turn}", "note", comparison.voting.title(column, turn), text=why)
    return [replace(entry_of(prompt), id=f"{column.id}/{turn}/prompt"), note]


def _answer_entries(
    comparison: Comparison, column: Column, turn: int, answer: Answer
) -> list[Entry]:
    voting, verdicts = comparison.voting, comparison.chat.verdicts
    if not voting.is_shown(turn):
        words = "Shown when all have answered: speed would give a model away."
        return [Entry(f"{column.id}/{turn}", "note", voting.title(column, turn), text=words)]
    title = voting.title(column, turn)
    found = [
        replace(entry_of(reply, verdict=verdicts.get(reply.id), face="columns"), title=title)
        for reply in answer.replies
    ]
    if is_held(comparison) and column.reply is not None and column.reply.is_judging:
        found = [_held(entry) if entry.id == column.reply.id else entry for entry in found]
    if not voting.is_blind:
        return found
    flags = voting.flags(column, turn)
    notes = ("This answer names its own model or maker: a vote on it is marked.",) if flags else ()
    return [_hidden(entry, notes) for entry in found]


def _arriving_entries(
    comparison: Comparison, column: Column, turn: int, arriving: Arriving
) -> list[Entry]:
    """Return what stands below the last answer: a reply that arrives, or why none does."""
    voting, reply = comparison.voting, column.reply
    title = voting.title(column, turn)
    if not voting.is_shown(turn):
        return []
    if reply is not None and reply.is_running:
        fresh = arriving_entry(reply.id, title)
        return [fresh if is_held(comparison) else arriving(fresh)]
    if column.failure is None:
        return []
    entry = _failed_entry(f"{column.id}/failure", title, column.failure)
    return [_hidden(entry, ()) if voting.is_blind else entry]


def is_held(comparison: Comparison) -> bool:
    """Whether a reply is shown only once it has been checked."""
    return comparison.chat.is_held


def _held(entry: Entry) -> Entry:
    return replace(
        entry, badge=CHECKING, text="", thinking="", attachments=(), pictures=(), lead_notes=(HELD,)
    )


def _failed_entry(entry_id: str, title: str, failure: Failure) -> Entry:
    words = explain_failure(failure, "columns")
    problem = Problem(words.title, words.detail, words.next_step)
    return Entry(entry_id, "assistant", title, problem=problem)


def _hidden(entry: Entry, notes: tuple[str, ...]) -> Entry:
    """Take out what tells one model from another; a reply that failed its check stays loud."""
    if entry.is_failed:
        return replace(entry, meta="", lead_notes=(), notes=notes)
    return replace(
        entry,
        meta="arriving" if entry.is_streaming else "",
        badge=ARRIVING if entry.is_streaming else None,
        lead_notes=(),
        notes=notes if not entry.is_streaming else (),
        problem=_HIDDEN_PROBLEM if entry.problem is not None else None,
        is_failed=False,
    )


def head_at(comparison: Comparison, place: int, elapsed_s: float | None = None) -> Head:
    """Return the head of one place: of its newest answer."""
    turn = newest_turn(comparison)
    column, voting = seat(comparison, place, turn), comparison.voting
    title = voting.heading(column, turn)
    metrics = comparison.metrics(column)
    if voting.is_blind:
        return Head(place + 1, title, _blind_badge(comparison, column, metrics), "")
    if column.is_running:
        seconds = "" if elapsed_s is None else f"{elapsed_s:.0f} s"
        return Head(place + 1, title, ARRIVING, _waiting_words(seconds, column))
    return Head(place + 1, title, state_badge(metrics), _waiting_words(numbers(metrics), column))


def _waiting_words(text: str, column: Column) -> str:
    count = len(column.waiting)
    waits = "" if not count else f"{count} more turn{'s' if count > 1 else ''} to take"
    return "   ".join(words for words in (text, waits) if words)


def _blind_badge(comparison: Comparison, column: Column, metrics: Metrics) -> Badge:
    if column.is_running:
        return ARRIVING
    answers = comparison.answers(column)
    if not answers or not answers[-1].is_usable or metrics.finish is Finish.FAILED:
        return NO_ANSWER
    return CUT_OFF if metrics.finish is Finish.CUT else badge("plain", "answered")


def state_badge(metrics: Metrics) -> Badge | None:
    """Return how an answer ended, or what was checked of it."""
    if metrics.verdict is not None and metrics.verdict.is_loud:
        words = verdict_words(metrics.verdict.state)
        return Badge(words.tone, words.glyph, words.short)
    if metrics.finish is Finish.CUT:
        return CUT_OFF
    if metrics.failure is not None or metrics.finish is Finish.FAILED:
        return NO_ANSWER
    if metrics.finish is Finish.STOPPED:
        return badge("plain", "stopped")
    if metrics.verdict is None:
        return None
    words = verdict_words(metrics.verdict.state)
    return Badge(words.tone, words.glyph, words.short)


def numbers(metrics: Metrics) -> str:
    """Write seconds, tokens, cost and speed; what is not known is left out."""
    pieces: list[str] = []
    if metrics.total_ms is not None:
        pieces.append(f"{metrics.total_ms / 1000:.1f} s")
    if metrics.output_tokens is not None:
        pieces.append(f"{metrics.output_tokens:,} tokens")
    if metrics.cost_usd:
        pieces.append(written_cost(metrics.cost_usd))
    if metrics.tokens_per_s is not None:
        pieces.append(f"{metrics.tokens_per_s:.0f} tok/s")
    return "   ".join(pieces)


def answer_text(comparison: Comparison, place: int) -> str:
    """Return the newest answer that stands at a place, as far as it has come."""
    turn = newest_turn(comparison)
    column = seat(comparison, place, turn)
    answers = comparison.answers(column)
    said = answers[turn].text if turn < len(answers) else ""
    reply = column.reply
    return said + (reply.text if reply is not None and reply.is_running else "")


def open_pairs(comparison: Comparison) -> list[tuple[int, Pair]]:
    """Return the pairs that wait for a vote: a turn is voted on once all have answered it."""
    if comparison.is_running:
        return []
    return [
        (turn, pair)
        for turn in range(newest_turn(comparison) + 1)
        for pair in comparison.voting.pairs(turn)
        if pair.vote is None
    ]


def vote_words(comparison: Comparison, keymap: Keymap) -> str:
    """Say what can be voted on now, and with which keys."""

    def key(name: str) -> str:
        return keymap.first(f"compare.{name}")

    if comparison.is_running:
        return "Names are hidden. Vote when all have answered."
    pairs = open_pairs(comparison)
    if not pairs:
        columns = {column.id for column in comparison.columns}
        count = sum({vote.left, vote.right} <= columns for vote in comparison.voting.votes)
        votes = "1 vote is" if count == 1 else f"{count} votes are"
        return f"{votes} in. {key('reveal')} shows the names and locks them."
    turn, pair = pairs[0]
    which = f"turn {turn + 1}: " if newest_turn(comparison) else ""
    return (
        f"Which is better? {which}{key('vote_left')} {pair.left_letter}   "
        f"{key('vote_right')} {pair.right_letter}   {key('vote_tie')} tie   "
        f"{key('vote_bad')} both bad   ({len(pairs)} to go)"
    )


def footer_of(
    keymap: Keymap, facts: Collection[str], columns: int, *, is_writing: bool
) -> tuple[FooterItem, ...]:
    """Return the footer, while the prompt has the keys or the columns have them."""
    if is_writing:
        return (
            FooterItem("prompt.send", keymap.first("prompt.send"), "send to all", 1),
            FooterItem("compare.back", keymap.first("compare.back"), "columns", 2, is_right=True),
        )
    first, last = (keymap.first(f"compare.column{at}") for at in (1, columns))
    numbers = FooterItem("compare.next", f"{first}-{last}", "column", 4)
    return (numbers, *footer_items(keymap, facts, "compare", "app"))
