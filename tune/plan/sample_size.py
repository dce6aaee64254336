"""What few examples cannot show, said plainly before the run and in its report."""

from __future__ import annotations

import math
from functools import cache

from tune.plan.plan import Plan
from tune.report.text import number
from tune.stats.alpha_spending import look_confidence
from tune.stats.intervals import mean_interval
from tune.stats.power import SPREAD, detectable_difference, examples_needed

SMALL_SAMPLE = 40
"""Below so many examples in all, those that belong together counted once, one is told what they
cannot show.
"""

POINTS = 5
"""The difference, in hundredths of the metric's range, for which it is said how many examples would
show it.
"""


def sample_size_note(plan: Plan) -> str:
    """What so few examples cannot show, in two sentences; "" where there are enough."""
    parts = plan.split
    tuning, held = (parts.count_clusters(side) for side in (parts.tuning, parts.holdout))
    if tuning + held >= SMALL_SAMPLE:
        return ""
    what = "examples" if tuning + held == len(plan.examples) else "groups of examples"
    only = f"There are only {tuning + held} {what} in all"
    if not held:
        known = "none is held back: how good the choice is on others cannot be known"
        return f"{only}, and {known}. {_wanted(plan, what)}."
    wanted = f"{_wanted(plan, what)} (about {_round(_needed() / held * (tuning + held))} in all)"
    return (
        f"{only}, {held} of them held back, so little can be known: {_open(plan, held)}. {wanted}."
    )


def _open(plan: Plan, held: int) -> str:
    """What so many held-back examples leave open."""
    low, high = plan.metric.low, plan.metric.mean_high
    alike, halved = [high] * held, [low, high] * (held // 2) + [high] * (held % 2)
    seen = detectable_difference(
        held, SPREAD * (high - low), low=low, high=high, confidence=look_confidence(1)
    )
    width = f"the 95 % interval of a score on those is {_width(plan, alike)} wide even where all answers score alike"
    if held > 1:
        width += f", and {_width(plan, halved)} where half of them are right"
    if math.isinf(seen):
        return f"{width}, and no difference to the baseline is large enough to be seen with 80 % probability"
    return f"{width}, and a difference to the baseline below {number(seen)} would mostly go unseen"


def _width(plan: Plan, scores: list[float]) -> str:
    metric = plan.metric
    interval = mean_interval(
        scores, low=metric.low, high=metric.mean_high, confidence=look_confidence(1)
    )
    return number(interval.high - interval.low)


@cache
def _needed() -> int:
    """Examples that show so small a difference; it is a share of the range, and so the same for
    every metric.
    """
    needed = examples_needed(POINTS / 100, SPREAD, confidence=look_confidence(1))
    assert needed is not None
    return needed


def _wanted(plan: Plan, what: str) -> str:
    difference = number(POINTS / 100 * (plan.metric.mean_high - plan.metric.low))
    examples = f"{_round(_needed())} {what} held back"
    return f"To show a difference of {difference} ({POINTS} points in 100) takes about {examples}"


def _round(value: float) -> str:
    """Two digits of it: more would say that it is known better."""
    size = 10 ** max(0, len(str(round(value))) - 2)
    return f"{round(value / size) * size:,}"
