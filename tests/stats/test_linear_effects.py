"""Effects of categories: the truth is found, and thin data make wide intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tune.stats.linear_effects import LinearEffects, linear_effects


def fitted(count: int, seed: int = 0, noise: float = 0.05) -> LinearEffects:
    """Fit a level of 0.5 and two categories of which the second is 0.2 better."""
    rng = np.random.default_rng(seed)
    design = np.zeros((count, 3))
    design[:, 0] = 1.0
    kinds = np.arange(count) % 2
    design[np.arange(count), 1 + kinds] = 1.0
    values = 0.5 + 0.2 * kinds + rng.normal(0, noise, count)
    variances = np.full(count, noise**2)
    return linear_effects(design, values, variances, [math.inf, 0.04, 0.04])


CONTRAST = np.array([0.0, -1.0, 1.0])


def test_the_difference_of_two_categories_is_found() -> None:
    found = fitted(200).contrast(CONTRAST, 200)
    assert found.mean == pytest.approx(0.2, abs=0.02)
    assert found.low < 0.2 < found.high
    assert found.n == 200


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(200):
        one = fitted(24, seed).contrast(CONTRAST, 24)
        hits += one.low <= 0.2 <= one.high
    assert hits >= 180


def test_few_trials_make_a_wide_interval_and_a_small_effect() -> None:
    few, many = fitted(2).contrast(CONTRAST, 2), fitted(200).contrast(CONTRAST, 200)
    assert few.high - few.low > 3 * (many.high - many.low)
    assert abs(few.mean) < 0.3


def test_noise_beyond_the_sampling_variance_widens_the_interval() -> None:
    rng = np.random.default_rng(1)
    design = np.ones((50, 1))
    calm = linear_effects(design, rng.normal(0, 0.1, 50), np.full(50, 0.01), [math.inf])
    wild = linear_effects(design, rng.normal(0, 1.0, 50), np.full(50, 0.01), [math.inf])
    assert wild.covariance[0, 0] > 10 * calm.covariance[0, 0]
