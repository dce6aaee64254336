"""The measure of BanditEval's paper: how often a method finds the best point of a table.

There, all examples of a table are met, every answer costs the same, and a budget is a share of all
answers (Zhou et al., ICLR 2025, arXiv 2407.06172). So a rival can be held against its paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmarks.rivals.methods import Method
from benchmarks.worlds.simulated_ledger import SimulatedLedger
from benchmarks.worlds.worlds import World
from tune.pricing.prices import Price

EQUAL = 1e-9
"""By how much two scores may differ and be the same."""


def equally_priced(world: World) -> World:
    """Return a world in which every answer costs the same."""
    return replace(
        world,
        prompt_tokens={cell: 0 * p + 1 for cell, p in world.prompt_tokens.items()},
        prices=dict.fromkeys(world.prices, Price(1.0, 0.0)),
        _known={},
    )


def precision(
    world: World, method: Method, shares: Sequence[float], runs: int
) -> list[float]:
    """Return how often a method finds a best point, by the share of all answers that it may buy.

    Args:
        world: a table with one answer for each point and example.
        method: what searches; it must make its own choice.
        shares: of all answers.
        runs: searches with each share.
    """
    flat = equally_priced(world)
    found = []
    for share in shares:
        hits = [_hits(flat, method, share, seed) for seed in range(runs)]
        found.append(float(np.mean(hits)))
    return found


def _hits(world: World, method: Method, share: float, seed: int) -> bool:
    # A unit is one average point on all examples.
    dollars = share * len(world.answers) * world.unit(world.examples)
    ledger = SimulatedLedger(world, (), dollars, seed, world.examples)
    problem = ledger.problem()
    searcher = method.searcher(world.space, (), seed)
    ledger.drive(method.strategy(problem, searcher, dollars))
    if method.choose is None:
        raise ValueError(f"{method.label} makes no choice of its own")
    choice = method.choose(problem, ledger.standings)
    return choice is not None and world.worth(choice.config) >= world.best() - EQUAL
