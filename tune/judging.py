"""A metric that asks a model, made ready to be asked: whom it asks, and that its verdicts are paid for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tune.data import Example
from tune.metrics import Judge, Metric
from tune.providers.services import Service


def engage(
    metric: Metric, judge: Service, services: Mapping[str, Service], *, cap: int, examples: Sequence[Example]
) -> Metric:
    """The metric with its judge at hand; no answer is bought any more whose verdict could not be paid for.

    Args:
        metric: asks a model.
        judge: that model.
        services: the models whose answers are judged. With each of their draws the most that a verdict can cost is
            set aside.
        cap: the most tokens of an answer.
        examples: those that are answered; the longest decides what a verdict can cost.
    """
    assert isinstance(metric.function, Judge)
    bound = metric.bound(judge.provider, service=judge.id, model=judge.entry.model)
    assert isinstance(bound.function, Judge)
    longest = max(examples, key=lambda example: sum(map(len, example.inputs.values())))
    verdict = bound.function.request(" word" * cap, longest)
    for service in services.values():
        service.metered.earmark = judge.metered.ceiling(verdict, 1)
    return bound
