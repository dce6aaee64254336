"""Quantiles of Student's t against values of 40 digits (mpmath's incomplete beta function, solved
for).
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.stats.student_t import t_quantile


@pytest.mark.parametrize(
    ("p", "freedom", "value"),
    [
        (0.975, 1, 12.706204736174693314),
        (0.995, 2, 9.9248432009182886403),
        (0.9995, 3, 12.923978636687964322),
        (0.500001, 3, 2.7206990464340376555e-6),
        (0.6, 4, 0.270722294707597363),
        (1e-20, 5, -15683.925454365775858),
        (0.975, 9, 2.2621571627982049992),
        (0.98, 23, 2.1769581113153909958),
        (0.98, 24, 2.1715446760080803715),
        (0.975, 39, 2.0226909200367607237),
        (0.975, 199, 1.9719565442517534484),
        (0.975, 1000, 1.9623390808264081039),
        (0.9995, 1001, 3.3002728760660403744),
        (0.975, 10_000, 1.9602012398906258778),
        (0.975, 10_001, 1.9602012161646406916),
        (0.975, 10_000_000, 1.9599642217672051104),
    ],
)
def test_the_error_is_below_one_part_in_a_million_millions(
    p: float, freedom: int, value: float
) -> None:
    assert t_quantile(p, freedom) == pytest.approx(value, rel=1e-12)


@given(st.floats(0.001, 0.999), st.integers(1, 20_000))
def test_quantiles_are_odd_and_rise_with_p(p: float, freedom: int) -> None:
    assert t_quantile(1 - p, freedom) == pytest.approx(
        -t_quantile(p, freedom), rel=1e-11, abs=1e-12
    )
    assert t_quantile(p, freedom) <= t_quantile(min(0.9999, p + 0.001), freedom)


def test_the_middle_is_0_and_the_two_shares_meet() -> None:
    assert t_quantile(0.5, 7) == 0
    assert t_quantile(math.nextafter(0.75, 1), 7) == pytest.approx(
        t_quantile(0.75, 7), rel=1e-14
    )


@pytest.mark.parametrize(
    ("p", "freedom", "message"),
    [(0.0, 3, "p=0.0"), (1.0, 3, "p=1.0"), (0.9, 0, "freedom=0")],
)
def test_what_cannot_be_is_refused_with_the_values(
    p: float, freedom: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        t_quantile(p, freedom)
