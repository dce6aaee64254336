"""The goal of a search: the best, the cheapest that is good enough, or the best at every cost."""

from __future__ import annotations

from typing import Any

from tune.errors import InputError
from tune.plan.options import Options
from tune.task.metrics import Metric

GOALS = ("quality", "cheapest", "frontier")
"""The goals by name."""


def read_goal(options: Options, metric: Metric) -> dict[str, Any]:
    """Return the goal, and what is good enough for the goal "cheapest".

    Returns:
        `goal`, `min_quality` and `margin` of a `Plan`.

    Raises:
        InputError: the goal is unknown, or what is good enough is missing, given twice, or out
            of range.
    """
    goal, min_quality, margin = options.goal, options.min_quality, options.margin
    if goal not in GOALS:
        raise InputError(f"there is no goal {goal!r}: there are {list(GOALS)}")
    _check_limits(goal, min_quality, margin)
    if min_quality is not None and not metric.low <= min_quality <= metric.mean_high:
        raise InputError(
            f"min_quality is a score of {metric.name}, {metric.low:g} to {metric.mean_high:g}, "
            f"but got {min_quality!r}"
        )
    # A margin of the whole range would let every configuration pass.
    span = metric.mean_high - metric.low
    if margin is not None and not 0 < margin < span:
        raise InputError(
            f"margin is a difference of scores, above 0 and below {span:g}, but got {margin!r}"
        )
    return {"goal": goal, "min_quality": min_quality, "margin": margin}


def _check_limits(goal: str, min_quality: float | None, margin: float | None) -> None:
    """Check that what is good enough is given once, and only for the goal "cheapest"."""
    given = [value for value in (min_quality, margin) if value is not None]
    # With another goal they would be ignored, and the user would not notice.
    if goal != "cheapest" and given:
        raise InputError(
            f'min_quality and margin say what is good enough for goal="cheapest", but the goal is '
            f'"{goal}"'
        )
    if goal == "cheapest" and len(given) != 1:
        found = "both are given" if given else "neither is given"
        raise InputError(
            'goal="cheapest" needs either min_quality, a score that is good enough, or margin, by '
            f"how much it may be worse than the baseline, but {found}"
        )
