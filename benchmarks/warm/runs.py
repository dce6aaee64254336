"""One pair of studies: the later one searched with and without what the earlier one left."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.search.goals import judge_choice
from benchmarks.search.runs import tuning
from benchmarks.warm.pairs import MakePair, Pair, Pool
from benchmarks.worlds.simulated_ledger import SimulatedLedger
from benchmarks.worlds.worlds import World
from tune.search import SEARCHERS
from tune.space import FREE
from tune.strategies import KnowledgeGradient, Selection, final_comparison
from tune.strategies.posterior import read_evidence
from tune.strategies.prior import PriorTrial, prior_trial

EARLIER_UNITS = 3.0
"""Dollars of the earlier study, in units of its world."""

EARLIER_SEED = 1000
"""Added to the seed of the earlier study, so that it draws another order of its examples."""


def search(
    world: World,
    pool: Pool,
    units: float,
    seed: int,
    prior: tuple[PriorTrial, ...] = (),
) -> tuple[Selection | None, SimulatedLedger]:
    """Run a search.

    Args:
        world: that is searched.
        pool: its examples that may be bought; None for all.
        units: dollars, in units of the world.
        seed: of the examples, the draws and the searcher.
        prior: trials of an earlier study.
    """
    examples = tuning(world.examples if pool is None else len(pool))
    dollars = units * world.unit(examples)
    ledger = SimulatedLedger(world, FREE, dollars, seed, examples, pool)
    problem = ledger.problem()
    searcher = SEARCHERS["random"](world.space, FREE, seed)
    # As in a run: the search sees the earlier study, and the final comparison does not.
    guided = replace(problem, prior=prior)
    ledger.drive(KnowledgeGradient()(guided, searcher, dollars))
    choice = ledger.drive(final_comparison(problem, ledger.standings, ledger.left))
    assert choice is None or isinstance(choice, Selection)
    return choice, ledger


def left_by(
    pair: Pair, seed: int, units: float = EARLIER_UNITS
) -> tuple[PriorTrial, ...]:
    """Run the earlier study, and return what it leaves."""
    _, ledger = search(pair.earlier, pair.earlier_pool, units, seed + EARLIER_SEED)
    problem = ledger.problem()
    found = []
    for standing in ledger.standings.values():
        shown = read_evidence(problem, standing)
        if shown is not None:
            scores = problem.quality(shown.base.scores)
            found.append(prior_trial(0, standing.point, scores))
    return tuple(found)


def regrets(make: MakePair, seed: int, units: tuple[float, ...]) -> np.ndarray:
    """Return the regrets in points, by budget: without the earlier study, and with it.

    Args:
        make: makes the pair of studies of a seed.
        seed: of both.
        units: budgets of the later study.
    """
    pair = make(seed)
    left = left_by(pair, seed)
    judged = pair.later_pool
    rows = []
    for budget in units:
        row = []
        for prior in ((), left):
            choice, _ = search(pair.later, pair.later_pool, budget, seed, prior)
            config = None if choice is None else choice.shown.config
            row.append(judge_choice(pair.later, config, judged=judged).regret)
        rows.append(row)
    return np.array(rows)
