"""Scores with a known mean."""

from __future__ import annotations

import numpy as np


def binary(mean: float, *, runs: int, count: int, seed: int = 0) -> np.ndarray:
    """Draw scores of 0 and 1, a row for each run."""
    return (np.random.default_rng(seed).random((runs, count)) < mean).astype(float)


def graded(mean: float, *, runs: int, count: int, seed: int = 0) -> np.ndarray:
    """Draw scores of a Beta distribution, a row for each run."""
    return np.random.default_rng(seed).beta(5 * mean, 5 * (1 - mean), (runs, count))
