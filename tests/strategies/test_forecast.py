"""Forecasts of strategies, held against what they do in simulated worlds."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tune.fakes.race import PROMPTS, FakeLedger, World, some_space
from tune.search import SEARCHERS
from tune.space import Point
from tune.strategies import STRATEGIES
from tune.strategies.blocks import rung_sizes
from tune.strategies.forecast import PairCosts, SearchCosts, geometric_mean, whole

FACTOR = 2.0
"""The forecast of points, and of first blocks, is right within this factor."""

DRAWS_FACTOR = 3.0
"""Likewise of examples and draws, which depend on how alike points turn out."""

SPACES: dict[str, dict[str, Any]] = {
    "standard": {},
    "one answer": {"n": 1, "aggregate": "first"},
    "few points": {"temperature": [0.2, 0.8]},
    "one prompt": {"prompt": {"shots": "{text}"}},
}


def costs_of(world: World) -> SearchCosts:
    """The costs that an estimate would know of a world: true means, by model and prompt."""
    ladders: dict[tuple[str, str], set[int]] = {}
    for point in world.space.points(world.free):
        pair = str(point["model"]), str(point["prompt"])
        numbers = {config.n for config in world.space.configs_of(point, world.free)}
        ladders.setdefault(pair, set()).update(numbers)
    pairs = []
    for (model, prompt), numbers in ladders.items():
        ladder = tuple(sorted(numbers))
        point = Point({"model": model, "prompt": prompt})
        pairs.append(PairCosts(ladder, tuple(world.cost(point, n) for n in ladder)))
    return SearchCosts(world.examples, world.space.size(world.free), tuple(pairs))


def costs(*dollars: float, points: int = 1000, examples: int = 120) -> SearchCosts:
    """Costs of models and prompts with one answer each."""
    pairs = [PairCosts((1,), (price,)) for price in dollars]
    return SearchCosts(examples, points, tuple(pairs))


def is_within(forecast: float, done: float, factor: float) -> bool:
    return done / factor <= forecast <= done * factor


@pytest.mark.parametrize("units", [3.0, 6.0, 12.0])
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_does_about_what_it_forecasts(
    name: str, space: str, units: float
) -> None:
    """Means over two worlds, with money for a few passes of an average point over all examples.

    With less, whole points decide, and chance decides which.
    """
    strategy = STRATEGIES[name]
    done = {"configs": 0.0, "examples": 0.0, "draws": 0.0}
    seeds = (0, 1)
    for seed in seeds:
        world = World(space=some_space(**SPACES[space]), seed=seed)
        money = units * world.unit()
        ledger = FakeLedger(world, money)
        searcher = SEARCHERS["random"](world.space, world.free, seed)
        ledger.drive(strategy(world.problem(), searcher, money))
        done["configs"] += len(ledger.held) / len(seeds)
        for held in ledger.held.values():
            done["examples"] += len(held) / len(seeds)
            done["draws"] += sum(held.values()) / len(seeds)
    forecast = strategy.forecast(costs_of(world), money)
    said = f"{forecast}, but it did {done}"
    assert is_within(forecast.configs, done["configs"], FACTOR), said
    assert is_within(forecast.examples, done["examples"], DRAWS_FACTOR), said
    assert is_within(forecast.draws, done["draws"], DRAWS_FACTOR), said
    assert forecast.spent <= money * (1 + 1e-9)


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_forecast_keeps_to_the_money_and_to_the_space(name: str) -> None:
    strategy = STRATEGIES[name]
    for money in (1e-4, 0.01, 0.1, 1.0, 100.0, 1e6, math.inf):
        found = strategy.forecast(costs(1e-4, 3e-4, points=40), money)
        assert 0 <= found.configs <= 40
        assert found.first_blocks <= max(found.configs, 1)
        assert found.spent <= money
        assert found.configs == 0 or found.draws > 0
    assert strategy.forecast(costs(1e-4, points=40), math.inf).configs == 40


@pytest.mark.parametrize("name", STRATEGIES)
def test_what_costs_nothing_is_all_begun(name: str) -> None:
    assert STRATEGIES[name].forecast(costs(0.0, 0.0, points=40), 1.0).configs == 40


@pytest.mark.parametrize("name", STRATEGIES)
def test_much_more_money_begins_no_fewer_points(name: str) -> None:
    found = [
        STRATEGIES[name].forecast(costs(1e-4, 1e-3), 0.001 * 16.0**i) for i in range(6)
    ]
    assert [one.configs for one in found] == sorted(one.configs for one in found)


def test_points_of_an_expensive_pair_are_not_begun_at_the_price_of_a_cheap_one() -> (
    None
):
    strategy = STRATEGIES["knowledge_gradient"]
    forecast = strategy.forecast(costs(0.001, 10.0, points=4), 5.0)
    assert forecast.first_blocks == 2
    assert forecast.configs == 2


def test_no_money_begins_nothing() -> None:
    for strategy in STRATEGIES.values():
        assert strategy.forecast(costs(1.0), 1e-6).configs == 0


def test_costs_tell_blocks_and_means() -> None:
    found = SearchCosts(
        120, 30, (PairCosts((1, 3), (0.1, 0.2)), PairCosts((2, 8), (0.4, 1.6)))
    )
    assert found.block == rung_sizes(120)[0]
    assert found.points_of_pair == 15
    assert (found.fewest, found.most) == (1.5, 5.5)
    assert found.first_dollars() == [0.1, 0.4]
    assert found.draw_dollars() == pytest.approx([0.2 / 3, 0.2])


def test_a_geometric_mean_with_a_zero_is_zero() -> None:
    assert geometric_mean([1.0, 100.0]) == pytest.approx(10.0)
    assert geometric_mean([1.0, 0.0]) == 0.0


def test_the_upper_bound_wins_over_the_lower_one() -> None:
    assert whole(2.7, 0, 10) == 2
    assert whole(2.7, 5, 10) == 5
    assert whole(2.7, 5, 3) == 3


def test_the_made_up_prompts_have_prices() -> None:
    assert len(costs_of(World()).pairs) == 3 * len(PROMPTS)
