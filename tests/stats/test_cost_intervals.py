"""Intervals of costs in worlds where the share of requests that reach the cap is known."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from tests.support.slow import slow
from tune.stats.cost_intervals import cost_interval
from tune.stats.intervals import mean_interval


@pytest.mark.parametrize("count", [15, *slow(40)])
@pytest.mark.parametrize("often", [*slow(0.02), 0.05])
def test_costs_with_rare_answers_up_to_the_cap_are_covered(
    count: int, often: float
) -> None:
    """Without the cap it is 30 to 85 %."""
    rng, inside, alone, widths, cap = np.random.default_rng(19), 0, 0, [], 25.0
    truth = (1 - often) * math.exp(0.3**2 / 2) + often * cap
    for _ in range(200):
        usual = np.exp(0.3 * rng.standard_normal(count))
        costs = np.where(rng.random(count) < often, cap, usual)
        found, plain = cost_interval(costs, cap), mean_interval(costs, high=math.inf)
        inside += found.low <= truth <= found.high
        alone += plain.low <= truth <= plain.high
        widths.append(found.high - found.low)
    deviation = math.sqrt(often * (1 - often)) * 24 / math.sqrt(count)
    assert inside / 200 >= 0.93
    assert alone / 200 < 0.9
    assert np.mean(widths) <= 2 * 2 * 1.96 * deviation


CAP = 25.0
USUAL = math.exp(0.3**2 / 2)


def limits(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper limits by the number of requests at the cap; the others cost the usual."""
    lower, upper = [], []
    for at_cap in range(count + 1):
        rest = count - at_cap
        places = [(place + 0.5) / rest for place in range(rest)]
        usual = np.exp(
            0.3 * np.array([NormalDist().inv_cdf(place) for place in places])
        )
        found = cost_interval(np.append(usual, [CAP] * at_cap), CAP)
        lower.append(found.low)
        upper.append(found.high)
    return np.array(lower), np.array(upper)


def chances(count: int, share: float) -> np.ndarray:
    """The probability of each number of requests at the cap."""
    ways = [math.comb(count, k) for k in range(count + 1)]
    at_cap = np.arange(count + 1)
    found: np.ndarray = ways * share**at_cap * (1 - share) ** (count - at_cap)
    return found


@pytest.mark.parametrize("count", [10, 15, 40])
def test_costs_are_covered_at_every_share_of_requests_at_the_cap(count: int) -> None:
    """Where nearly all requests run on to the cap, limits without a bound cover 0 %."""
    lower, upper = limits(count)
    for share in (*np.linspace(0.005, 0.3, 60), 0.5, 0.8, 0.95, 0.99, 0.999):
        truth = (1 - share) * USUAL + share * CAP
        inside = (lower <= truth) & (truth <= upper)
        assert chances(count, share) @ inside >= 0.93


@pytest.mark.parametrize(("share", "most"), [(0.005, 4.36), (0.01, 4.55), (0.03, 5.25)])
def test_fifteen_costs_are_hardly_wider_than_the_least_there_can_be(
    share: float, most: float
) -> None:
    """With equal error on both sides they were 12 % wider; the least is 4.22 at a share of 1 %."""
    lower, upper = limits(15)
    assert chances(15, share) @ (upper - lower) <= most


def test_a_cost_that_is_far_from_the_cap_has_the_limit_of_unbounded_values_at_least() -> (
    None
):
    costs = [0.0, 0.1, 0.1, 0.2, 0.4]
    assert cost_interval(costs, 0.9).high >= min(
        0.9, mean_interval(costs, high=math.inf).high
    )


def test_the_least_possible_cost_bounds_the_lower_limit() -> None:
    """Of requests that are mostly prompt, none is nearly free."""
    costs = np.linspace(1.0, 1.1, 20)
    free = cost_interval(costs, 1.2)
    prompt = cost_interval(costs, 1.2, least=0.9)
    assert free.low < 0.9 < prompt.low < prompt.mean
    assert prompt.high == free.high


def test_a_mean_of_half_of_the_most_makes_the_interval_hardly_wider() -> None:
    """With an atom at 0 for such a mean it is 1.56 times as wide."""
    answers = np.minimum(2.0, np.exp(0.6 * np.random.default_rng(6).normal(size=15)))
    found = cost_interval(1 + answers, 4.0)
    exact = mean_interval(answers, high=2.0)
    assert found.mean > 2.0
    assert found.high - found.low < 1.3 * (exact.high - exact.low)


def test_what_cannot_be_a_cost_is_refused() -> None:
    with pytest.raises(ValueError, match="scores lie between"):
        cost_interval([0.1, 2.0], 1.0)
    with pytest.raises(ValueError, match="scores lie between"):
        cost_interval([0.1, 0.3], 1.0, least=0.2)
    with pytest.raises(ValueError, match="at least one score"):
        cost_interval([math.nan], 1.0)
