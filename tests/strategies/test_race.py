"""The orders of trials, their prices, and what the searcher is told."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

import pytest

from tests.strategies.test_strategies import searcher
from tune.fakes.race import PRICES, World, play, problem, reading, some_space, standing
from tune.search import Observation
from tune.space import Point
from tune.strategies import STRATEGIES, Outcome
from tune.strategies.race import Race


def test_a_wave_is_planned_at_ceilings_until_costs_are_known_and_then_at_what_was_seen() -> (
    None
):
    world = World(slack=10.0)
    race = Race(world.problem(), 1.0)
    tiny, large = (
        race.add(Point({"model": m, "prompt": "plain", "temperature": 0.5}))
        for m in ("tiny", "large")
    )
    assert race.expected_price(tiny, 3) == pytest.approx(30 * PRICES["tiny"])
    race.order(tiny, 8, 1)
    race.update(
        Outcome(
            {0: world.standing(0, tiny.point, dict.fromkeys(range(8), 1))},
            1.0,
            complete=True,
        )
    )
    assert race.expected_price(tiny, 3) == pytest.approx(3 * PRICES["tiny"])
    assert race.expected_price(large, 1) == pytest.approx(PRICES["large"])
    assert race.expected_cost(tiny, 10, 3) == pytest.approx(
        (8 * 2 + 2 * 3) * PRICES["tiny"]
    )


def test_an_order_asks_only_for_what_is_new() -> None:
    race = Race(problem(), 1.0)
    one = race.add(Point({"model": "tiny", "prompt": "plain", "temperature": 0.5}))
    assert [(s.examples, s.draws) for s in race.order(one, 3, 1)] == [((0, 1, 2), 1)]
    assert [(s.examples, s.draws) for s in race.order(one, 5, 1)] == [((3, 4), 1)]
    assert [(s.examples, s.draws) for s in race.order(one, 6, 3)] == [
        ((0, 1, 2, 3, 4, 5), 3)
    ]
    assert race.order(one, 4, 1) == []


def test_draws_grow_to_the_next_n_that_a_reading_could_have() -> None:
    space = some_space(n={"low": 1, "high": 9, "integer": True})
    race = Race(problem(space=space), 1.0)
    hot = race.add(Point({"model": "tiny", "prompt": "plain", "temperature": 0.5}))
    cold = race.add(Point({"model": "tiny", "prompt": "plain", "temperature": 0.0}))
    assert (hot.ladder[0], hot.ladder[-1], cold.ladder) == (1, 9, (1,))
    seen = []
    while not seen or race.more_draws(hot) > seen[-1]:
        hot.draws = race.more_draws(hot) if seen else 1
        seen.append(hot.draws)
        winning = reading(
            [0.9] * 8, n=hot.draws, aggregate="vote" if hot.draws > 1 else "first"
        )
        race.standings[0] = standing(reading([0.5] * 8), winning)
    assert seen == [1, 3, 7, 9]
    hot.draws = 3
    race.standings[0] = standing(
        reading([0.9] * 8), reading([0.9] * 8, cost=3e-3, n=3, aggregate="vote")
    )
    assert race.more_draws(hot) == 3


def test_a_paid_n_is_bought_as_it_stands() -> None:
    race = Race(problem(free=()), 1.0)
    point = Point(
        {
            **some_space().sample(__import__("random").Random(1), ()),
            "n": 5,
            "temperature": 0.5,
        }
    )
    assert race.add(point).ladder == (5,)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("flip", [False, True])
def test_the_searcher_is_told_of_every_trial_once_as_a_share_of_the_range_and_never_otherwise_later(
    strategy: str, flip: bool
) -> None:
    world = World(
        examples=40,
        flip=flip,
        failing=lambda p: p["prompt"] == "brief",
        baseline=Point({"model": "tiny", "prompt": "plain"}),
    )
    inner = searcher(world)
    heard: list[list[Observation]] = []

    def listening(history: Sequence[Observation]) -> Point | None:
        heard.append(list(history))
        return inner(history)

    _, ledger = play(world, STRATEGIES[strategy], listening, 120 * world.unit())
    for earlier, later in itertools.pairwise(heard):
        assert [str(t) for t in later[: len(earlier)]] == [str(t) for t in earlier]
    last = heard[-1]
    assert len({t.point for t in last}) == len(last)
    assert len(last) > 5
    for telling in last:
        if world.failing(telling.point) or telling.point not in ledger.points.values():
            assert math.isnan(telling.score)
        else:
            assert 0 <= telling.score <= 1
            assert telling.cost > 0
    good = [
        t.score for t in last if t.point["model"] == "large" and not math.isnan(t.score)
    ]
    bad = [
        t.score for t in last if t.point["model"] == "tiny" and not math.isnan(t.score)
    ]
    assert statistics.mean(good) > statistics.mean(bad)


def test_a_trial_beyond_the_limit_is_told_less_the_further_it_is_beyond() -> None:
    race = Race(problem(max_cost=1e-3), 1.0)
    for i, cost in enumerate((0.5e-3, 2e-3, 4e-3)):
        one = standing(reading([1.0] * 10, cost=cost, trial=i, temperature=i / 10))
        race.add(one.point)
        race.standings[i] = one
    race.tell_searcher(list(race.states.values()))
    assert [t.score for t in race.history] == pytest.approx([1.0, 0.5, 0.25])
    assert [t.cost for t in race.history] == pytest.approx([0.5e-3, 2e-3, 4e-3])
