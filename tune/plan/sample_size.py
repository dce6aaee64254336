"""A note on small samples, before the run and in its report: they leave much unknown."""

from __future__ import annotations

import math
from functools import cache

from tune.plan.plan import Plan
from tune.report.text import number
from tune.stats.alpha_spending import analysis_confidence
from tune.stats.intervals import mean_interval
from tune.stats.power import SPREAD, detectable_difference, examples_needed

SMALL_SAMPLE = 40
"""With fewer examples (clusters count once) the user is told what they cannot show."""

POINTS = 5
"""The difference, in hundredths of the metric's range, whose sample size the note names."""


def sample_size_note(plan: Plan) -> str:
    """Return sentences on what so few examples leave unknown; "" where there are enough."""
    parts = plan.split
    tuning, held = (
        parts.count_clusters(parts.tuning),
        parts.count_clusters(parts.holdout),
    )
    total = tuning + held
    if total >= SMALL_SAMPLE:
        return ""
    # Where examples belong together, the clusters are the observations.
    what = "examples" if total == len(plan.examples) else "groups of examples"
    only = f"There are only {total} {what} in all"
    if not held:
        return (
            f"{only}, and none is held back: how good the choice is on others cannot be known. "
            f"{_needed_text(plan, what)}."
        )
    # The split stays the same, so the whole grows with the part that is held back.
    in_all = _rounded(_needed() / held * total)
    return (
        f"{only}, {held} of them held back, so little can be known. {_unknown(plan, held)} "
        f"{_needed_text(plan, what)} (about {in_all} in all)."
    )


def _unknown(plan: Plan, held: int) -> str:
    """Return two sentences on what so many held-back examples leave unknown."""
    low, high = plan.metric.low, plan.metric.mean_high
    # The narrowest interval and the widest: equal scores, and half of them at either end.
    alike = [high] * held
    halved = [low, high] * (held // 2) + [high] * (held % 2)
    width = (
        f"The 95 % interval of a score on these is {_width(plan, alike)} wide even if all "
        f"answers score alike"
    )
    if held > 1:
        width += f", and {_width(plan, halved)} wide if half of them are right"
    seen = detectable_difference(
        held,
        SPREAD * (high - low),
        low=low,
        high=high,
        confidence=analysis_confidence(1),
    )
    if math.isinf(seen):
        return (
            f"{width}. No difference to the baseline is large enough to be seen with 80 % "
            f"probability."
        )
    return f"{width}. A difference to the baseline below {number(seen)} would mostly go unseen."


def _width(plan: Plan, scores: list[float]) -> str:
    low, high = plan.metric.low, plan.metric.mean_high
    interval = mean_interval(
        scores, low=low, high=high, confidence=analysis_confidence(1)
    )
    return number(interval.high - interval.low)


# The search for the number takes a moment, and every estimate asks for the same one.
@cache
def _needed() -> int:
    """Return the number of examples that show a difference of `POINTS`.

    The difference is a share of the range, so the number is the same for every metric.
    """
    needed = examples_needed(POINTS / 100, SPREAD, confidence=analysis_confidence(1))
    assert needed is not None
    return needed


def _needed_text(plan: Plan, what: str) -> str:
    difference = number(POINTS / 100 * (plan.metric.mean_high - plan.metric.low))
    examples = f"{_rounded(_needed())} {what} held back"
    return f"To show a difference of {difference} ({POINTS} points in 100) takes about {examples}"


def _rounded(value: float) -> str:
    """Return two significant digits: more would look more certain than the number is."""
    size = 10 ** max(0, len(str(round(value))) - 2)
    return f"{round(value / size) * size:,}"
