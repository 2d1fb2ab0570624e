"""Ratings from votes: Bradley-Terry strengths, bootstrap intervals and the win matrix. Pure.

The model: i beats j with probability p_i / (p_i + p_j). Strengths are found with the MM algorithm
of Hunter, "MM algorithms for generalized Bradley-Terry models", Annals of Statistics 32 (2004),
and written as 400 log10 p round a mean of 1000, as chess and the arenas do. A tie, and two bad
answers, count half for each side.

In plain Python on purpose: eight models and ten thousand votes take a second, and a dependency of
30 MB for a loop of forty lines would be paid by everybody at every install.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from troth.engine.comparison_state import Choice

SCALE, MEAN = 400 / math.log(10), 1000.0
PRIOR_TIES = 0.2
"""Each competitor has drawn so many games against a middling one that does not exist: who has won
every game would otherwise be infinitely strong, and groups that never met could not be ranked."""
FEWEST_TURNS = 10
"""Votes on fewer turns say nothing of how far a rating may be off."""
_EXACT, _QUICK = 1e-8, 1e-4
_MAX_ROUNDS = 2000


@dataclass(frozen=True, slots=True)
class Ballot:
    """One judgement. Those with the same `cluster` (one turn, one voter) are not independent."""

    left: str
    right: str
    choice: Choice
    cluster: Hashable


@dataclass(frozen=True, slots=True)
class Tally:
    """How one competitor fared against another."""

    wins: int = 0
    losses: int = 0
    ties: int = 0
    both_bad: int = 0

    @property
    def games(self) -> int:
        return self.wins + self.losses + self.ties + self.both_bad


@dataclass(frozen=True, slots=True)
class Rating:
    """One competitor. `low` to `high` is the bootstrap interval of the table's level.

    Both are None where there are not enough votes for one: on too few turns, all of them alike, or
    where it has only won or only lost against all that could tell how far (Ford, "Solution of a
    ranking problem from binary comparisons", American Mathematical Monthly 64 (1957): strengths
    exist within groups in which each has taken something from each, if only by way of others).
    """

    name: str
    rating: float
    low: float | None
    high: float | None
    tally: Tally


def interval_words(rating: Rating, between: str) -> str:
    """Write an interval; "" where there are not enough votes for one."""
    if rating.low is None or rating.high is None:
        return ""
    return f"{rating.low:.0f}{between}{rating.high:.0f}"


@dataclass(frozen=True, slots=True)
class RatingTable:
    """All competitors, best first, and who beat whom."""

    ratings: tuple[Rating, ...]
    matrix: Mapping[tuple[str, str], Tally]
    """By (name, other name), in both orders."""
    ballots: int
    is_connected: bool
    """False when some never met each other, not even through others: then ranks mean little."""
    level: float
    rounds: int
    seed: int


Scores = Mapping[tuple[int, int], float]
"""What `i` took from `j`: wins plus half of the ties."""


def rate(
    ballots: Sequence[Ballot], *, rounds: int = 1000, seed: int = 0, level: float = 0.95
) -> RatingTable:
    """Rate all competitors of `ballots`; the same ballots and seed give the same table.

    A vote on one competitor against itself says nothing, and is passed over.
    """
    ballots = [ballot for ballot in ballots if ballot.left != ballot.right]
    names = sorted({name for ballot in ballots for name in (ballot.left, ballot.right)})
    place = {name: index for index, name in enumerate(names)}
    count = len(names)
    strengths = fit(_scores(ballots, place), count)
    spread = _bootstrap(ballots, place, strengths, rounds, seed)
    matrix = _matrix(ballots)
    turns: defaultdict[str, set[Hashable]] = defaultdict(set)
    for ballot in ballots:
        turns[ballot.left].add(ballot.cluster)
        turns[ballot.right].add(ballot.cluster)
    ratings: list[Rating] = []
    for index, name in enumerate(names):
        low = high = None
        if len(turns[name]) >= FEWEST_TURNS and _is_held_from_both_sides(matrix, name):
            values = sorted(row[index] for row in spread)
            low, high = _quantile(values, (1 - level) / 2), _quantile(values, (1 + level) / 2)
            if low == high:
                low = high = None
        whole = _add(tally for (left, _), tally in matrix.items() if left == name)
        ratings.append(Rating(name, _points(strengths)[index], low, high, whole))
    ratings.sort(key=lambda rating: -rating.rating)
    connected = set(names[:1]) | _reached(matrix, names[0]) == set(names) if names else True
    return RatingTable(tuple(ratings), matrix, len(ballots), connected, level, rounds, seed)


def fit(
    scores: Scores, count: int, start: Sequence[float] | None = None, *, tolerance: float = _EXACT
) -> list[float]:
    """Return strengths with geometric mean 1; `tolerance` is the largest change of a logarithm."""
    taken = [PRIOR_TIES / 2] * count
    games: defaultdict[tuple[int, int], float] = defaultdict(float)
    for (i, j), score in scores.items():
        taken[i] += score
        games[min(i, j), max(i, j)] += score
    meetings: list[list[tuple[int, float]]] = [[] for _ in range(count)]
    for (i, j), number in games.items():
        meetings[i].append((j, number))
        meetings[j].append((i, number))
    strengths = list(start) if start is not None else [1.0] * count
    for _ in range(_MAX_ROUNDS):
        change = 0.0
        for i in range(count):
            own = strengths[i]
            expected = PRIOR_TIES / (own + 1.0)
            for j, number in meetings[i]:
                expected += number / (own + strengths[j])
            strengths[i] = taken[i] / expected
            change = max(change, abs(math.log(strengths[i] / own)))
        if change < tolerance:
            break
    mean = math.exp(sum(map(math.log, strengths)) / count) if count else 1.0
    return [strength / mean for strength in strengths]


def _scores(ballots: Iterable[Ballot], place: Mapping[str, int]) -> Scores:
    scores: defaultdict[tuple[int, int], float] = defaultdict(float)
    for ballot in ballots:
        i, j = place[ballot.left], place[ballot.right]
        match ballot.choice:
            case Choice.LEFT:
                scores[i, j] += 1
            case Choice.RIGHT:
                scores[j, i] += 1
            case Choice.TIE | Choice.BOTH_BAD:
                scores[i, j] += 0.5
                scores[j, i] += 0.5
    return scores


def _bootstrap(
    ballots: Sequence[Ballot],
    place: Mapping[str, int],
    strengths: Sequence[float],
    rounds: int,
    seed: int,
) -> list[list[float]]:
    """Draw whole clusters with replacement and fit again, `rounds` times."""
    by_cluster: defaultdict[Hashable, list[Ballot]] = defaultdict(list)
    for ballot in ballots:
        by_cluster[ballot.cluster].append(ballot)
    clusters = [tuple(_scores(group, place).items()) for group in by_cluster.values()]
    source = random.Random(seed)  # noqa: S311  # repeatable, not secret
    spread: list[list[float]] = []
    for _ in range(rounds if clusters else 0):
        scores: defaultdict[tuple[int, int], float] = defaultdict(float)
        for cluster, times in Counter(source.choices(clusters, k=len(clusters))).items():
            for pair, score in cluster:
                scores[pair] += score * times
        spread.append(_points(fit(scores, len(place), strengths, tolerance=_QUICK)))
    return spread


def _points(strengths: Sequence[float]) -> list[float]:
    return [MEAN + SCALE * math.log(strength) for strength in strengths]


def _quantile(values: Sequence[float], share: float) -> float:
    """Return a quantile of sorted values, linear between neighbours."""
    position = share * (len(values) - 1)
    below = math.floor(position)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (position - below)


def _matrix(ballots: Iterable[Ballot]) -> dict[tuple[str, str], Tally]:
    counted: defaultdict[tuple[str, str], Counter[Choice]] = defaultdict(Counter)
    swapped = {Choice.LEFT: Choice.RIGHT, Choice.RIGHT: Choice.LEFT}
    for ballot in ballots:
        counted[ballot.left, ballot.right][ballot.choice] += 1
        counted[ballot.right, ballot.left][swapped.get(ballot.choice, ballot.choice)] += 1
    return {
        pair: Tally(
            found[Choice.LEFT], found[Choice.RIGHT], found[Choice.TIE], found[Choice.BOTH_BAD]
        )
        for pair, found in sorted(counted.items())
    }


def _add(tallies: Iterable[Tally]) -> Tally:
    whole = Tally()
    for tally in tallies:
        whole = Tally(
            whole.wins + tally.wins,
            whole.losses + tally.losses,
            whole.ties + tally.ties,
            whole.both_bad + tally.both_bad,
        )
    return whole


def _reached(
    matrix: Mapping[tuple[str, str], Tally],
    start: str,
    leads: Callable[[Tally], bool] = lambda tally: bool(tally.games),
) -> set[str]:
    """Return all that `start` leads to, if only by way of others; itself where a way comes back."""
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        for (left, right), tally in matrix.items():
            if left == name and right not in reached and leads(tally):
                reached.add(right)
                waiting.append(right)
    return reached


def _is_held_from_both_sides(matrix: Mapping[tuple[str, str], Tally], name: str) -> bool:
    """Whether some competitor is both below and above this one, if only by way of others."""

    def has_taken(tally: Tally) -> bool:
        return tally.wins + tally.ties + tally.both_bad > 0

    return name in _reached(matrix, name, has_taken)
