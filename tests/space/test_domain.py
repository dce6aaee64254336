"""Domains: their values, and every bad one refused in one sentence."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.errors import SpaceError
from tune.space import (
    Choice,
    Domain,
    Integers,
    Uniform,
    Value,
    grid_values,
)


@pytest.mark.parametrize(
    ("domain", "values"),
    [
        (Uniform(0, 0.2), (0.0, 0.05, 0.1, 0.15, 0.2)),
        (Uniform(0.5, 0.5), (0.5,)),
        (Uniform(0, 1, step=0.4), (0.0, 0.4, 0.8, 1.0)),
        (Uniform(0, 0.3, step=0.1), (0.0, 0.1, 0.2, 0.3)),
        (Uniform(0, 0.1 + 0.2, step=0.1), (0.0, 0.1, 0.2, 0.3)),
        (Uniform(-1, 1, step=1), (-1.0, 0.0, 1.0)),
        (Integers(1, 4), (1, 2, 3, 4)),
        (Integers(2.0, 3.0), (2, 3)),  # type: ignore[arg-type]
        (Choice(("a", None, 1, True)), ("a", None, 1, True)),
    ],
)
def test_a_domain_has_these_values(domain: Domain, values: tuple[Value, ...]) -> None:
    assert domain.values == values
    assert domain.size == len(values)
    assert grid_values(domain) == values


@given(st.floats(-3, 3), st.floats(0, 3), st.floats(0.01, 2))
def test_a_grid_rises_from_low_to_high_by_its_step(
    low: float, width: float, step: float
) -> None:
    domain = Uniform(low, low + width, step)
    values = domain.values
    assert math.isclose(values[0], low, abs_tol=1e-9)
    assert math.isclose(values[-1], domain.high, abs_tol=1e-8)
    assert all(0 < b - a <= step + 1e-8 for a, b in itertools.pairwise(values))


@given(st.integers(1, 2000), st.integers(0, 2000), st.booleans(), st.integers(2, 20))
def test_a_ladder_goes_from_low_to_high_in_few_rungs(
    low: int, width: int, log: bool, rungs: int
) -> None:
    domain = Integers(low, low + width, log=log)
    ladder = domain.spaced(rungs)
    assert ladder[0] == low
    assert ladder[-1] == low + width
    assert len(ladder) <= rungs
    assert sorted(set(ladder)) == list(ladder)
    assert width >= rungs or ladder == domain.values


def test_a_ladder_is_even_by_difference_or_by_ratio() -> None:
    assert Integers(0, 100).spaced(5) == (0, 25, 50, 75, 100)
    assert Integers(1, 256, log=True).spaced(5) == (1, 4, 16, 64, 256)
    assert len(grid_values(Integers(16, 512, log=True))) == 8
    assert len(grid_values(Integers(1, 100))) == 16


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Choice(()), "needs at least one value"),
        (
            lambda: Choice((1, 2, 1.0)),
            r"the values of a choice differ, but got \[1, 2, 1.0\]",
        ),
        (
            lambda: Uniform(1, 0),
            r"`low <= high` must hold, but got \(low=1.0, high=0.0\)",
        ),
        (lambda: Uniform(0, math.inf), "numbers are wanted, but got high=inf"),
        (lambda: Uniform(math.nan, 1), "numbers are wanted, but got low=nan"),
        (lambda: Uniform("0", 1), "numbers are wanted, but got low='0'"),  # type: ignore[arg-type]
        (lambda: Uniform(False, 1), "numbers are wanted, but got low=False"),
        (lambda: Uniform(0, 1, step=0), "`step > 0` must hold, but got step=0.0"),
        (lambda: Uniform(0, 1, step=math.nan), "numbers are wanted, but got step=nan"),
        (
            lambda: Uniform(0, 1, step=1e-9),
            r"`\(high - low\) / step <= 10000` must hold",
        ),
        (lambda: Integers(3, 1), r"`low <= high` must hold, but got \(low=3, high=1\)"),
        (lambda: Integers(1, 2.5), "whole numbers are wanted"),  # type: ignore[arg-type]
        (lambda: Integers(1, math.inf), "numbers are wanted, but got high=inf"),  # type: ignore[arg-type]
        (lambda: Integers(1, "9"), "numbers are wanted, but got high='9'"),  # type: ignore[arg-type]
        (
            lambda: Integers(0, 9, log=True),
            "`low >= 1` must hold where log is true, but got low=0",
        ),
    ],
)
def test_a_domain_that_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()
