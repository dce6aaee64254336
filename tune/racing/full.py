"""Every proposed point on every example: what searches do that know nothing of money."""

from __future__ import annotations

from collections.abc import Generator

from tune.racing.field import Field
from tune.racing.problem import Outcome, Problem
from tune.telling import Searcher
from tune.trial import Step

PROBE = 8
"""Examples that a trial meets first, as long as nobody knows what it costs."""


def full(problem: Problem, searcher: Searcher, left: float) -> Generator[list[Step], Outcome, None]:
    """One trial after the other on all tuning examples, with as many draws as the largest n takes.

    The yardstick: published EcoOptiGen and users of Optuna search like this. The first trial meets a few examples
    before the rest, so that what it costs is known; no trial is begun that the money left clearly cannot pay for.
    """
    field = Field(problem, left)
    point = problem.baseline or searcher(field.tellings)
    while point is not None and not field.over:
        entrant = field.enter(point)
        draws = entrant.ladder[-1]
        if not field.standings:
            probe = min(PROBE, problem.examples, int(left / max(field.price(entrant, draws), 1e-300)))
            if probe:
                field.take((yield field.order(entrant, probe, draws)))
        if not field.affords(entrant, problem.examples, draws, field.left):
            return
        steps = field.order(entrant, problem.examples, draws)
        if steps and not field.over:
            field.take((yield steps))
        field.tell([entrant])
        while (point := searcher(field.tellings)) == problem.baseline is not None:
            pass
