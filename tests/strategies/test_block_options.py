"""The blocks that can be bought next, by hand and after a few trials."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tune.fakes.race import FakeLedger, World, some_space
from tune.search import SEARCHERS
from tune.strategies.block_options import (
    BlockOption,
    BlockOptions,
    NextBlocks,
    as_arrays,
)
from tune.strategies.candidates import Candidates
from tune.strategies.posterior import share_of_gain
from tune.strategies.proposals import Proposals
from tune.strategies.race import Race
from tune.strategies.settings import KnowledgeGradientSettings
from tune.strategies.wave_plan import WavePlan

MONEY = 10.0


def option(candidate: int, cost: float = 1.0, draws: int = 1) -> BlockOption:
    return BlockOption(candidate, 8, draws, 1, cost, 0.01, math.inf, 1.0)


def begun(*examples: int, of_all: int = 200) -> Candidates:
    """Candidates of which the first ones have met so many examples, with one answer each."""
    world = World(space=some_space(temperature=0.7), examples=of_all)
    race = Race(world.problem(), MONEY)
    searcher = SEARCHERS["random"](world.space, world.free, 0)
    found = Candidates(race, Proposals(race, searcher), KnowledgeGradientSettings())
    wave = WavePlan(race, MONEY)
    for point, count in zip(list(found.fresh), examples, strict=False):
        assert found.begin(point, wave, count, 1)
    race.update(FakeLedger(world, MONEY).buy(wave.steps))
    assert found.aim(math.inf, fit=False)
    return found


def options_of(found: Candidates, money: float = MONEY) -> list[BlockOption]:
    return NextBlocks(found.race, found, found.settings).options(money)


def test_a_long_block_is_worth_nothing_where_the_next_alone_is_worth_as_much_per_dollar() -> (
    None
):
    one = np.ones(4)
    beyond = np.array([False, True, False, True])
    stock = BlockOptions(
        np.array([0, 0, 1, 1]),
        np.array([1.0, 4.0, 1.0, 4.0]),
        one,
        one,
        one,
        one,
        one > 0,
        beyond,
    )
    assert stock.settle(np.array([2.0, 8.0, 2.0, 8.1])).tolist() == [2.0, 0.0, 2.0, 8.1]
    assert stock.settle(np.array([0.0, 0.0, 0.0, 1.0])).tolist() == [0.0, 0.0, 0.0, 1.0]


def test_an_option_beyond_the_next_block_is_known_and_may_cost_a_share_only() -> None:
    found = as_arrays(
        [option(0, 1.0), option(0, 4.0), option(0, 4.0, draws=3), option(1)], 10, 0.3
    )
    assert found.beyond.tolist() == [False, True, False, False]
    assert found.there.tolist() == [True, False, True, True]
    assert found.share.tolist() == pytest.approx([0, 0, share_of_gain(3), 0])


def test_options_that_cost_more_than_the_money_are_not_there() -> None:
    assert as_arrays([option(0, 2.0), option(1, 0.5)], 1.0, 1.0).there.tolist() == [
        False,
        True,
    ]
    assert len(as_arrays([], 1.0, 1.0).there) == 0


def test_a_point_may_get_its_next_block_or_all_examples_or_the_next_numbers_of_draws() -> (
    None
):
    found = begun(16)
    mine = [(one.examples, one.draws) for one in options_of(found) if not one.candidate]
    assert mine == [(32, 1), (200, 1), (16, 3), (16, 5)]


def test_a_point_that_has_met_all_examples_may_get_more_draws_only() -> None:
    found = begun(40, of_all=40)
    mine = [(one.examples, one.draws) for one in options_of(found) if not one.candidate]
    assert mine == [(40, 3), (40, 5)]


def test_the_last_block_may_be_half_as_large_and_then_it_is_the_only_one() -> None:
    found = begun(16, of_all=32)
    few = options_of(found, money=1e-6)
    assert [one.examples for one in few if not one.candidate] == [24, 16, 16]


def test_every_fresh_point_may_get_a_first_block_with_few_draws_and_with_several() -> (
    None
):
    found = begun(8, 8)
    fresh = [one for one in options_of(found) if one.candidate >= 2]
    numbers = range(2, len(found.points))
    assert {one.candidate for one in fresh} == set(numbers)
    assert [one.draws for one in fresh] == [1, 3] * len(numbers)
    assert len({one.examples for one in fresh}) == 1


def test_an_option_has_the_cost_and_the_noise_of_what_is_new() -> None:
    found = begun(16, 8)
    posterior = found.posterior
    for one in options_of(found):
        if one.candidate >= len(found.states):
            state = found.race.unlisted(found.points[one.candidate])
        else:
            state = found.states[one.candidate]
        assert one.least == 1
        expected = found.race.expected_cost(state, one.examples, one.draws)
        assert one.cost == expected
        fresh = one.examples - state.examples
        if fresh:
            assert one.noise == posterior.noise(one.draws) / fresh
            assert one.gain_noise == posterior.gain_noise(one.draws, 1) / fresh
        else:
            before, after = posterior.noise(1), posterior.noise(one.draws)
            news = one.examples * (1 / after - 1 / before)
            assert one.noise == pytest.approx(1 / news)


def test_the_first_blocks_keep_the_size_that_they_had_in_the_first_wave() -> None:
    found = begun(8)
    blocks = NextBlocks(found.race, found, found.settings)
    sizes = []
    for money in (1e-6, MONEY):
        fresh = [one for one in blocks.options(money) if one.candidate]
        sizes.append({one.examples for one in fresh})
    assert sizes[0] == sizes[1] == {2}
    assert blocks.first_size(MONEY) == 8
