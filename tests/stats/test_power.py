"""What so many examples can show, against worlds in which it is tried out."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune.stats.intervals import difference_interval
from tune.stats.power import SPREAD, detectable_difference, examples_needed


@pytest.mark.parametrize("n", [20, 100])
def test_a_detectable_difference_is_seen_four_times_in_five(n: int) -> None:
    rng = np.random.default_rng(12)
    difference = detectable_difference(n, 0.15)
    seen = 0
    for _ in range(300):
        x = rng.normal(difference, 0.15, n)
        seen += (
            difference_interval(
                np.clip(0.5 + x / 2, 0, 1), np.clip(0.5 - x / 2, 0, 1)
            ).low
            > 0
        )
    assert 0.73 <= seen / 300 <= 0.87


@settings(max_examples=25)
@given(st.integers(5, 300), st.floats(0, 1))
def test_more_examples_see_smaller_differences(n: int, spread: float) -> None:
    few, many = detectable_difference(n, spread), detectable_difference(2 * n, spread)
    assert 0 < many <= few + 1e-5
    assert detectable_difference(n, spread, power=0.95) >= few - 1e-5


def test_a_spread_may_be_learned_from_differences() -> None:
    seen = [0.1, -0.2, 0.4, 0.0, math.nan]
    known = detectable_difference(50, float(np.std(seen[:4], ddof=1)))
    assert detectable_difference(50, seen) == pytest.approx(known, rel=1e-4)
    assert detectable_difference(50, 40.0, high=100) == pytest.approx(
        100 * detectable_difference(50, 0.4), rel=1e-4
    )


def test_too_few_examples_can_see_nothing_at_all() -> None:
    assert detectable_difference(1, 0.3) == math.inf


def test_copies_show_no_more_than_what_they_are_copies_of() -> None:
    rng = np.random.default_rng(13)
    once = rng.normal(0.1, 0.3, 30)
    fourfold, labels = np.repeat(once, 4), list(np.repeat(np.arange(30), 4))
    honest = detectable_difference(120, fourfold, clusters=labels)
    assert honest == pytest.approx(detectable_difference(30, once), rel=1e-4)
    assert detectable_difference(120, fourfold) < 0.6 * honest


def test_clusters_of_one_show_what_rows_do() -> None:
    seen = [0.1, -0.2, math.nan, 0.4, 0.0]
    assert detectable_difference(50, seen, clusters=list("abcde")) == pytest.approx(
        detectable_difference(50, seen), rel=1e-4
    )


def test_what_is_expected_of_clusters_is_seen_four_times_in_five() -> None:
    rng = np.random.default_rng(14)
    labels = list(np.repeat(np.arange(40), 3))
    pilot = np.repeat(rng.normal(0, 0.2, 40), 3)
    difference = detectable_difference(120, pilot, clusters=labels)
    seen = 0
    for _ in range(200):
        x = np.clip(np.repeat(rng.normal(difference, pilot.std(), 40), 3), -1, 1)
        seen += difference_interval(x, np.zeros(120), clusters=labels).low > 0
    assert 0.7 <= seen / 200 <= 0.9


def test_one_cluster_alone_can_show_nothing() -> None:
    assert detectable_difference(10, [0.1, 0.2] * 5, clusters=["a"] * 10) == math.inf


@pytest.mark.parametrize(
    ("difference", "spread"), [(0.05, 0.5), (0.2, 0.4), (0.5, 0.1)]
)
def test_the_examples_needed_are_the_fewest_that_show_it(
    difference: float, spread: float
) -> None:
    needed = examples_needed(difference, spread)
    assert needed is not None
    assert (
        detectable_difference(needed, spread)
        <= difference
        < detectable_difference(needed - 1, spread)
    )


def test_five_points_take_about_eight_hundred_examples_and_more_at_more_confidence() -> (
    None
):
    fixed = examples_needed(0.05, SPREAD)
    sure = examples_needed(0.05, SPREAD, confidence=0.995)
    assert fixed is not None
    assert sure is not None
    assert (
        780 <= fixed <= 900
    )  # (1.96 + 0.84)² x 0.25 / 0.0025 = 785, and a little for the interval's own honesty
    assert sure > 1.4 * fixed
    assert examples_needed(5.0, 50.0, high=100.0) == fixed


def test_what_nobody_could_collect_is_no_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tune.stats.power.MOST_EXAMPLES", 500)
    assert examples_needed(0.1, SPREAD) is not None
    assert examples_needed(0.05, SPREAD) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: detectable_difference(0, 0.3), "n >= 1"),
        (lambda: detectable_difference(10, [0.3]), "at least two"),
        (lambda: detectable_difference(10, 0.3, high=math.inf), "finite"),
        (lambda: detectable_difference(10, [0.3, 0.1], clusters=["a"]), "1 for 2"),
        (lambda: examples_needed(0.0, 0.3), "difference > 0"),
        (lambda: examples_needed(0.1, 0.3, high=math.inf), "finite"),
    ],
)
def test_what_cannot_be_computed_is_refused_with_the_values(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        call()
