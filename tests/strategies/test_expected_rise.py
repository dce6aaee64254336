"""The expected rise of the best mean, beside what many random numbers say."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune.strategies.expected_rise import (
    Alone,
    Moves,
    able_to_win,
    expected_maximum,
    expected_rise,
)


def rise(mean: np.ndarray, slopes: Sequence[np.ndarray]) -> np.ndarray:
    """The expected rise by purchases of a candidate each, which move means by their slopes."""
    moves = []
    for slope in slopes:
        # Half of each, with half of the scale.
        candidates = np.arange(len(slope))
        moves.append(Moves(0.5 * slope.T, candidates, np.full(len(slope), 0.5)))
    return expected_rise(mean, moves, able_to_win(mean, moves))


NUMBERS = st.floats(-1, 1, allow_subnormal=False)


@settings(max_examples=60)
@given(
    mean=st.lists(NUMBERS, min_size=1, max_size=5),
    seed=st.integers(0, 99),
    width=st.floats(0, 1),
    two=st.booleans(),
)
def test_knowledge_is_never_worth_less_than_nothing_nor_more_than_all_the_luck(
    mean: list[float], seed: int, width: float, two: bool
) -> None:
    rng = np.random.default_rng(seed)
    slopes = [width * rng.standard_normal((3, len(mean))) for _ in range(1 + two)]
    found = rise(np.array(mean), slopes)
    assert found.shape == (3,)
    assert (found >= 0).all()
    assert (found <= sum(np.abs(slope).sum(axis=1) for slope in slopes) + 1e-12).all()


@pytest.mark.parametrize("sources", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_knowledge_is_the_expected_rise_of_the_best_mean(
    sources: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    mean = rng.normal(0, 0.3, 4)
    slopes = [rng.normal(0, 0.4, (3, 4)) for _ in range(sources)]
    luck = rng.standard_normal((40_000, sources))
    for purchase, found in enumerate(rise(mean, slopes)):
        moved = mean + sum(
            luck[:, [i]] * slope[purchase] for i, slope in enumerate(slopes)
        )
        exact = float(moved.max(axis=1).mean() - mean.max())
        # Five points of luck stand for all of it: near, not exact.
        assert found == pytest.approx(
            exact, abs=0.1 * float(np.hypot.reduce([s[purchase] for s in slopes]).max())
        )


@pytest.mark.parametrize("sources", [1, 2])
@pytest.mark.parametrize("width", [0.001, 0.1, 1.0])
def test_contenders_that_cannot_win_are_left_out_and_change_nothing(
    sources: int, width: float
) -> None:
    rng = np.random.default_rng(sources)
    mean = rng.normal(0, 0.3, 30)
    slopes = [width * rng.normal(0, 1, (40, 30)) for _ in range(sources)]
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    weights = weights / weights.sum()
    found = rise(mean, slopes)
    for purchase in range(40):
        exact = 0.0
        for case in itertools.product(range(5), repeat=sources):
            moved = mean.copy()
            for slope, node in zip(slopes, case, strict=True):
                moved += nodes[node] * slope[purchase]
            exact += float(weights[list(case)].prod() * moved.max())
        assert found[purchase] == pytest.approx(exact - mean.max(), abs=1e-12)


def test_knowledge_that_moves_all_alike_changes_no_choice() -> None:
    mean, same = np.array([0.2, 0.5, 0.4]), np.full((1, 3), 0.7)
    assert rise(mean, [same]) == pytest.approx([0.0], abs=1e-12)
    assert rise(mean, [same, np.array([[0.0, 0.0, 0.4]])])[0] > 0.05


def test_what_can_overturn_the_choice_is_worth_more_than_what_cannot() -> None:
    mean = np.array([0.5, 0.45, 0.0])
    near, far, wide = rise(mean, [np.array([[0, 0.1, 0], [0, 0, 0.1], [0, 0.2, 0]])])
    assert wide > near > far
    assert far == 0


@settings(max_examples=60)
@given(NUMBERS, st.floats(0, 1), NUMBERS)
def test_the_expected_larger_one_is_at_least_either_and_at_most_one_deviation_more(
    mean: float, deviation: float, other: float
) -> None:
    found = float(
        expected_maximum(np.array([mean]), np.array([deviation]), np.array([other]))[0]
    )
    assert max(mean, other) - 1e-9 <= found <= max(mean, other) + 0.4 * deviation + 1e-8


def test_the_expected_larger_one_is_what_many_random_numbers_say() -> None:
    mean, deviation, other = (
        np.array([0.1, 0.5, 0.5, 0.9]),
        np.array([0.3, 0.2, 1.0, 0.4]),
        np.array([0.5] * 4),
    )
    luck = np.random.default_rng(0).standard_normal((200_000, 4))
    said = np.maximum(mean + luck * deviation, other).mean(axis=0)
    assert expected_maximum(mean, deviation, other) == pytest.approx(said, abs=0.01)


def test_a_number_that_is_known_is_compared_as_it_is() -> None:
    found = expected_maximum(
        np.array([0.2, 0.8, 0.5]), np.zeros(3), np.array([0.5, 0.5, 0.5])
    )
    assert found == pytest.approx([0.5, 0.8, 0.5], abs=1e-8)


@settings(max_examples=60)
@given(NUMBERS, st.floats(0, 1), NUMBERS)
def test_the_bound_of_a_gain_is_never_below_it_and_near_where_luck_is_small(
    mean: float, deviation: float, other: float
) -> None:
    numbers = np.array([[mean], [deviation], [other], [max(mean, other)]])
    alone = Alone._make(numbers)
    assert alone.bound()[0] >= alone.gain()[0] - 1e-15
    assert alone.bound()[0] <= alone.gain()[0] + 0.4 * deviation + 1e-8
