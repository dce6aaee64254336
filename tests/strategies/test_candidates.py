"""The candidates of a search: which are fresh, which are begun, and what is expected of them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tune.fakes.race import FakeLedger, World, some_space
from tune.search import SEARCHERS
from tune.space import Point
from tune.strategies.candidates import Candidates
from tune.strategies.posterior import share_of_gain
from tune.strategies.proposals import Proposals
from tune.strategies.race import Race
from tune.strategies.settings import KnowledgeGradientSettings
from tune.strategies.wave_plan import WavePlan


def candidates(world: World, money: float = 1.0, **changes: Any) -> Candidates:
    race = Race(world.problem(), money)
    searcher = SEARCHERS["random"](world.space, world.free, 0)
    settings = KnowledgeGradientSettings(**changes)
    return Candidates(race, Proposals(race, searcher), settings)


def begin(world: World, found: Candidates, count: int, examples: int = 8) -> None:
    """Buy a block of the first so many fresh points."""
    wave = WavePlan(found.race, found.race.left)
    for point in found.fresh[:count]:
        assert found.begin(point, wave, examples, 0)
    found.race.update(FakeLedger(world, found.race.left).buy(wave.steps))


def test_so_many_points_are_asked_for_and_a_begun_one_is_no_longer_fresh() -> None:
    world = World()
    found = candidates(world, candidates=20)
    first = found.fresh[0]
    assert len(found.fresh) == 20
    begin(world, found, 1)
    assert len(found.fresh) == 19
    assert list(found.begun) == [first]


def test_a_point_that_there_is_no_money_for_stays_fresh() -> None:
    world = World()
    found = candidates(world, money=1e-9)
    point = found.fresh[0]
    assert not found.begin(point, WavePlan(found.race, 1e-9), 8, 0)
    assert point in found.fresh
    assert not found.race.states


def test_points_with_evidence_come_first_and_all_are_in_the_posterior() -> None:
    world = World()
    found = candidates(world, candidates=10)
    begin(world, found, 3)
    assert found.aim(math.inf, fit=True)
    assert found.points[:3] == list(found.begun)
    assert len(found.shown) == 3
    assert len(found.posterior.quality.mean) == len(found.points) == 10


def test_of_too_many_fresh_points_those_with_the_highest_bounds_are_kept() -> None:
    world = World()
    found = candidates(world, candidates=30, fresh=30)
    begin(world, found, 4)
    found.aim(math.inf, fit=True)
    quality = found.posterior.quality
    bounds = dict(
        zip(found.points, (quality.mean + quality.deviation()).tolist(), strict=True)
    )
    before = list(found.fresh)
    found.refresh()
    kept = [point for point in before if point in found.fresh]
    dropped = [point for point in before if point not in found.fresh]
    assert len(found.fresh) == 30
    assert dropped
    assert all(bounds[one] >= bounds[other] for one in kept for other in dropped)


def test_a_setting_that_a_model_has_refused_is_taken_off_fresh_points() -> None:
    world = World(space=some_space())
    found = candidates(world, candidates=12)
    world.space.drop("small", "temperature")
    found.refresh()
    small = [point for point in found.fresh if point["model"] == "small"]
    assert small
    assert all("temperature" not in point for point in small)


def test_the_largest_cap_that_may_keep_the_limit_is_tried_first() -> None:
    space = some_space(max_tokens=[16, 64])
    world = World(space=space, free=("n", "aggregate", "stop"))
    found = candidates(world)
    caps = found.first_caps()
    assert set(caps.values()) == {64}
    for point in found.fresh:
        assert found.comes_later(point, caps) == (point["max_tokens"] == 16)


def test_a_fresh_points_chance_follows_points_of_its_model_and_prompt() -> None:
    world = World(max_cost=1e-4, slack=1.0)
    found = candidates(world)
    begin(world, found, 12)
    found.aim(math.inf, fit=False)
    pairs = {(one.base.config.model, one.base.config.prompt) for one in found.shown}
    for point in found.fresh:
        if (point["model"], point["prompt"]) in pairs:
            cost = world.cost(point, 1)
            assert (found.chance(point, 1) > 0.5) == (cost < 1e-4)


def test_without_a_limit_every_point_keeps_it_and_all_answers_are_in_reach() -> None:
    world = World()
    found = candidates(world)
    found.aim(math.inf, fit=False)
    assert found.chance(found.points[0], 1) == 1.0
    hot = next(i for i, point in enumerate(found.points) if point["temperature"] != 0)
    assert found.reach(hot) == pytest.approx(share_of_gain(5))


def test_a_limit_on_cost_takes_answers_out_of_reach() -> None:
    world = World(slack=1.0, max_cost=4e-5)
    found = candidates(world)
    found.aim(math.inf, fit=False)
    for candidate, point in enumerate(found.points):
        if point["temperature"] != 0:
            within = [n for n in (1, 3, 5) if world.cost(point, n) <= 4e-5]
            assert found.reach(candidate) == pytest.approx(
                share_of_gain(max(within, default=1))
            )


def test_the_limit_that_is_aimed_at_never_exceeds_the_users() -> None:
    world = World(max_cost=1e-4)
    found = candidates(world)
    for limit, expected in ((math.inf, 1e-4), (1.0, 1e-4), (1e-5, 1e-5)):
        found.aim(limit, fit=False)
        assert found.problem.max_cost == expected


def test_there_is_nothing_to_aim_at_without_points() -> None:
    world = World()
    race = Race(world.problem(), 1.0)

    def empty(_: object) -> Point | None:
        return None

    found = Candidates(race, Proposals(race, empty), KnowledgeGradientSettings())
    assert not found.aim(math.inf, fit=True)
