"""The max_tokens to buy draws with: what answers of a model to a prompt were seen to need.

A call reserves what its longest answer would cost. So a max_tokens that is far too large lets few
calls go side by side, above all near the end of the money.
"""

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


def cap_to_go_on(
    problem: Problem,
    point: Point,
    standings: Iterable[Standing],
) -> int | None:
    """Return the max_tokens to buy more draws of a model and prompt with; None: with the old ones.

    It is the smallest that leaves all answers so far room to become longer. So it cuts an answer
    hardly ever, and draws with it can be read at the larger ones too.

    Args:
        problem: what is searched.
        point: a paid point with the model and prompt.
        standings: all trials so far.
    """
    if "max_tokens" not in problem.free or "max_tokens" in point:
        return None
    examples, longest = 0, 0
    for standing in standings:
        if _is_alike(standing, point):
            examples += standing.examples
            longest = max(longest, standing.longest)
    settings = problem.settings.caps
    if not longest or examples < settings.least_lengths:
        return None
    configs = problem.space.configs_of(point, problem.free)
    needed = settings.room * longest
    caps = [config.max_tokens for config in configs if config.max_tokens >= needed]
    return min(caps, default=None)


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
