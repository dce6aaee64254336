"""Which cap to buy draws with: no more tokens than answers of this model to this prompt were seen
to need.
"""

from __future__ import annotations

from collections.abc import Iterable

from tune.space import Point
from tune.strategies.problem import Problem, Standing

LEAST_EXAMPLES = 32
"""Scored examples of trials that were bought at the top before a lower cap is believed to be
enough.
"""


def cap_to_buy(problem: Problem, point: Point, standings: Iterable[Standing]) -> int:
    """The max_tokens to buy a fresh trial's draws with.

    A high cap pays for tokens that a low reading never uses; a low one can never be read higher. So
    the first trials of a model with a prompt are bought at the most that a config may take, and
    read at every lower cap; when they have shown on enough examples that a lower cap scores no
    worse than any other, the following ones are bought at that.

    Args:
        problem: what is searched.
        point: the paid point of the fresh trial.
        standings: every trial so far.
    """
    top = problem.space.cap(point)
    if "max_tokens" not in problem.free:
        return top
    totals: dict[int, float] = {}
    examples = 0
    for standing in standings:
        alike = all(standing.point.get(name) == point.get(name) for name in ("model", "prompt"))
        if standing.failed or not alike or standing.cap != top or not standing.readings:
            continue
        fewest = min(reading.config.n for reading in standing.readings)
        of_trial: dict[int, float] = {}
        for reading in standing.readings:
            if reading.config.n == fewest:
                cap, total = reading.config.max_tokens, float(problem.quality(reading.scores).sum())
                of_trial[cap] = max(total, of_trial.get(cap, 0.0))
        examples += standing.examples
        for cap, total in of_trial.items():
            totals[cap] = totals.get(cap, 0.0) + total
    if examples < LEAST_EXAMPLES or top not in totals:
        return top
    best = max(totals.values())
    return min(cap for cap, total in totals.items() if total >= best - 1e-9)
