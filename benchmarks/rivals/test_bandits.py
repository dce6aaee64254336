"""`benchmarks/rivals/bandits.py`: UCB-E and UCB-E-LRF do what their paper says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks.rivals.bandits import (
    BATCH,
    WARM_UP,
    best_filled_in,
    factorised,
    ucb_e_batches,
    ucb_e_low_rank,
)
from benchmarks.rivals.contest import best_reading
from benchmarks.worlds.kinds import KINDS
from benchmarks.worlds.simulated_ledger import SimulatedLedger
from tune.fakes import drive as driving
from tune.readout.trial import Step
from tune.search import SEARCHERS
from tune.strategies import Outcome

EXAMPLES = 100

WORLD = KINDS["specialisation"](0)
"""Twelve models, one prompt, no other dimension."""


def a_ledger(units: float, max_cost: float | None = None) -> SimulatedLedger:
    dollars = units * WORLD.unit(EXAMPLES)
    return SimulatedLedger(WORLD, (), dollars, 0, EXAMPLES, max_cost=max_cost)


def waves_of(
    strategy: Callable[..., Any], ledger: SimulatedLedger, **more: Any
) -> list[list[Step]]:
    waves: list[list[Step]] = []

    def buy(steps: list[Step]) -> Outcome:
        waves.append(steps)
        return ledger.buy(steps)

    searcher = SEARCHERS["random"](WORLD.space, (), 0)
    problem = ledger.problem()
    driving.drive(strategy(problem, searcher, ledger.left, most=True, **more), buy)
    return waves


def test_a_pull_is_a_batch_of_random_examples_of_one_arm_and_every_arm_comes_first() -> (
    None
):
    waves = waves_of(ucb_e_batches, a_ledger(6))
    assert {len(wave) for wave in waves} == {1}
    assert [wave[0].trial for wave in waves[:12]] == list(range(12))
    assert {len(wave[0].examples) for wave in waves[:12]} == {BATCH}
    assert waves[0][0].examples != tuple(range(BATCH))
    assert waves[0][0].examples != waves[1][0].examples


def test_the_arm_with_the_largest_index_is_pulled_next() -> None:
    ledger = a_ledger(5)
    waves = waves_of(ucb_e_batches, ledger)
    assert len(waves) > 13
    # After the first round every arm has the same number of examples, so the best mean leads.
    again = a_ledger(5)
    for wave in waves[:12]:
        again.buy(wave)
    means = {}
    for trial, standing in again.standings.items():
        reading = best_reading(again.problem(), standing)
        assert reading is not None
        means[trial] = float(reading.scores.mean())
    assert means[waves[12][0].trial] == max(means.values())


def test_small_batches_meet_every_arm_with_little_money() -> None:
    few, many = a_ledger(0.9), a_ledger(0.9)
    waves_of(ucb_e_batches, few)
    waves_of(ucb_e_batches, many, batch=None)
    assert len(few.standings) <= 4
    assert len(many.standings) == 12


def test_low_rank_begins_with_random_answers_of_all_arms() -> None:
    ledger = a_ledger(12)
    waves = waves_of(ucb_e_low_rank, ledger)
    first = sum(len(step.examples) for step in waves[0])
    assert first == BATCH
    assert len(waves[0]) > 6
    met = 0
    for wave in waves:
        if met >= WARM_UP * 12 * EXAMPLES:
            assert len(wave) == 1
        met += sum(len(step.examples) for step in wave)
    # With money for all of it, everything is met in the end.
    assert met == 12 * EXAMPLES


def test_a_table_of_rank_one_is_filled_in() -> None:
    rng = np.random.default_rng(0)
    truth = np.outer(rng.uniform(0.3, 1, 10), rng.uniform(0.3, 1, 40))
    rows = np.where(rng.random(truth.shape) < 0.5, truth, np.nan)
    mean, deviation = factorised(rows, rng)
    missing = np.isnan(rows)
    off = np.abs(mean - truth)[missing].mean()
    assert off < 0.1 < np.abs(truth[missing] - truth.mean()).mean()
    assert (deviation[missing] > 0).all()
    assert deviation[missing].mean() > 0


def test_a_column_that_nobody_met_is_filled_in_with_nothing() -> None:
    rows = np.array([[1.0, np.nan], [0.5, np.nan]])
    mean, _ = factorised(rows, np.random.default_rng(0))
    assert mean[:, 1] == pytest.approx(0)


def test_the_choice_goes_by_the_filled_in_means_and_keeps_a_limit() -> None:
    ledger = a_ledger(8)
    waves_of(ucb_e_low_rank, ledger)
    choice = best_filled_in(ledger.problem(), ledger.standings)
    assert choice is not None
    assert WORLD.best() - WORLD.worth(choice.config) < 0.1
    cheapest = min(
        reading.cost for s in ledger.standings.values() for reading in s.readings
    )
    tight = a_ledger(8, max_cost=1.0001 * cheapest)
    under = best_filled_in(tight.problem(), ledger.standings)
    assert under is not None
    assert under.cost <= 1.0001 * cheapest
    assert best_filled_in(ledger.problem(), {}) is None
