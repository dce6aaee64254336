"""Purchases and the covariances that they leave, beside the textbook's formula."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tune.strategies.joint_normal import JointNormal
from tune.strategies.problem import Array

EVERYONE = np.arange(6)


def some_normal(seed: int = 0) -> JointNormal:
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((6, 6))
    return JointNormal(rng.standard_normal(6), root @ root.T)


def observed(cov: Array, candidate: int, noise: float) -> Array:
    """The covariances after an observation of a candidate (conditioning of a normal)."""
    column = cov[:, candidate]
    return cov - np.outer(column, column) / (column[candidate] + noise)


def test_each_purchase_reduces_the_covariances_that_those_before_it_left() -> None:
    found = some_normal()
    expected = found.cov.copy()
    for candidate, noise in ((2, 0.5), (4, 0.01), (2, 2.0)):
        found.buy(candidate, noise)
        expected = observed(expected, candidate, noise)
        assert found.covariances(EVERYONE) == pytest.approx(expected)
        assert found.variance == pytest.approx(np.diag(expected))
        assert found.deviation() == pytest.approx(np.sqrt(np.diag(expected)))
    few = np.array([5, 1])
    assert found.covariances(few) == pytest.approx(expected[few])


def test_a_copy_and_the_covariances_that_were_asked_for_are_the_callers_own() -> None:
    found = some_normal()
    before = found.covariances(EVERYONE)
    found.covariances(EVERYONE)[:] = 0.0
    tried = found.copy()
    tried.buy(1, 0.1)
    assert found.covariances(EVERYONE).tolist() == before.tolist()
    assert found.variance.tolist() == np.diag(before).tolist()
    assert tried.variance[1] < found.variance[1]


def test_a_purchase_is_a_surprise_by_its_variance_and_its_noise() -> None:
    found = some_normal()
    scale, own = found.surprises(np.array([3, 3]), np.array([0.25, math.inf]))
    deviation = math.sqrt(found.cov[3, 3] + 0.25)
    assert scale.tolist() == [deviation, math.inf]
    assert own.tolist() == [found.cov[3, 3] / deviation, 0.0]
