"""Acquisition values of blocks, on posteriors that are easy to check by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tune.fakes.race import World, problem
from tune.strategies.acquisition import (
    acquisition_values,
    first_of_largest,
    knowledge_gradients,
    two_largest,
)
from tune.strategies.block_options import BlockOption, as_arrays
from tune.strategies.expected_rise import Moves, expected_maximum
from tune.strategies.joint_normal import JointNormal
from tune.strategies.posterior import Posterior


def option(
    candidate: int, cost: float = 1.0, draws: int = 1, noise: float = 0.01
) -> BlockOption:
    return BlockOption(candidate, 8, draws, 1, cost, noise, math.inf, 1.0)


def independent(mean: list[float], deviation: list[float]) -> Posterior:
    """A posterior in which no point tells of another, and more answers gain nothing."""
    found = Posterior(problem(), list(World().space.points(World().free))[: len(mean)])
    found.quality = JointNormal(np.array(mean), np.diag(np.array(deviation) ** 2))
    found.gain = JointNormal(np.zeros(len(mean)), np.zeros((len(mean), len(mean))))
    return found


def values(posterior: Posterior, *options: BlockOption) -> list[float]:
    arrays = as_arrays(options, 100.0, 1.0)
    count = len(posterior.quality.mean)
    held = np.zeros(count)
    found: list[float] = acquisition_values(
        posterior, arrays, np.zeros(count), held, 64
    ).tolist()
    return found


def test_one_point_alone_is_worth_the_expected_maximum_over_the_best_other() -> None:
    posterior = independent([0.6, 0.5], [1e-6, 0.2])
    (found,) = values(posterior, option(1, noise=0.0))
    exact = expected_maximum(np.array([0.5]), np.array([0.2]), np.array([0.6]))[0] - 0.6
    # Quadrature with five nodes is a little off; the value of the point alone bounds it below.
    assert exact * 0.999 <= found <= 1.15 * exact


def test_what_is_uncertain_and_may_be_the_best_is_worth_the_most() -> None:
    posterior = independent([0.6, 0.58, 0.58, 0.1], [0.01, 0.1, 0.01, 0.1])
    known, open_, sure, hopeless = values(
        posterior, *(option(i, noise=0.001) for i in range(4))
    )
    assert open_ > max(known, sure, hopeless)
    assert hopeless < 1e-4


def test_a_noisy_block_is_worth_less_and_one_that_breaks_the_limits_nothing() -> None:
    posterior = independent([0.6, 0.55], [0.05, 0.1])
    clear, noisy = values(posterior, option(1, noise=0.001), option(1, noise=0.1))
    assert clear > noisy > 0
    assert values(posterior, option(1)._replace(chance=0.0)) == [0.0]


def test_a_block_that_tells_of_another_point_is_worth_more_for_it() -> None:
    posterior = independent([0.6, 0.5, 0.55], [0.01, 0.1, 0.1])
    alone = values(posterior, option(1, noise=0.001))[0]
    posterior.quality.cov[1, 2] = posterior.quality.cov[2, 1] = 0.009
    assert values(posterior, option(1, noise=0.001))[0] > alone


def test_the_knowledge_gradient_is_at_least_that_of_the_point_alone() -> None:
    """Where few contenders are considered, the point of the block may not be among them."""
    mean, who = np.array([0.6, 0.5]), np.array([1])
    slope = Moves(np.zeros((2, 1)), who, np.ones(1))
    rise = Moves(np.zeros((2, 1)), who, np.full(1, math.inf))
    found = knowledge_gradients(mean, np.array([0]), (slope, rise), np.array([0.2]))
    exact = expected_maximum(np.array([0.5]), np.array([0.2]), np.array([0.6]))[0] - 0.6
    assert found[0] == pytest.approx(exact)


def test_the_two_largest_are_found_and_one_alone_is_both() -> None:
    assert two_largest(np.array([0.1, 0.7, 0.3])) == ((1, 0.7), 0.3)
    assert two_largest(np.array([0.4])) == ((0, 0.4), 0.4)


def test_of_values_that_differ_by_rounding_only_the_first_is_the_largest() -> None:
    third = 1.0 / 3.0
    assert first_of_largest(np.array([0.0, third, third * (1 + 1e-15)])) == 1
    assert first_of_largest(np.array([0.0, third, third * (1 + 1e-6)])) == 2
    assert first_of_largest(np.zeros(3)) == 0
