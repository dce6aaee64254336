"""Every proposed point on every example: what searches do that know nothing of money."""

from __future__ import annotations

from collections.abc import Generator

from tune.readout.trial import Step
from tune.search.history import Searcher
from tune.strategies.problem import Outcome, Problem
from tune.strategies.race import Entrant, Field, Proposals, Wave

PROBE = 8
"""Examples that the first trial meets at most, before the rest, as long as nobody knows what it
costs.
"""

PATIENCE = 16
"""Proposals in a row that the money left does not pay for, after which the search ends."""


def full(problem: Problem, searcher: Searcher, left: float) -> Generator[list[Step], Outcome, None]:
    """One trial after the other on all tuning examples, with as many draws as the largest n takes.

    The yardstick: published EcoOptiGen and users of Optuna search like this. Only the first trial
    meets a few examples before the rest, so that what calls cost is known. A point that the money
    left clearly cannot pay for is not begun, and the searcher is told that nothing came of it.

    Args:
        problem: what is searched.
        searcher: proposes one point after the other.
        left: dollars that the search may spend.
    """
    field = Field(problem, left)
    proposals = Proposals(field, searcher)
    refused = 0
    while refused < PATIENCE and not field.over and (point := proposals.next()) is not None:
        entrant = field.enter(point)
        wave = Wave(field, field.left)
        if wave.add(entrant, _first_block(field, entrant), entrant.ladder[-1]):
            refused = 0
            field.take((yield wave.steps))
            rest = Wave(field, field.left)
            if not field.over and rest.add(entrant, problem.examples, entrant.draws) and rest.steps:
                field.take((yield rest.steps))
            field.tell([entrant])
        else:
            refused += 1
            field.tell([entrant])
            field.withdraw(entrant)


def _first_block(field: Field, entrant: Entrant) -> int:
    """All examples, but a few where what they cost is not known yet."""
    if field.standings:
        return field.problem.examples
    price = field.price(entrant, entrant.ladder[-1])
    affordable = int(field.left / price) if price > 0 else PROBE
    return max(1, min(PROBE, field.problem.examples, affordable))
