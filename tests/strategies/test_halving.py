"""Successive halving in brackets."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import pytest

from tests.strategies.test_strategies import regrets, run, searcher
from tune.fakes.race import PRICES, FakeLedger, World, play, some_space
from tune.search import SEARCHERS, Observation
from tune.space import FREE, Point
from tune.strategies import STRATEGIES
from tune.strategies.blocks import rung_sizes


def test_halving_begins_with_one_small_block_of_several_points_over_all_models() -> (
    None
):
    world = World(baseline=Point({"model": "small", "prompt": "plain"}))
    first = STRATEGIES["halving"](
        world.problem(), searcher(world), 10 * world.unit()
    ).send(None)  # type: ignore[arg-type]
    assert first[0].point == world.baseline
    assert {step.point["model"] for step in first} == set(PRICES)
    assert {step.examples for step in first} == {tuple(range(8))}
    assert {step.draws for step in first} == {1}


def test_no_first_trial_eats_a_small_budget() -> None:
    world = World(examples=200)
    _, ledger = run(world, "halving", 1.5)
    assert len(ledger.points) >= 5


def test_fewer_and_fewer_trials_go_on_to_more_and_more_examples() -> None:
    _, ledger = run(World(), "halving", 20)
    reached = [max(held) + 1 for held in ledger.held.values() if held]
    counts = [sum(r >= size for r in reached) for size in rung_sizes(120)]
    assert counts[0] == len(ledger.points)
    assert counts[1] <= counts[0] / 2
    assert counts == sorted(counts, reverse=True)
    assert counts[2] >= 2


def test_more_draws_go_to_hot_survivors_only_and_only_while_a_larger_n_wins() -> None:
    _, ledger = run(World(), "halving", 20)
    for trial, held in ledger.held.items():
        most = max(held.values())
        if ledger.points[trial]["temperature"] == 0 or max(held) < 8:
            assert most == 1
        assert most in (1, 3, 5, 10)
    assert any(max(held.values()) >= 5 for held in ledger.held.values())


def test_a_share_of_the_money_is_left_for_the_final_comparison() -> None:
    world = World(slack=2.0)
    ledger = FakeLedger(world, 10 * world.unit())
    ledger.drive(STRATEGIES["halving"](world.problem(), searcher(world), ledger.left))
    assert ledger.left >= 0.2 * 10 * world.unit() * (1 - 1e-9)


def test_later_brackets_are_proposed_after_the_searcher_has_heard_of_the_earlier_ones() -> (
    None
):
    world = World(examples=60)
    heard: list[int] = []
    inner = searcher(world)

    def listening(history: Sequence[Observation]) -> Point | None:
        heard.append(len(history))
        return inner(history)

    play(world, STRATEGIES["halving"], listening, 400 * world.unit())
    brackets = sorted(set(heard))
    assert brackets[0] == 0
    assert len(brackets) >= 3


@pytest.mark.parametrize("budget", [60, 300, 700, 2000])
def test_dear_points_do_not_end_a_search_that_cheap_ones_could_go_on_with(
    budget: int,
) -> None:
    world = World(examples=100)
    cheap = SEARCHERS["random"](some_space(model="tiny"), FREE, 0)
    dear = iter(
        [
            Point({"model": "large", "prompt": "reasoned", "temperature": t / 10})
            for t in range(3)
        ]
    )
    _, ledger = play(
        world,
        STRATEGIES["halving"],
        lambda h: next(dear, None) or cheap(h),
        budget * PRICES["tiny"],
    )
    assert sum(p["model"] == "tiny" for p in ledger.points.values()) >= min(
        5, budget // 40
    )


@pytest.mark.slow
def test_halving_comes_nearer_to_the_best_than_full_passes_at_equal_money() -> None:
    for units, near in ((3, 0.08), (10, 0.04)):
        ours, theirs = (
            statistics.median(regrets(name, units, range(9)))
            for name in ("halving", "full")
        )
        assert ours <= near
        assert ours < theirs / 2
