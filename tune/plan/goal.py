"""What is to be chosen."""

from __future__ import annotations

from typing import Any

from tune.errors import InputError
from tune.plan.options import Options
from tune.task.metrics import Metric

GOALS = ("quality", "cheapest", "frontier")
"""What is to be chosen."""


def read_goal(options: Options, metric: Metric) -> dict[str, Any]:
    """What is to be chosen: the best, the cheapest with a stated quality, or the best at every
    cost.

    Returns:
        `goal`, `min_quality` and `margin` of a `Plan`.

    Raises:
        InputError: there is no such goal, or what is good enough is missing, said twice, or out of
        range.
    """
    goal, least, margin = options.goal, options.min_quality, options.margin
    if goal not in GOALS:
        raise InputError(f"there is no goal {goal!r}: there are {list(GOALS)}")
    if goal != "cheapest" and (least is not None or margin is not None):
        raise InputError(
            f'min_quality and margin say what is good enough for goal="cheapest", but the goal is "{goal}"'
        )
    if goal == "cheapest" and (least is None) == (margin is None):
        raise InputError(
            'goal="cheapest" needs either min_quality, a score that is good enough, or margin, by how much it may be '
            f"worse than the baseline, but got min_quality={least!r} and margin={margin!r}"
        )
    if least is not None and not metric.low <= least <= metric.mean_high:
        raise InputError(
            f"min_quality is a score of {metric.name}, {metric.low:g} to {metric.mean_high:g}, but got {least!r}"
        )
    if margin is not None and not 0 < margin < metric.mean_high - metric.low:
        raise InputError(
            f"margin is a difference of scores, above 0 and below {metric.mean_high - metric.low:g}, but got {margin!r}"
        )
    return {"goal": goal, "min_quality": least, "margin": margin}
