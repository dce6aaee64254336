"""The world of the strategies: its draws have the stated truth, and its ledger takes the money."""

from __future__ import annotations

import itertools
from collections.abc import Generator

import numpy as np
import pytest

from tune.fakes.race import (
    PRICES,
    PROMPTS,
    FakeLedger,
    World,
    play,
    problem,
    reading,
    some_space,
    spread,
    standing,
)
from tune.fakes.race import _majority as majority
from tune.fakes.race import _vote_of as vote_of
from tune.readout.trial import Step
from tune.search import SEARCHERS
from tune.space import FREE, Config, Point
from tune.strategies import STRATEGIES, Outcome, Selection

SPACE = some_space(temperature=[0.0, 0.5])


def points() -> list[Point]:
    return list(SPACE.points(FREE))


def config(**changes: object) -> Config:
    found = {
        "model": "small",
        "prompt": "plain",
        "temperature": 0.5,
        "max_tokens": 64,
        "n": 1,
        "aggregate": "first",
    }
    return Config(found | changes)  # type: ignore[arg-type]


# --- the truth


def test_a_spread_is_standard_normal_and_depends_on_its_parts_alone() -> None:
    values = [spread("part", number) for number in range(2000)]
    assert values == [spread("part", number) for number in range(2000)]
    assert np.mean(values) == pytest.approx(0, abs=0.1)
    assert np.std(values) == pytest.approx(1, abs=0.1)


def test_the_draws_are_right_as_often_as_the_truth_says() -> None:
    world = World(SPACE, examples=400, seed=3)
    for point in points()[:6]:
        drawn = np.array([world.draws(point, e, 20) for e in range(400)])
        one = Config({**point, "n": 1, "aggregate": "first", "max_tokens": 64})
        assert drawn.mean() == pytest.approx(world.chances(point).mean(), abs=0.02)
        assert world.truth(one) == pytest.approx(world.chances(point).mean())


def test_a_draw_is_the_same_however_many_are_asked_for() -> None:
    world = World(SPACE)
    point = points()[0]
    assert list(world.draws(point, 5, 3)) == list(world.draws(point, 5, 30)[:3])
    assert list(World(SPACE).draws(point, 5, 3)) == list(world.draws(point, 5, 3))


def test_better_models_and_prompts_are_better() -> None:
    by_model = [
        np.mean(
            [
                World(SPACE, seed=seed).truth(config(model=model, prompt=prompt))
                for seed in range(12)
                for prompt in PROMPTS
            ]
        )
        for model in PRICES
    ]
    assert by_model == sorted(by_model)


@pytest.mark.parametrize(("n", "expected"), [(1, 0.6), (2, 0.6), (3, 0.648)])
def test_the_accuracy_of_a_vote_is_binomial_and_a_tie_is_decided_at_random(
    n: int, expected: float
) -> None:
    assert majority(np.array([0.6]), n)[0] == pytest.approx(expected)


@pytest.mark.parametrize(("right", "drawn", "n"), [(3, 5, 3), (2, 6, 4), (0, 4, 3)])
def test_a_vote_is_the_mean_over_all_choices_of_draws(
    right: int, drawn: int, n: int
) -> None:
    draws = [1] * right + [0] * (drawn - right)
    shares = []
    for chosen in itertools.combinations(draws, n):
        lead = 2 * sum(chosen) - n
        shares.append(1.0 if lead > 0 else 0.5 * (lead == 0))
    assert vote_of(right, drawn, n) == pytest.approx(np.mean(shares))


def test_a_vote_at_temperature_zero_changes_nothing() -> None:
    world = World(SPACE)
    cold = {"temperature": 0.0}
    voted = config(n=5, aggregate="vote", **cold)
    assert world.truth(voted) == world.truth(config(**cold))
    warm = config(n=5, aggregate="vote")
    assert world.truth(warm) != world.truth(config())


def test_the_best_config_keeps_the_limit_on_cost() -> None:
    free, limited = World(SPACE), World(SPACE, max_cost=1.2e-5)
    assert limited.best() < free.best()
    assert World(SPACE, max_cost=1e-9).best() == -np.inf


def test_the_noise_of_costs_keeps_their_mean() -> None:
    world, point = World(SPACE, noise=0.5), points()[0]
    factors = [world.factor(point, example) for example in range(2000)]
    assert 0.5 <= min(factors) < max(factors) <= 1.5
    assert np.mean(factors) == pytest.approx(1, abs=0.03)
    assert World(SPACE).factor(point, 7) == 1.0


