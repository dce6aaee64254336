"""Dirichlet-weighted limits against exact answers and simulation."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from tune.stats import dirichlet
from tune.stats.dirichlet import bounded_upper, weighted_upper


def share_above(limit: float, count: int, ran: int) -> float:
    """The exact probability of at most this many successes, if their share is the limit."""
    return sum(
        math.comb(count, k) * limit**k * (1 - limit) ** (count - k)
        for k in range(ran + 1)
    )


@pytest.mark.parametrize(("count", "ones"), [(15, 0), (15, 3), (40, 1), (40, 39)])
def test_an_atom_of_weight_one_gives_the_limit_of_clopper_and_pearson(
    count: int, ones: int
) -> None:
    scores = np.array([1.0] * ones + [0.0] * (count - ones))
    limit = bounded_upper(
        scores, np.ones(count), 1.0, weight=1.0, size=1.0, confidence=0.95
    )
    assert share_above(limit, count, ones) == pytest.approx(0.025, abs=0.001)


def test_a_lighter_atom_gives_a_lower_limit_and_more_confidence_a_higher_one() -> None:
    scores, sizes = np.linspace(0, 0.5, 12), np.ones(12)

    def limit(weight: float, confidence: float) -> float:
        return bounded_upper(
            scores, sizes, 1.0, weight=weight, size=1.0, confidence=confidence
        )

    assert scores.mean() < limit(0.25, 0.95) < limit(0.75, 0.95) < limit(0.75, 0.99) < 1


def test_the_limit_agrees_with_simulated_weights() -> None:
    rng = np.random.default_rng(3)
    rates, weights = np.append(rng.random(12), 1.0), np.append(np.ones(12), 0.75)
    drawn = rng.gamma(weights, size=(200_000, 13))
    means = (drawn @ rates) / drawn.sum(axis=1)
    wanted = NormalDist().inv_cdf(0.975)
    limit = weighted_upper(
        rates, np.ones(13), weights, float(rates[:12].mean()), wanted
    )
    assert np.mean(means <= limit) == pytest.approx(0.975, abs=0.002)


def test_scores_at_the_bound_have_the_bound_as_limit() -> None:
    ones = np.ones(5)
    assert bounded_upper(ones, ones, 1.0, weight=0.75, size=1.0, confidence=0.95) == 1.0


def test_with_hardly_any_confidence_the_limit_is_the_mean() -> None:
    rates, ones = np.array([0.0, 0.5, 1.0]), np.ones(3)
    assert weighted_upper(rates, ones, ones, 0.5, -1.0) == 0.5


def test_a_limit_that_is_asked_for_again_is_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tails = []
    find = dirichlet._tail
    monkeypatch.setattr(dirichlet, "_tail", lambda *a: tails.append(a) or find(*a))

    def limit(scores: np.ndarray, confidence: float = 0.91) -> float:
        sizes = np.ones(len(scores))
        return bounded_upper(
            scores, sizes, 1.0, weight=0.6, size=1.0, confidence=confidence
        )

    few = np.linspace(0.1, 0.7, 9)
    first = limit(few)
    once = len(tails)
    assert limit(few.copy()) == first
    assert len(tails) == once > 0
    assert limit(few, 0.97) > first, "another limit is found anew"
    # Not of many values: the memory has a bound.
    many = np.linspace(0.1, 0.7, dirichlet._REMEMBERED_SIZE + 1)
    counts = []
    for _ in range(2):
        before = len(tails)
        limit(many)
        counts.append(len(tails) - before)
    assert counts[0] == counts[1] > 0
