"""A recorded sample against new scores: error rates and power where the truth is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tune.stats.arrays import Array
from tune.stats.two_samples import TwoSamples

RATE = 0.05


def right(quality: float, count: int, seed: int) -> Array:
    """Draw scores of 0 and 1 with this mean."""
    rng = np.random.default_rng(seed)
    drawn: Array = (rng.random(count) < quality).astype(float)
    return drawn


def exactly(quality: float, count: int) -> tuple[float, ...]:
    """Return 0/1 scores with exactly this mean, the right ones first, as in a sorted file."""
    ones = round(quality * count)
    return (1.0,) * ones + (0.0,) * (count - ones)


def recorded(quality: float, count: int, *, margin: float = 0.1) -> TwoSamples:
    return TwoSamples(exactly(quality, count), margin, RATE, RATE)


def test_what_stayed_the_same_is_shown_to_be_within_the_margin() -> None:
    samples = recorded(0.8, 1000)
    now = right(0.8, 1000, seed=1)
    assert samples.p_within(now) <= RATE
    assert samples.p_worse(now) > 0.5


def test_what_became_much_worse_is_shown_to_be_worse() -> None:
    samples = recorded(0.8, 1000)
    now = right(0.5, 300, seed=2)
    assert samples.p_worse(now) <= RATE
    assert samples.p_within(now) > 0.5


def test_no_new_score_shows_nothing() -> None:
    samples = recorded(0.8, 1000)
    assert samples.p_within(np.array([])) == 1.0
    assert samples.p_worse(np.array([])) == 1.0


@pytest.mark.parametrize("count", [20, 200])
def test_on_the_line_either_answer_is_seldom_given(count: int) -> None:
    """The new quality is exactly the margin below the old one, so either answer is an error."""
    worse = 0
    within = 0
    for seed in range(40):
        then = tuple(right(0.8, count, seed).tolist())
        samples = TwoSamples(then, 0.1, RATE, RATE)
        now = right(0.7, 300, 1000 + seed)
        worse += samples.p_worse(now) <= RATE
        within += samples.p_within(now) <= RATE
    assert worse <= 4
    assert within <= 4


def test_a_lucky_small_sample_does_not_make_the_same_quality_look_worse() -> None:
    """A test that takes the recorded mean for the truth would be sure of it."""
    samples = recorded(1.0, 8)
    assert samples.p_worse(right(0.8, 2000, seed=3)) > RATE


def test_nothing_is_worse_by_a_margin_that_the_recorded_quality_may_not_have() -> None:
    """The recorded quality may be less than the margin, and no mean is below 0."""
    samples = recorded(0.1, 10)
    assert samples.p_worse(np.zeros(2000)) > RATE


def test_a_sorted_file_is_read_in_random_order() -> None:
    """Bets learn in order. In the order of the file the failures all come last: the p-value is 1."""
    graded = (0.9,) * 250 + (0.0,) * 25
    samples = TwoSamples(graded, 0.05, RATE, RATE)
    now = np.random.default_rng(1).permutation(graded)
    assert samples.p_within(now) < 0.9
    backwards = replace(samples, then=graded[::-1])
    assert backwards.p_within(now) < 0.9


def test_a_sample_that_is_too_small_for_the_margin_can_never_decide() -> None:
    small = recorded(0.9, 20, margin=0.05)
    large = recorded(0.9, 2000, margin=0.05)
    assert small.undecidable(0.88, 0.92)
    assert not large.undecidable(0.88, 0.92)
    # While the limits are wide, a clear answer is still possible.
    assert not small.undecidable(0.0, 1.0)
    assert not small.would_show(math.inf)
    assert small.needed() is None
    assert large.would_show(math.inf)


def test_more_scores_and_less_power_show_more() -> None:
    samples = recorded(0.8, 1000)
    shown = [samples.would_show(count) for count in (10, 100, 1000, 10_000)]
    assert shown == sorted(shown)
    assert shown[0] is False
    assert shown[-1] is True
    needed = samples.needed()
    assert needed is not None
    assert samples.would_show(needed, power=0.5)
    assert not samples.would_show(needed // 2, power=0.5)
    assert not samples.would_show(needed, power=0.95)


def test_the_needed_number_shows_it_in_about_half_of_all_cases() -> None:
    samples = recorded(0.8, 1000)
    needed = samples.needed()
    assert needed is not None
    shown = [samples.p_within(right(0.8, needed, seed)) <= RATE for seed in range(40)]
    assert 0.25 <= np.mean(shown) <= 0.9


@pytest.mark.parametrize("quality", [0.0, 0.5, 1.0])
def test_the_largest_margin_leaves_room_below_the_recorded_mean(quality: float) -> None:
    largest = recorded(quality, 10).largest_margin
    assert 0.0 < largest <= 0.95
    assert largest <= max(0.002, quality)
