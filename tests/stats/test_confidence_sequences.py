"""Sequential tests: limits that agree with the tests, and bounds that hold at all looks together."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.scores import binary, graded
from tune.stats.betting import log_evidence_below, p_value
from tune.stats.confidence_sequences import (
    SequentialResult,
    clusters_notice,
    next_block_size,
    paired_sequential_test,
    sequential_test,
)


def test_earlier_scores_turn_round_with_the_scores() -> None:
    scores, earlier = (
        graded(0.6, runs=1, count=40)[0],
        graded(0.6, runs=1, count=30, seed=1)[0],
    )
    above = sequential_test(scores, 0.55, difference=0.05, earlier=earlier)
    below = sequential_test(
        -scores, -0.55, difference=0.05, low=-1, high=0, earlier=-earlier
    )
    assert below.p_below == pytest.approx(above.p_above)
    assert below.p_above == pytest.approx(above.p_below)
    evidence = log_evidence_below(scores, 0.55, difference=0.05, earlier=earlier)
    assert p_value(evidence) == pytest.approx(above.p_below)


@pytest.mark.parametrize("least", [4, 8])
def test_blocks_grow_with_what_is_there_and_few_are_too_many(least: int) -> None:
    assert next_block_size(0, least) == least
    assert next_block_size(400, least) == 20
    bought, looks = 0, 0
    while bought < 2000:
        block = next_block_size(bought, least)
        assert block <= max(least, bought / 20)
        bought, looks = bought + block, looks + 1
    assert looks < 120  # each is a wait for calls side by side


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=60),
    st.floats(0.02, 0.98),
    st.sampled_from([0.05, 0.01]),
)
def test_a_limit_reaches_the_null_exactly_where_the_test_decides(
    scores: list[float], null: float, rate: float
) -> None:
    seen = sequential_test(scores, null, difference=0.05, alpha=rate, beta=rate)
    assert 0 <= seen.interval.low <= seen.interval.high <= 1
    if abs(seen.p_above - rate) > 1e-6:
        assert (seen.p_above <= rate) == (seen.interval.low > null - 1e-9)
    if abs(seen.p_below - rate) > 1e-6:
        assert (seen.p_below <= rate) == (seen.interval.high < null + 1e-9)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=40), st.integers(1, 39))
def test_later_looks_never_take_back_what_was_refuted(
    scores: list[float], cut: int
) -> None:
    early, late = (
        sequential_test(s, 0.5, difference=0.1) for s in (scores[:cut], scores)
    )
    assert late.interval.low >= early.interval.low - 1e-9
    assert late.interval.high <= early.interval.high + 1e-9
    assert late.p_above <= early.p_above + 1e-12


@pytest.mark.parametrize("mean", [0.1, 0.5, 0.9])
def test_the_limits_hold_the_truth_at_every_look_together(mean: float) -> None:
    runs = binary(mean, runs=200, count=150, seed=3)
    missed = [
        not (i.low <= mean <= i.high)
        for i in (sequential_test(run, 0.5, difference=0.1).interval for run in runs)
    ]
    assert np.mean(missed) <= 0.10 + 0.06


def test_a_metric_of_other_bounds_is_tested_in_its_own_scale() -> None:
    scores = binary(0.8, runs=1, count=200)[0]
    plain = sequential_test(scores, 0.7, difference=0.05)
    scaled = sequential_test(20 * scores - 10, 4.0, difference=1.0, low=-10, high=10)
    assert scaled.p_above == pytest.approx(plain.p_above)
    assert scaled.interval.low == pytest.approx(20 * plain.interval.low - 10)
    assert scaled.interval.mean == pytest.approx(20 * plain.interval.mean - 10)


def test_paired_differences_tell_more_than_the_two_means_apart() -> None:
    rng = np.random.default_rng(5)
    hard = rng.random(300) < 0.4
    ours, theirs = (
        (~hard).astype(float),
        (~hard & (rng.random(300) < 0.85)).astype(float),
    )
    seen = paired_sequential_test(ours, theirs, difference=0.05)
    assert seen.p_above < 0.001
    assert seen.interval.low > 0
    assert seen.interval.mean == pytest.approx((ours - theirs).mean())


def test_no_score_says_nothing_and_one_says_little() -> None:
    nothing = sequential_test([], 0.5, difference=0.1)
    assert nothing == SequentialResult(nothing.interval, 1.0, 1.0)
    assert (nothing.interval.low, nothing.interval.high, nothing.interval.n) == (
        0.0,
        1.0,
        0,
    )
    assert sequential_test([1.0], 0.5, difference=0.1).p_above > 0.5
    assert p_value(np.array([])) == 1.0


def test_what_was_not_scored_is_left_out() -> None:
    assert sequential_test([1, math.nan, 0, 1], 0.5, difference=0.1) == sequential_test(
        [1, 0, 1], 0.5, difference=0.1
    )


def test_equal_scores_give_no_interval_of_zero_width() -> None:
    seen = sequential_test([0.8] * 50, 0.75, difference=0.05)
    assert seen.interval.low < 0.8 < seen.interval.high


def test_a_look_at_500_scores_takes_milliseconds() -> None:
    scores = binary(0.8, runs=1, count=500)[0]
    began = time.process_time()
    for _ in range(5):
        sequential_test(scores, 0.75, difference=0.05)
    assert (time.process_time() - began) / 5 < 0.1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"null": 1.5}, "lies between"),
        ({"difference": 0.0}, "difference"),
        ({"low": 1.0}, "low < high"),
        ({"high": math.inf}, "finite bounds"),
        ({"alpha": 0.0}, "alpha"),
        ({"beta": 1.0}, "beta"),
        ({"scores": [0.5, 1.2]}, "scores lie"),
        ({"earlier": [-0.5]}, "scores lie"),
    ],
)
def test_what_cannot_be_is_refused_with_its_value(
    more: dict[str, object], message: str
) -> None:
    given_ = {"scores": [0.5], "null": 0.5, "difference": 0.1, **more}
    with pytest.raises(ValueError, match=message):
        sequential_test(given_.pop("scores"), given_.pop("null"), **given_)  # type: ignore[arg-type]


@pytest.mark.parametrize(("high", "slack"), [(1.0, 1e-9), (0.5, 1e-9), (200.0, 2e-7)])
def test_rounding_beyond_a_bound_is_cut_and_more_is_refused(
    high: float, slack: float
) -> None:
    given_ = {"difference": high / 10, "high": high}
    scores = [0.0, high / 2, high]
    within = sequential_test([*scores[:2], high + 0.9 * slack], high / 2, **given_)
    assert within.p_above == sequential_test(scores, high / 2, **given_).p_above
    with pytest.raises(ValueError, match="scores lie between"):
        sequential_test([*scores[:2], high + 1.1 * slack], high / 2, **given_)
    with pytest.raises(ValueError, match="scores lie between"):
        sequential_test([*scores[:2], -1.1 * slack], high / 2, **given_)


def test_pairs_of_different_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="equal numbers"):
        paired_sequential_test([1, 0], [1], difference=0.1)


def test_whoever_gives_examples_that_belong_together_is_told() -> None:
    assert clusters_notice(60, 60, None) == clusters_notice(60, 60, "patient") == ()
    (notice,) = clusters_notice(60, 15, "patient")
    assert notice.startswith(
        "The 60 examples are 15 groups with the same 'patient' or the same inputs, "
    )
    (notice,) = clusters_notice(60, 20, None)
    assert "20 groups with the same inputs, " in notice


def test_scores_that_come_in_copies_are_wrong_more_often_than_stated() -> None:
    """What the notice says: a mean on the line is refuted far too often by groups of eight equal
    scores.
    """
    rng = np.random.default_rng(3)
    wrong = {
        size: np.mean(
            [
                sequential_test(
                    np.repeat((rng.random(320 // size) < 0.7).astype(float), size),
                    0.7,
                    difference=0.1,
                ).p_above
                <= 0.05
                for _ in range(200)
            ]
        )
        for size in (1, 8)
    }
    assert wrong[1] <= 0.05 + 0.046  # three standard errors
    assert wrong[8] > 0.1
