"""Roots of monotone functions."""

from __future__ import annotations

import math

import pytest

from tune.stats.roots import root


def test_where_there_is_no_change_of_sign_there_is_no_root() -> None:
    assert root(lambda x: x - 0.5, 0.0, 1.0) == pytest.approx(0.5)
    assert root(lambda x: x, 0.0, 1.0) == 0
    assert root(lambda x: x - 1, 0.0, 1.0) == 1
    with pytest.raises(ArithmeticError, match="no root between"):
        root(lambda x: x + 1, 0.0, 1.0)


def test_a_root_is_found_where_the_function_is_infinite_at_an_end() -> None:
    assert root(lambda x: math.log(x) if x else -math.inf, 0.0, 9.0) == pytest.approx(
        1.0
    )


@pytest.mark.parametrize("power", [3, 9, 21])
def test_a_flat_function_takes_few_steps_and_either_direction_is_fine(
    power: int,
) -> None:
    """Secant steps alone would approach the root of a power from one side, in hundreds of steps."""
    steps: list[float] = []

    def falling(x: float) -> float:
        steps.append(x)
        return 0.001 - x**power

    assert root(falling, 0.0, 1.0) == pytest.approx(0.001 ** (1 / power))
    assert len(steps) < 60


def test_a_known_value_at_the_lower_end_is_not_computed_again() -> None:
    asked: list[float] = []

    def f(x: float) -> float:
        asked.append(x)
        return x * x - 2

    found = root(f, 1.0, 2.0, start=-1.0)
    assert found == root(lambda x: x * x - 2, 1.0, 2.0)
    assert 1.0 not in asked
