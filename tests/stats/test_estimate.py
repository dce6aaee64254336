"""Estimates of every estimator, against fresh draws of worlds with known truth."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings

from tests.support.slow import slow
from tests.support.subsets import (
    MARKS,
    NAMES,
    WORST,
    Worlds,
    scores_of,
    table,
)
from tune.readout.aggregate import best, vote
from tune.stats.arrays import Array
from tune.stats.best_of_n import mean_of_best, mean_of_largest
from tune.stats.estimate import SubsetEstimate, mean_of_one, side_by_side
from tune.stats.majority_vote import mean_of_vote
from tune.stats.subsets import mean_of_choice


def test_an_example_is_not_scored_for_more_answers_than_it_has_draws() -> None:
    names = np.array([[0, 1]])
    scores = table([[1.0, 0.0]])
    for found in (
        mean_of_vote(names, scores, 0.0, [2, 3]),
        mean_of_best(scores, scores, [2, 3]),
    ):
        assert np.isnan(found.means[0]).tolist() == [False, True]
        assert np.isnan(found.variances[0]).tolist() == [False, True]
    assert np.isnan(mean_of_vote(names, scores, 0.0, [3]).means).all()
    assert np.isnan(mean_of_largest(scores, [3])).all()


def test_a_score_that_is_missing_spoils_its_own_example_alone() -> None:
    names = np.array([[0, 1, 1], [0, 1, 1]])
    scores = table([[math.nan, 1, 1], [0, 1, 1]])
    verdicts = table([[1, 2, 3], [1, 2, 3]])
    for found in (
        mean_of_vote(names, scores, 0.0, [1, 2]),
        mean_of_best(scores, verdicts, [1, 2]),
        mean_of_best(scores, scores, [1, 2]),
        mean_of_one(scores),
    ):
        assert np.isnan(found.means[0]).all()
        assert np.isfinite(found.means[1]).all()
        assert np.isfinite(found.variances[1]).all()


def test_a_single_draw_cannot_tell_its_own_variance() -> None:
    one = table([[1.0]])
    for found in (
        mean_of_one(one),
        mean_of_best(one, one, [1]),
        mean_of_vote(np.array([[0]]), one, 0.0, [1]),
    ):
        assert found.means[0, 0] == 1.0
        assert math.isnan(found.variances[0, 0])
    assert math.isnan(mean_of_choice(lambda order: 1.0, 1, 1, seed=0)[1])


def vote_of(worlds: Worlds, draws: int, ns: Sequence[int]) -> SubsetEstimate:
    names, scores, _ = worlds.draw(draws)
    return mean_of_vote(names, scores, 0.0, ns)


def best_of(worlds: Worlds, draws: int, ns: Sequence[int]) -> SubsetEstimate:
    _, scores, verdicts = worlds.draw(draws)
    return mean_of_best(scores, verdicts, ns)


def any_of(worlds: Worlds, draws: int, ns: Sequence[int]) -> SubsetEstimate:
    _, scores, _ = worlds.draw(draws)
    return mean_of_best(scores, scores, ns)


RULES = pytest.mark.parametrize(
    "rule", [vote_of, best_of, any_of], ids=["vote", "best", "any"]
)


def run_fresh(rule: Callable[..., SubsetEstimate], worlds: Worlds, n: int) -> Array:
    """One request per world with n answers, chosen from by the rule that is used at run time."""
    names, scores, verdicts = worlds.draw(n)
    chosen = []
    for row in range(len(names)):
        answers = [None if name < 0 else str(name) for name in names[row].tolist()]
        if rule is vote_of:
            winner = vote(answers)
            chosen.append(0.0 if winner is None else float(worlds.marks[int(winner)]))
        elif rule is best_of:
            places = [str(place) for place in range(n)]
            found = best(places, lambda place, row=row: verdicts[row, int(place)])  # type: ignore[misc]
            chosen.append(float(scores[row, int(found or 0)]))
        else:
            chosen.append(float(scores[row].max()))
    return np.array(chosen)


def check_unbiased(rule: Callable[..., SubsetEstimate], worlds: int, runs: int) -> None:
    ns = [1, 2, 3, 5, 9, 16]
    made = Worlds(worlds, seed=11)
    estimates = np.mean([rule(made, 16, ns).means for _ in range(runs)], axis=0)
    for column, n in enumerate(ns):
        fresh = np.mean([run_fresh(rule, made, n) for _ in range(runs)], axis=0)
        difference = estimates[:, column] - fresh
        error = difference.std(ddof=1) / math.sqrt(worlds)
        assert abs(difference.mean()) < 3 * error, (
            f"n={n}: {difference.mean():+.4f}, standard error {error:.4f}"
        )


@RULES
def test_readings_of_sixteen_draws_agree_with_fresh_runs_in_a_thousand_worlds(
    rule: Callable[..., SubsetEstimate],
) -> None:
    check_unbiased(rule, worlds=1000, runs=2)


@pytest.mark.slow
@RULES
def test_readings_agree_with_many_fresh_runs_in_a_thousand_worlds(
    rule: Callable[..., SubsetEstimate],
) -> None:
    check_unbiased(rule, worlds=1000, runs=60)


@RULES
def test_estimates_of_the_same_draws_are_surer_than_fresh_runs(
    rule: Callable[..., SubsetEstimate],
) -> None:
    made = Worlds(300, seed=3)
    read = np.array([rule(made, 16, [3]).means[:, 0] for _ in range(20)])
    fresh = np.array([rule(made, 3, [3]).means[:, 0] for _ in range(20)])
    assert read.var(axis=0).mean() < 0.5 * fresh.var(axis=0).mean()


def ratios(
    rule: Callable[..., SubsetEstimate],
    draws: int,
    ns: Sequence[int],
    *,
    examples: int,
    runs: int,
) -> Array:
    """Stated variance over true variance, each averaged over the examples, for each n."""
    made = Worlds(examples, seed=draws)
    found = [rule(made, draws, ns) for _ in range(runs)]
    true = (
        np.array([estimate.means for estimate in found])
        .var(axis=0, ddof=1)
        .mean(axis=0)
    )
    stated = np.array([estimate.variances for estimate in found]).mean(axis=(0, 1))
    return np.asarray(stated / true)


@RULES
@pytest.mark.parametrize(
    ("draws", "ns"),
    [(3, [1, 2, 3]), (5, [1, 3, 5]), *slow((8, [1, 3, 5, 8]), (16, [1, 3, 9, 16]))],
)
def test_the_stated_variances_are_true_on_average(
    rule: Callable[..., SubsetEstimate], draws: int, ns: list[int]
) -> None:
    found = ratios(rule, draws, ns, examples=150, runs=50)
    assert found[0] == pytest.approx(1.0, abs=0.1)  # n = 1 is unbiased
    assert (found > 0.7).all(), found
    assert (found < 1.5).all(), found


@pytest.mark.slow
@RULES
def test_the_stated_variances_are_true_on_average_seen_closely(
    rule: Callable[..., SubsetEstimate],
) -> None:
    for draws in (2, 3, 4, 6, 8, 12, 16):
        ns = list(range(1, draws + 1))
        found = ratios(rule, draws, ns, examples=300, runs=150)
        assert found[0] == pytest.approx(1.0, abs=0.04)
        assert (found > (0.75 if draws > 2 else 0.6)).all(), (draws, found)
        assert (found < 1.4).all(), (draws, found)


@given(NAMES, MARKS)
@settings(max_examples=40)
def test_a_variance_is_never_negative_nor_larger_than_scores_can_vary(
    names: list[int], marks: list[float]
) -> None:
    if len(names) < 2:
        return
    scores = table([scores_of(names, marks)])
    ns = list(range(2, len(names) + 1))
    for found in (
        mean_of_vote(np.array([names]), scores, WORST, ns),
        mean_of_best(scores, scores, ns),
    ):
        assert (found.variances >= 0).all()
        assert (found.variances <= 1.5**2 / 2).all()


def test_where_every_draw_scores_the_same_there_is_no_variance() -> None:
    names = np.array([[0, 0, 1, 2]])
    scores = np.ones((1, 4))
    assert mean_of_vote(names, scores, 0.0, [1, 2, 4]).variances[0] == pytest.approx(
        [0.0] * 3
    )
    assert mean_of_best(scores, table([[1, 2, 3, 4]]), [1, 2, 4]).variances[
        0
    ] == pytest.approx([0.0] * 3, abs=1e-15)
    assert mean_of_choice(lambda order: 1.0, 4, 2, seed=1) == (1.0, 0.0)


def test_estimates_side_by_side_are_one_with_all_columns() -> None:
    one = SubsetEstimate(np.array([[1.0], [2.0]]), np.array([[0.1], [0.2]]))
    two = SubsetEstimate(np.array([[3.0, 4.0]] * 2), np.array([[0.3, 0.4]] * 2))
    both = side_by_side([one, two])
    assert both.means.tolist() == [[1.0, 3.0, 4.0], [2.0, 3.0, 4.0]]
    assert both.variances.tolist() == [[0.1, 0.3, 0.4], [0.2, 0.3, 0.4]]
