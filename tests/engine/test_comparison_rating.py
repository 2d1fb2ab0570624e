"""Ratings: known strengths come back, and the order of things does not matter."""

from __future__ import annotations

import math
import random

import pytest

from troth.engine.comparison_state import Choice
from troth.engine.rating import SCALE, Ballot, Rating, Tally, fit, interval_words, rate

STRENGTHS = {"a": 2.0, "b": 1.0, "c": 0.7, "d": 0.3}


def simulated(seed: int, count: int = 600, ties: float = 0.1) -> list[Ballot]:
    """Votes as the model says that they come."""
    source = random.Random(seed)
    ballots: list[Ballot] = []
    for number in range(count):
        left, right = source.sample(sorted(STRENGTHS), 2)
        if source.random() < ties:
            choice = Choice.TIE
        else:
            share = STRENGTHS[left] / (STRENGTHS[left] + STRENGTHS[right])
            choice = Choice.LEFT if source.random() < share else Choice.RIGHT
        ballots.append(Ballot(left, right, choice, number))
    return ballots


def true_ratings() -> dict[str, float]:
    mean = sum(map(math.log, STRENGTHS.values())) / len(STRENGTHS)
    return {name: 1000 + SCALE * (math.log(p) - mean) for name, p in STRENGTHS.items()}


def test_known_strengths_lie_within_their_intervals() -> None:
    """Of 20 studies with 4 competitors each, at least nine in ten intervals hold the truth."""
    truth, held = true_ratings(), 0
    for seed in range(20):
        table = rate(simulated(seed, 300, ties=0), rounds=100, seed=seed)
        held += sum(low <= truth[r.name] <= high for r in table.ratings for low, high in [ends(r)])
    assert held >= 72


def test_the_ranking_of_known_strengths_is_recovered() -> None:
    table = rate(simulated(1, 2000), rounds=50)
    assert [rating.name for rating in table.ratings] == ["a", "b", "c", "d"]
    assert all(low < r.rating < high for r in table.ratings for low, high in [ends(r)])


def test_two_competitors_have_the_odds_of_their_wins() -> None:
    """The closed form for two: log odds of the win rate; the prior moves it by little."""
    strengths = fit({(0, 1): 300.0, (1, 0): 100.0}, 2)
    assert strengths[0] / strengths[1] == pytest.approx(3, rel=0.01)


def test_the_same_votes_and_seed_give_the_same_table() -> None:
    ballots = simulated(3, 100)
    assert rate(ballots, rounds=50, seed=7) == rate(ballots, rounds=50, seed=7)


def ends(rating: Rating) -> tuple[float, float]:
    """Return the interval of a competitor that has enough votes for one."""
    assert rating.low is not None
    assert rating.high is not None
    return rating.low, rating.high


LEFT, RIGHT, TIE, BAD = Choice.LEFT, Choice.RIGHT, Choice.TIE, Choice.BOTH_BAD
MIXED = [LEFT, RIGHT, LEFT, TIE, RIGHT, LEFT, BAD, RIGHT, LEFT, LEFT, TIE, LEFT]


@pytest.mark.parametrize(
    "choices",
    [[LEFT], [TIE], [LEFT] * 3, [LEFT] * 50, [RIGHT] * 50, [TIE] * 50, [BAD] * 50, MIXED[:9]],
)
def test_too_few_votes_and_votes_that_are_all_alike_have_no_interval(
    choices: list[Choice],
) -> None:
    table = rate([Ballot("a", "b", choice, n) for n, choice in enumerate(choices)], rounds=50)
    assert [(r.low, r.high) for r in table.ratings] == [(None, None)] * 2
    assert all(math.isfinite(r.rating) for r in table.ratings)
    assert [interval_words(r, "-") for r in table.ratings] == ["", ""]


def test_perfect_separation_gives_finite_ratings_in_order_and_no_interval() -> None:
    ballots = [
        Ballot(left, right, LEFT, (left, n))
        for left, right in ("ab", "bc", "cd")
        for n in range(40)
    ]
    table = rate(ballots, rounds=50)
    assert [r.name for r in table.ratings] == ["a", "b", "c", "d"]
    assert all(math.isfinite(r.rating) and r.low is None for r in table.ratings)


