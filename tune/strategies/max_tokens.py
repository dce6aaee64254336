"""The max_tokens to buy draws with: what answers of a model to a prompt were seen to need."""

from __future__ import annotations

from collections.abc import Iterable

from tune.space import Point
from tune.strategies.problem import Problem, Standing


def cap_to_buy(
    problem: Problem,
    point: Point,
    standings: Iterable[Standing],
) -> int:
    """Return the max_tokens to buy a fresh trial's draws with.

    A large one pays for tokens that small readings never use. A small one can never be read as a
    larger one. So the first trials of a model and prompt are bought at the largest max_tokens of
    their configs and read at every smaller one. When these have shown on enough examples that a
    smaller one scores no worse, later trials are bought at that.

    Args:
        problem: what is searched.
        point: the paid point of the fresh trial.
        standings: all trials so far.
    """
    top = problem.space.cap(point)
    if "max_tokens" not in problem.free:
        return top
    totals: dict[int, float] = {}
    examples = 0
    for standing in standings:
        # A trial bought at a smaller max_tokens cannot show what a larger one would score.
        if standing.cap == top and standing.readings and _is_alike(standing, point):
            examples += standing.examples
            for cap, total in _totals_by_cap(problem, standing).items():
                totals[cap] = totals.get(cap, 0.0) + total
    if examples < problem.settings.caps.least_examples or top not in totals:
        return top
    return _smallest_of_the_best(totals)


def _smallest_of_the_best(totals: dict[int, float]) -> int:
    """Return the smallest max_tokens with the largest total: it cut nothing that counts."""
    best = max(totals.values())
    return min(cap for cap, total in totals.items() if total >= best - 1e-9)


def _is_alike(standing: Standing, point: Point) -> bool:
    """Return whether a trial that works has the model and prompt of a point."""
    if standing.failed:
        return False
    own = standing.point
    return own["model"] == point["model"] and own["prompt"] == point["prompt"]


def _totals_by_cap(problem: Problem, standing: Standing) -> dict[int, float]:
    """Return the sum of qualities with the fewest answers, by max_tokens."""
    fewest = min(reading.config.n for reading in standing.readings)
    totals: dict[int, float] = {}
    for reading in standing.readings:
        if reading.config.n == fewest:
            cap = reading.config.max_tokens
            total = float(problem.quality(reading.scores).sum())
            totals[cap] = max(total, totals.get(cap, 0.0))
    return totals
