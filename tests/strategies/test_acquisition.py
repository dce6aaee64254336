"""Acquisition values of blocks, on posteriors that are easy to check by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tune.fakes.race import World, problem
from tune.strategies.acquisition import (
    acquisition_values,
    best_of_others,
    first_of_largest,
)
from tune.strategies.block_options import BlockOption, as_arrays
from tune.strategies.expected_rise import expected_maximum
from tune.strategies.joint_normal import JointNormal
from tune.strategies.posterior import Posterior, share_of_gain


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


def values(
    posterior: Posterior, *options: BlockOption, contenders: int = 64
) -> list[float]:
    arrays = as_arrays(options, 100.0, 1.0)
    count = len(posterior.quality.mean)
    held = np.zeros(count)
    found: list[float] = acquisition_values(
        posterior, arrays, np.zeros(count), held, contenders
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
    posterior = independent([0.6, 0.5], [1e-6, 0.2])
    found = values(posterior, option(1, noise=0.0), contenders=1)
    exact = expected_maximum(np.array([0.5]), np.array([0.2]), np.array([0.6]))[0] - 0.6
    assert found == pytest.approx([exact])


def test_the_best_of_the_others_is_the_second_for_the_best_itself() -> None:
    who = np.array([0, 1, 1, 2])
    found = best_of_others(np.array([0.1, 0.7, 0.3]), who)
    assert found.tolist() == [0.7, 0.3, 0.3, 0.7]
    assert best_of_others(np.array([0.4]), np.array([0])).tolist() == [0.4]


@pytest.mark.parametrize("seed", range(6))
def test_with_weights_the_largest_product_is_the_same_and_no_value_is_too_high(
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    count = 30
    points = list(World().space.points(World().free))[:count]
    posterior = Posterior(problem(), points)
    for name, width in (("quality", 0.1), ("gain", 0.05)):
        root = rng.normal(0, width, (count, count))
        cov = root @ root.T / count
        mean = rng.normal(0.5, width, count)
        setattr(posterior, name, JointNormal(mean, cov))
    options = []
    for candidate in range(count):
        for examples, draws in ((8, 1), (200, 1), (8, 3)):
            noise = 0.2 / examples
            cost = examples * draws * float(rng.uniform(0.1, 3))
            gain_noise = math.inf if draws == 1 else noise
            one = BlockOption(
                candidate, examples, draws, 1, cost, noise, gain_noise, 1.0
            )
            options.append(one)
    arrays = as_arrays(options, 500.0, 1.0)
    reach = np.full(count, share_of_gain(5))
    held = np.where(rng.random(count) < 0.5, 0.0, math.nan)
    given = posterior, arrays, reach, held, 20
    weight = np.where(arrays.there, arrays.cost**-0.5, 0.0)
    exact = acquisition_values(*given)
    found = acquisition_values(*given, weight)
    assert (found <= exact).all()
    # Many values need not be exact.
    assert (found < exact).sum() > len(options) / 10
    before = arrays.settle(np.where(arrays.there, exact, 0.0)) * weight
    after = arrays.settle(np.where(arrays.there, found, 0.0)) * weight
    assert after.argmax() == before.argmax()
    assert after.max() == before.max()


def test_of_values_that_differ_by_rounding_only_the_first_is_the_largest() -> None:
    third = 1.0 / 3.0
    assert first_of_largest(np.array([0.0, third, third * (1 + 1e-15)])) == 1
    assert first_of_largest(np.array([0.0, third, third * (1 + 1e-6)])) == 2
    assert first_of_largest(np.zeros(3)) == 0