def test_one_that_only_loses_takes_nobody_elses_interval() -> None:
    mixed = [Ballot("a", "b", choice, n) for n, choice in enumerate(MIXED)]
    lost = [Ballot("a", "worst", LEFT, n) for n in range(len(MIXED))]
    by_name = {r.name: r for r in rate([*mixed, *lost], rounds=100).ratings}
    assert by_name["worst"].low is None
    for name in "ab":
        low, high = ends(by_name[name])
        assert low < high


def test_groups_that_never_met_have_intervals_of_their_own_and_are_told() -> None:
    ballots = [
        Ballot(left, right, choice, (left, n))
        for left, right in ("ab", "cd")
        for n, choice in enumerate(MIXED)
    ]
    table = rate(ballots, rounds=100)
    assert not table.is_connected
    assert all(low < high for low, high in map(ends, table.ratings))


def test_a_vote_on_one_competitor_against_itself_says_nothing() -> None:
    mixed = [Ballot("a", "b", choice, n) for n, choice in enumerate(MIXED)]
    itself = [Ballot("a", "a", LEFT, n) for n in range(30)]
    assert rate([*mixed, *itself], rounds=20) == rate(mixed, rounds=20)


def test_sides_do_not_matter() -> None:
    swap = {Choice.LEFT: Choice.RIGHT, Choice.RIGHT: Choice.LEFT}
    ballots = simulated(4, 200)
    mirrored = [Ballot(b.right, b.left, swap.get(b.choice, b.choice), b.cluster) for b in ballots]
    one, other = rate(ballots, rounds=20), rate(mirrored, rounds=20)
    assert [r.name for r in one.ratings] == [r.name for r in other.ratings]
    for left, right in zip(one.ratings, other.ratings, strict=True):
        assert left.rating == pytest.approx(right.rating, abs=0.01)


def test_one_that_always_wins_stays_finite() -> None:
    table = rate([Ballot("best", "worst", Choice.LEFT, n) for n in range(30)], rounds=50)
    assert table.ratings[0].name == "best"
    assert math.isfinite(table.ratings[0].rating)
    assert table.ratings[0].tally == Tally(wins=30)


def test_the_win_matrix_counts_both_directions() -> None:
    ballots = [
        Ballot("a", "b", Choice.LEFT, 0),
        Ballot("b", "a", Choice.LEFT, 1),
        Ballot("a", "b", Choice.TIE, 2),
        Ballot("a", "b", Choice.BOTH_BAD, 3),
    ]
    table = rate(ballots, rounds=5)
    assert table.matrix["a", "b"] == Tally(1, 1, 1, 1)
    assert table.matrix["b", "a"] == Tally(1, 1, 1, 1)
    assert table.ratings[0].rating == pytest.approx(table.ratings[1].rating)


def test_groups_that_never_met_are_told() -> None:
    ballots = [Ballot("a", "b", Choice.LEFT, 0), Ballot("c", "d", Choice.LEFT, 1)]
    assert not rate(ballots, rounds=5).is_connected
    assert rate([*ballots, Ballot("b", "c", Choice.TIE, 2)], rounds=5).is_connected


def test_votes_on_one_turn_are_drawn_together() -> None:
    """A judgement that is written down three times is one judgement, not three."""
    choices = [Choice.LEFT] * 14 + [Choice.RIGHT] * 6
    copies = [(n, copy, choice) for n, choice in enumerate(choices) for copy in range(3)]
    widths: list[float] = []
    for is_together in (False, True):
        ballots = [Ballot("a", "b", c, n if is_together else (n, copy)) for n, copy, c in copies]
        low, high = ends(rate(ballots, rounds=300).ratings[0])
        widths.append(high - low)
    assert widths[1] > 1.4 * widths[0]


def test_no_votes_give_an_empty_table() -> None:
    assert rate([]).ratings == ()
