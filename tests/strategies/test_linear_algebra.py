"""The inverse of a triangle, beside its definition."""

from __future__ import annotations

import numpy as np
import pytest

from tune.strategies.linear_algebra import inverse_of_triangle


@pytest.mark.parametrize("count", [0, 1, 5, 40, 101])
def test_the_inverse_of_a_triangle_is_its_inverse(count: int) -> None:
    rng = np.random.default_rng(count)
    factor = np.tril(rng.random((count, count))) + 2 * np.eye(count)
    found = inverse_of_triangle(factor)
    assert found @ factor == pytest.approx(np.eye(count), abs=1e-9)
    assert np.triu(found, 1) == pytest.approx(np.zeros((count, count)), abs=1e-12)
