"""The best of n draws, against enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.subsets import (
    in_every_order,
    table,
)
from tune.readout.aggregate import best
from tune.stats.best_of_n import mean_of_best, mean_of_largest, top_weights


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([1, 2, 3])),
        min_size=1,
        max_size=6,
    )
)
def test_the_best_by_a_verifier_is_worth_its_mean_over_every_subset_in_every_order(
    draws: list[tuple[float, int]],
) -> None:
    ns = range(1, len(draws) + 1)
    scores, verdicts = ([draw[side] for draw in draws] for side in range(2))
    found = mean_of_best(table([scores]), table([verdicts]), list(ns))

    def score(order: list[int]) -> float:
        return scores[
            int(best([str(i) for i in order], lambda i: verdicts[int(i)]) or 0)
        ]

    for column, n in enumerate(ns):
        assert found.means[0, column] == pytest.approx(
            in_every_order(score, len(draws), n), abs=1e-12
        )


@given(st.integers(1, 12), st.data())
def test_the_best_of_n_right_or_wrong_answers_is_the_unbiased_pass_at_n(
    draws: int, data: st.DataObject
) -> None:
    right = data.draw(st.integers(0, draws))
    ns = list(range(1, draws + 1))
    scores = table([[1.0] * right + [0.0] * (draws - right)])
    wanted = [1 - math.comb(draws - right, n) / math.comb(draws, n) for n in ns]
    assert mean_of_best(scores, scores, ns).means[0] == pytest.approx(wanted)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=7))
def test_the_largest_of_n_is_its_mean_over_every_subset(values: list[float]) -> None:
    ns = list(range(1, len(values) + 1))
    wanted = [np.mean([max(s) for s in itertools.combinations(values, n)]) for n in ns]
    assert mean_of_largest(table([values]), ns)[0] == pytest.approx(wanted)


@given(st.integers(1, 200), st.data())
def test_somebody_is_always_the_largest(draws: int, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, draws))
    assert top_weights(draws, n).sum() == pytest.approx(1.0)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=9))
def test_more_answers_to_pick_from_are_never_worth_less(values: list[float]) -> None:
    ns = list(range(1, len(values) + 1))
    scores = table([values])
    means = mean_of_best(scores, scores, ns).means[0]
    assert (np.diff(means) >= -1e-12).all()
    assert means[0] == pytest.approx(np.mean(values))
    assert means[-1] == pytest.approx(max(values))


def test_a_verifier_that_says_nothing_leaves_the_variance_of_the_mean() -> None:
    scores = table([[1.0, 0.0, 0.0, 1.0]])
    found = mean_of_best(scores, np.zeros((1, 4)), [1, 2, 4])
    assert found.means[0] == pytest.approx([0.5] * 3)
    assert found.variances[0] == pytest.approx([1 / 12] * 3)
