"""Scales of a chart: all values have a place, and the numbers beside an axis are round."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune.report.page.scale import MOST_TICKS, linear, logarithmic


@settings(max_examples=200)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5))
def test_a_linear_scale_holds_all_values_between_round_numbers(
    values: list[float],
) -> None:
    scale = linear(values, 0, 100)
    room = 1e-6 * (scale.high - scale.low)
    assert scale.low - room <= min(values)
    assert max(values) <= scale.high + room
    assert 2 <= len(scale.ticks) <= MOST_TICKS + 1
    steps = {
        round((b - a) / (scale.ticks[1] - scale.ticks[0]), 6)
        for a, b in pairwise(scale.ticks)
    }
    assert steps == {1.0}
    assert (scale.place(scale.low), scale.place(scale.high)) == (0, pytest.approx(100))


@given(st.floats(1e-12, 1e3), st.floats(10, 1e12))
def test_a_logarithmic_scale_has_a_few_powers_or_their_parts_and_all_values(
    least: float, ratio: float
) -> None:
    scale = logarithmic([least, least * ratio, 0.0], 0, 100)
    assert 2 <= len(scale.ticks) <= MOST_TICKS
    assert all(f"{tick:e}"[0] in "125" for tick in scale.ticks)
    assert (
        0
        < scale.place(least)
        < scale.place(least * 2)
        < scale.place(least * ratio)
        < 100
    )
    assert scale.place(0.0) == 0


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0.31, 0.78], ["0.3", "0.4", "0.5", "0.6", "0.7", "0.8"]),
        ([0.0, 1.0], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([0.912, 0.943], ["0.91", "0.92", "0.93", "0.94", "0.95"]),
        ([1200, 5100], ["1,000", "2,000", "3,000", "4,000", "5,000", "6,000"]),
        ([0.5, 0.5], ["0.44", "0.46", "0.48", "0.50", "0.52", "0.54", "0.56"]),
        ([0.0], ["-0.6", "-0.4", "-0.2", "0.0", "0.2", "0.4", "0.6"]),
    ],
)
def test_numbers_beside_an_axis_are_round_and_as_short_as_can_be(
    values: list[float], shown: list[str]
) -> None:
    scale = linear(values, 0, 100)
    assert [scale.shown(tick) for tick in scale.ticks] == shown
