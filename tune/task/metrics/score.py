"""The result of a metric, and the check of its bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from tune.errors import MetricError

Answer: TypeAlias = str | tuple[str | None, ...] | None
"""An answer to judge; None where the text held none, or all n answers for a metric over responses.
"""


@dataclass(frozen=True, slots=True)
class Score:
    """A judgement of one answer.

    Attributes:
        value: within the metric's bounds; NaN where a judge could not be read, which counts as not
            scored.
        comment: the reason, for people.
    """

    value: float
    comment: str = ""


def check_score(
    found: Any,
    *,
    metric: str,
    example: str,
    low: float,
    high: float,
) -> Score:
    """Return a callable's result as a score within bounds.

    Args:
        found: the result.
        metric: the metric's name, for the message.
        example: the example's id, for the message.
        low: the least value allowed.
        high: the largest value allowed.

    Raises:
        MetricError: the result is not a number, or lies outside the bounds.
    """
    score = (
        found if isinstance(found, Score) else Score(_number(found, metric, example))
    )
    # A mean of ones may come out as 1.0000000000000002.
    slack = 1e-9 * max(1.0, abs(low), abs(high))
    if not low - slack <= score.value <= high + slack:
        raise MetricError(
            f"the metric {metric!r} must lie between {low:g} and {high:g}, "
            f"but gave {score.value!r} for example {example!r}: "
            f'correct it, or state its bounds, as in {{"name": {metric}, "low": 0, "high": 100}}'
        )
    return Score(min(max(score.value, low), high), score.comment)


def _number(found: Any, metric: str, example: str) -> float:
    try:
        # float("0.5") would work, but a metric that returns texts is a mistake.
        if found is not None and not isinstance(found, str):
            return float(found)
    except (TypeError, ValueError):
        pass
    raise MetricError(
        f"the metric {metric!r} must return a bool, a number or a Score, "
        f"but gave {found!r} for example {example!r}"
    )
