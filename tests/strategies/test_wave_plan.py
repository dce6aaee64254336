"""The plan of a wave: the money pays for it, and for the ceiling of its last call."""

from __future__ import annotations

from tune.fakes.race import PRICES, World, problem
from tune.space import Point
from tune.strategies import Outcome
from tune.strategies.race import Race
from tune.strategies.wave_plan import WavePlan


def test_a_wave_leaves_room_for_the_ceiling_of_its_last_call() -> None:
    world = World(slack=10.0)
    race = Race(world.problem(), 1.0)
    one = race.add(Point({"model": "tiny", "prompt": "plain", "temperature": 0.5}))
    race.order(one, 8, 1)
    race.update(
        Outcome(
            {0: world.standing(0, one.point, dict.fromkeys(range(8), 1))},
            20 * PRICES["tiny"],
            complete=True,
        )
    )
    assert WavePlan(race, race.left).affords(one, 8 + 11, 1)
    assert not WavePlan(race, race.left).affords(one, 8 + 12, 1)
    assert not WavePlan(race, 5 * PRICES["tiny"]).affords(one, 8 + 6, 1)


def test_the_room_of_a_wave_is_the_most_examples_that_it_affords() -> None:
    # Prices that are exact in binary, so that a sum of them is too.
    one_more = Point({"model": "tiny", "prompt": "plain", "temperature": 0.5})
    for left in (0.0, 1.0, 3.9, 4.0, 4.5, 7.0, 39.0, 300.0):
        race = Race(problem(ceiling=lambda _point, draws, _cap: 4.0 * draws), left)
        state = race.add(one_more)
        wave = WavePlan(race, left)
        room = wave.room(state, 1)
        assert room == min(120, int(left / 4.0))
        assert room == 0 or wave.affords(state, room, 1)
        assert room == 120 or not wave.affords(state, room + 1, 1)
    free = Race(problem(ceiling=lambda _point, _draws, _cap: 0.0), 0.0)
    state = free.add(one_more)
    state.examples = 100
    assert WavePlan(free, 0.0).room(state, 1) == 20
