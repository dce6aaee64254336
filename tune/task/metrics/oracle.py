"""Oracles among metrics over all responses: those that know the target and pick by it.

EcoOptiGen's `success` counts a request as right when any of its n responses is. Nobody can deploy
that: to take the right response out of n, one would have to know the target. A metric that votes,
or takes the mean, is not an oracle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tune.errors import MetricError
from tune.task.example import Example
from tune.task.metrics.metric import Metric

MOST_TRIED = 5
"""Examples on which a metric is tried."""

ORACLE_KEYS = (
    "success",
    "expected_success",
    "pass",
    "any",
    "oracle",
    "best_of",
    "solved",
)
"""Beginnings of names that such scores have in EcoOptiGen and elsewhere.

They decide for metrics that cannot be tried.
"""

MEAN_SHARE = 0.25
"""The share of the right score that a mean gives to one right response of four; a vote gives 0."""


def is_oracle(metric: Metric, examples: Sequence[Example]) -> bool:
    """Tell whether a metric over all responses is an oracle.

    The word of its author counts. Else it is tried, free of charge: three equal wrong
    responses and the right one are scored together, with the right one last and last but one. A
    vote scores that as wrong, and a mean as right by a quarter. More than that comes from knowing
    the target. Where the target is not a text that scores as a right response, as with tests of
    code, the name of the score decides.

    Args:
        metric: the metric.
        examples: some of the data, with targets.
    """
    if not metric.over_responses:
        return False
    if metric.oracle is not None:
        return metric.oracle
    shares: list[float] = []
    for example in examples[:MOST_TRIED]:
        share = _share(metric, example, examples)
        if share is not None:
            shares.append(share)
    if shares:
        return max(shares) > MEAN_SHARE + 1e-6
    return metric.key.lower().startswith(ORACLE_KEYS)


def per_response_metric(metric: Metric) -> Metric:
    """Return an oracle as a metric that judges each response by itself: that can be deployed."""
    return replace(
        metric,
        identity=f"{metric.identity}:one by one",
        over_responses=False,
        oracle=True,
    )


def _share(
    metric: Metric,
    example: Example,
    examples: Sequence[Example],
) -> float | None:
    """Return the share of the best score that one right response of four gets.

    None where that cannot be tried.
    """
    if not isinstance(example.target, str | int | float):
        return None
    right = str(example.target)
    wrong = _other_target(right, examples)
    # Two orders, since a metric may look at the first or the last response only.
    orders = ((wrong, wrong, wrong, right), (wrong, wrong, right, wrong))
    try:
        best = metric.score((right,) * 4, example)
        worst = metric.score((wrong,) * 4, example)
        mixed = [metric.score(order, example) for order in orders]
    except MetricError:
        return None
    # Where right is not better than wrong, nothing can be told from a mixture.
    sign = 1.0 if metric.larger_is_better else -1.0
    if sign * (best - worst) <= 0:
        return None
    return min((score - worst) / (best - worst) for score in mixed)


def _other_target(right: str, examples: Sequence[Example]) -> str:
    """Return another example's target, which is wrong here but of the right kind."""
    for other in examples:
        if str(other.target) != right:
            return str(other.target)
    return f"not {right}"
