"""A choice among n draws that can only be called."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given

from tests.support.subsets import (
    MARKS,
    NAMES,
    Worlds,
    scores_of,
    table,
)
from tune.readout.aggregate import vote
from tune.stats.best_of_n import mean_of_largest
from tune.stats.majority_vote import mean_of_vote
from tune.stats.subsets import SUBSETS, mean_of_choice


@given(NAMES, MARKS)
def test_any_choice_that_can_only_be_called_is_worth_its_mean_over_subsets(
    names: list[int], marks: list[float]
) -> None:
    scores = scores_of(names, marks)
    for n in range(1, len(names) + 1):
        mean, _ = mean_of_choice(
            lambda order: max(scores[i] for i in order), len(names), n, seed=0
        )
        assert mean == pytest.approx(mean_of_largest(table([scores]), [n])[0, 0])


def test_too_many_subsets_are_represented_by_random_ones_that_a_seed_fixes() -> None:
    rng = np.random.default_rng(5)
    names = rng.choice(4, size=(1, 40), p=[0.4, 0.3, 0.2, 0.1])
    scores = np.where(names == 0, 1.0, 0.0)
    exact = mean_of_vote(names, scores, 0.0, [9]).means[0, 0]

    def score(order: Sequence[int]) -> float:
        return float(vote([str(names[0, i]) for i in order]) == "0")

    tried = [mean_of_choice(score, 40, 9, seed) for seed in range(20)]
    assert tried[3] == mean_of_choice(score, 40, 9, 3)
    error = math.sqrt(exact * (1 - exact) / SUBSETS)
    assert abs(np.mean([mean for mean, _ in tried]) - exact) < 3 * error / math.sqrt(20)
    assert np.std([mean for mean, _ in tried]) == pytest.approx(error, rel=0.5)


def test_a_choice_that_can_only_be_called_states_a_rough_variance() -> None:
    made = Worlds(60, seed=8)
    means, stated = [], []
    for _ in range(12):
        _, scores, _ = made.draw(5)
        found = [
            mean_of_choice(lambda order, row=row: max(row[i] for i in order), 5, 3, 0)
            for row in scores.tolist()
        ]
        means.append([mean for mean, _ in found])
        stated.append([variance for _, variance in found])
    ratio = np.mean(stated) / np.var(means, axis=0, ddof=1).mean()
    assert 0.6 < ratio < 2.0
