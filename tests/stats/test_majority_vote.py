"""The vote among n draws, against enumeration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.subsets import (
    MARKS,
    NAMES,
    WORST,
    in_every_order,
    scores_of,
    table,
)
from tune.readout.aggregate import vote
from tune.stats.majority_vote import MOST_COUNTED, mean_of_vote


def voted(names: Sequence[int], marks: Sequence[float], n: int) -> float:
    """The expected score of a vote, by the rule that is used at run time."""

    def score(order: list[int]) -> float:
        winner = vote([None if names[i] < 0 else str(names[i]) for i in order])
        return WORST if winner is None else marks[int(winner)]

    return in_every_order(score, len(names), n)


@settings(max_examples=60)
@given(NAMES, MARKS)
def test_a_vote_is_worth_its_mean_over_every_subset_in_every_order(
    names: list[int], marks: list[float]
) -> None:
    ns = range(1, len(names) + 1)
    found = mean_of_vote(
        np.array([names]), table([scores_of(names, marks)]), WORST, list(ns)
    )
    for column, n in enumerate(ns):
        assert found.means[0, column] == pytest.approx(
            voted(names, marks, n), abs=1e-12
        )


@given(NAMES, MARKS, st.randoms(use_true_random=False))
def test_neither_the_order_of_the_draws_nor_the_names_of_the_answers_matter(
    names: list[int], marks: list[float], rng: Random
) -> None:
    ns = list(range(1, len(names) + 1))
    plain = mean_of_vote(np.array([names]), table([scores_of(names, marks)]), WORST, ns)
    shuffled = rng.sample(names, len(names))
    renamed = [name if name < 0 else 40 - name for name in shuffled]
    other = mean_of_vote(
        np.array([renamed]), table([scores_of(shuffled, marks)]), WORST, ns
    )
    for one, two in zip(plain, other, strict=True):
        assert two == pytest.approx(one, nan_ok=True)


def test_equally_frequent_answers_win_equally_often() -> None:
    found = mean_of_vote(
        np.array([[0, 1, 2, 3]]), table([[1, 0, 0, 0]]), 0.0, [1, 2, 3, 4]
    )
    assert found.means[0] == pytest.approx([0.25] * 4)
    two = mean_of_vote(
        np.array([[0, 0, 1, 1]]), table([[1, 1, 0, 0]]), 0.0, [1, 2, 3, 4]
    )
    assert two.means[0] == pytest.approx([0.5] * 4)


def test_two_draws_vote_as_one_would() -> None:
    names = np.array([[0, 0, 1, 2, -1], [0, 1, 1, 1, 1]])
    found = mean_of_vote(names, np.where(names == 0, 1.0, 0.0), 0.0, [1, 2])
    # Of two voters none can outvote the other; silence is what a second draw repairs.
    assert found.means[1, 1] == pytest.approx(found.means[1, 0])
    assert found.means[0, 1] > found.means[0, 0]


def test_silent_draws_take_part_and_do_not_vote() -> None:
    names = np.array([[-1, -1, 0]])
    scores = table([[WORST, WORST, 1.0]])
    wanted = [(1 + 2 * WORST) / 3, (2 + WORST) / 3, 1.0]
    assert mean_of_vote(names, scores, WORST, [1, 2, 3]).means[0] == pytest.approx(
        wanted
    )


def test_where_nobody_votes_the_score_is_the_worst() -> None:
    found = mean_of_vote(np.array([[-1, -1]]), table([[WORST, WORST]]), WORST, [1, 2])
    assert found.means[0] == pytest.approx([WORST, WORST])
    assert found.variances[0] == pytest.approx([0.0, 0.0])


def test_no_n_gives_no_column() -> None:
    assert mean_of_vote(
        np.array([[0, 1]]), table([[1.0, 0.0]]), 0.0, []
    ).means.shape == (1, 0)


def test_large_counts_lose_no_digits() -> None:
    """With a tie in every pair the vote of many is a coin that both sides share."""
    names = np.array([[0, 1] * 32])
    scores = np.where(names == 0, 1.0, 0.0)
    ns = [1, 2, 9, 16, MOST_COUNTED]
    assert mean_of_vote(names, scores, 0.0, ns).means[0] == pytest.approx(
        [0.5] * 5, rel=1e-12
    )
    right = 0.6 * 40
    lone = np.array([[0] * 24 + [1] * 16])
    odd = [n for n in range(1, MOST_COUNTED) if n % 2]
    wanted = [
        sum(math.comb(24, k) * math.comb(16, n - k) for k in range(n // 2 + 1, n + 1))
        / math.comb(40, n)
        for n in odd
    ]
    found = mean_of_vote(lone, np.where(lone == 0, 1.0, 0.0), 0.0, odd).means[0]
    assert right == 24
    assert found == pytest.approx(wanted, rel=1e-12)
