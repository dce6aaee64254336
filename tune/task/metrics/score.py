"""What a metric returns, and the bounds that hold it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from tune.errors import MetricError

Answer: TypeAlias = str | tuple[str | None, ...] | None
"""What is judged: an answer, None where the text held none, or all n answers for a metric over
responses.
"""


@dataclass(frozen=True, slots=True)
class Score:
    """A judgement of one answer.

    Attributes:
        value: within the metric's bounds; NaN where a judge could not be read, which counts as not
        scored. comment: why, for people.
    """

    value: float
    comment: str = ""


def check_score(found: Any, *, metric: str, example: str, low: float, high: float) -> Score:
    """What a callable returned, as a score within bounds.

    Raises:
        MetricError: it is no number, or lies outside.
    """
    score = found if isinstance(found, Score) else Score(_number(found, metric, example))
    slack = 1e-9 * max(1.0, abs(low), abs(high))
    if not low - slack <= score.value <= high + slack:
        raise MetricError(
            f"the metric {metric!r} must lie between {low:g} and {high:g}, but gave {score.value!r} "
            f"for example {example!r}: mend it, or state its low and high"
        )
    return Score(min(max(score.value, low), high), score.comment)


def _number(found: Any, metric: str, example: str) -> float:
    try:
        if found is not None and not isinstance(found, str):
            return float(found)
    except (TypeError, ValueError):
        pass
    raise MetricError(
        f"the metric {metric!r} must return a bool, a number or a Score, but gave {found!r} for example {example!r}"
    )
