"""Linear algebra in one thread, and the inverse of a triangle."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import lru_cache

import numpy as np
from threadpoolctl import ThreadpoolController

from tune.strategies.problem import Array

_SMALL_TRIANGLE = 32
"""Rows of a triangle that is inverted as any other matrix. Measured: 16 to 48 take as long."""


def inverse_root(matrix: Array) -> Array:
    """Return the inverse of the lower Cholesky factor of a matrix.

    Its transpose times itself is the inverse of the matrix.
    """
    factor = np.asarray(np.linalg.cholesky(matrix), dtype=float)
    return inverse_of_triangle(factor)


def inverse_of_triangle(factor: Array) -> Array:
    """Return the inverse of a lower triangle.

    It halves the triangle again and again: products of matrices are several times as fast as
    numpy's solver, which has no case for triangles.
    """
    count = len(factor)
    if count <= _SMALL_TRIANGLE:
        return np.asarray(np.linalg.inv(factor), dtype=float)
    half = count // 2
    first = inverse_of_triangle(factor[:half, :half])
    last = inverse_of_triangle(factor[half:, half:])
    found = np.zeros((count, count))
    found[:half, :half] = first
    found[half:, half:] = last
    found[half:, :half] = -last @ factor[half:, :half] @ first
    return found


@lru_cache(maxsize=1)
def _thread_pools() -> ThreadpoolController:
    """Return the numerical libraries that compute in threads."""
    return ThreadpoolController()


def one_thread() -> AbstractContextManager[object]:
    """Have the numerical libraries compute in one thread, inside a `with` block.

    For a few hundred numbers, several threads are slower than one. Where a model runs on the same
    cores they are forty times slower, as the threads wait for each other.
    """
    limited: AbstractContextManager[object] = _thread_pools().limit(
        limits=1, user_api="blas"
    )
    return limited