def test_a_given_quality_replaces_the_skills() -> None:
    world = World(SPACE, quality=lambda point: 0.25)
    assert world.truth(config()) == 0.25


# --- readings


def test_a_trial_is_read_on_the_examples_that_have_enough_draws() -> None:
    world, point = World(SPACE), points()[1]
    found = world.standing(0, point, {0: 5, 1: 3, 2: 1})
    sizes = {each.config.n: each.examples for each in found.readings}
    assert sizes == {1: (0, 1, 2), 3: (0, 1), 5: (0,)}


def test_errors_are_one_minus_the_scores() -> None:
    point, held = points()[1], dict.fromkeys(range(50), 1)
    plain = World(SPACE).standing(0, point, held).readings[0]
    flipped = World(SPACE, flip=True).standing(0, point, held).readings[0]
    assert np.array_equal(flipped.scores, 1 - plain.scores)
    assert not World(flip=True).problem().larger_is_better


def test_a_trial_that_fails_has_no_readings() -> None:
    world = World(SPACE, failing=lambda point: True)
    found = world.standing(0, points()[0], {0: 1})
    assert (found.failed, found.readings) == (True, ())


def test_a_made_up_reading_has_its_scores_and_its_trial() -> None:
    made = reading([1.0, 0.0], cost=0.5, trial=3, start=10, n=5)
    assert (made.trial, made.examples, made.config.n) == (3, (10, 11), 5)
    assert made.costs.tolist() == [0.5, 0.5]
    found = standing(made)
    assert (found.trial, found.examples) == (3, 2)
    assert not set(found.point) & set(FREE)
    assert problem(examples=7).examples == 7


# --- the ledger


def step(draws: int, examples: int = 4, trial: int = 0) -> Step:
    return Step(trial, points()[trial], tuple(range(examples)), draws, 64)


def test_a_ledger_charges_only_new_draws() -> None:
    ledger = FakeLedger(World(SPACE), 1.0)
    price = ledger.world.cost(points()[0], 1)
    ledger.buy([step(2)])
    assert 1.0 - ledger.left == pytest.approx(4 * 2 * price)
    outcome = ledger.buy([step(3)])
    assert 1.0 - ledger.left == pytest.approx(4 * 3 * price)
    assert (outcome.complete, outcome.left) == (True, ledger.left)
    assert ledger.held[0] == dict.fromkeys(range(4), 3)


def test_a_ledger_admits_no_draw_whose_ceiling_is_above_the_money_left() -> None:
    world = World(SPACE, slack=4.0)
    price = world.cost(points()[0], 1)
    ledger = FakeLedger(world, 5.5 * price)
    outcome = ledger.buy([step(1, examples=10)])
    # With 3.5 prices left, a ceiling of 4 prices does not fit.
    assert len(ledger.held[0]) == 2
    assert not outcome.complete
    assert ledger.refused
    assert ledger.worst == pytest.approx(10 / 5.5)


def test_a_ledger_refuses_an_empty_wave_and_a_trial_that_changes_its_point() -> None:
    ledger = FakeLedger(World(SPACE), 1.0)
    with pytest.raises(AssertionError, match="empty wave"):
        ledger.buy([])
    ledger.buy([step(1)])
    other = Step(0, points()[1], (0,), 1, 64)
    with pytest.raises(AssertionError, match="keeps its point"):
        ledger.buy([other])


def test_a_ledger_drives_a_strategy_to_its_end() -> None:
    def strategy() -> Generator[list[Step], Outcome, str]:
        outcome = yield [step(1)]
        assert outcome.standings[0].examples == 4
        yield [step(1, trial=1)]
        return "the end"

    ledger = FakeLedger(World(SPACE), 1.0)
    assert ledger.drive(strategy()) == "the end"
    assert len(ledger.waves) == 2


def test_a_whole_search_ends_with_a_selection_within_its_money() -> None:
    world = World(SPACE, examples=40)
    searcher = SEARCHERS["random"](world.space, world.free, 0)
    choice, ledger = play(world, STRATEGIES["halving"], searcher, 3 * world.unit())
    assert isinstance(choice, Selection)
    assert ledger.left >= 0
