"""Tell whether a metric over all responses picks the right one because it knows the target: then it
is an oracle.

EcoOptiGen's `success` counts a request as right when any of its n responses is. Nobody can deploy
that: to take the right response out of n, one would have to know the target. A metric that votes,
or takes the mean, is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tune.errors import MetricError
from tune.task.example import Example
from tune.task.metrics.metric import Metric

MOST_TRIED = 5
"""Examples on which a metric is tried."""

ORACLE_KEYS = ("success", "expected_success", "pass", "any", "oracle", "best_of", "solved")
"""Beginnings of names that such scores have in EcoOptiGen and elsewhere, for metrics that cannot be
tried.
"""


def is_oracle(metric: Metric, examples: Sequence[Example]) -> bool:
    """Return whether a metric over all responses is an oracle.

    What its author says counts. Else it is tried, free of charge: three equal wrong responses and
    the right one are scored together, the right one in the last place and in the last but one. A
    vote scores that as wrong, a mean as right in a quarter. More than that comes of knowing the
    target. Where the target is no text that scores as a right response, as with tests of code, the
    name of the score decides.

    Args:
        metric: what judges.
        examples: some of the data, with targets.
    """
    if not metric.over_responses:
        return False
    if metric.oracle is not None:
        return metric.oracle
    shares = [
        share
        for example in examples[:MOST_TRIED]
        if (share := _share(metric, example, examples)) is not None
    ]
    if shares:
        return max(shares) > 0.25 + 1e-6
    return metric.key.lower().startswith(ORACLE_KEYS)


def per_response_metric(metric: Metric) -> Metric:
    """Return the metric of an oracle that judges each response by itself: n answers can be deployed
    with that.
    """
    return replace(
        metric, identity=f"{metric.identity}:one by one", over_responses=False, oracle=True
    )


def _share(metric: Metric, example: Example, examples: Sequence[Example]) -> float | None:
    """Return the share of four right responses' score that one right of four gets; None where that
    cannot be tried.
    """
    if not isinstance(example.target, str | int | float):
        return None
    right = str(example.target)
    wrong = next(
        (str(other.target) for other in examples if str(other.target) != right), f"not {right}"
    )
    try:
        best, worst = metric.score((right,) * 4, example), metric.score((wrong,) * 4, example)
        mixed = [
            metric.score(order, example)
            for order in ((wrong, wrong, wrong, right), (wrong, wrong, right, wrong))
        ]
    except MetricError:
        return None
    sign = 1.0 if metric.larger_is_better else -1.0
    if sign * (best - worst) <= 0:
        return None
    return min((score - worst) / (best - worst) for score in mixed)
