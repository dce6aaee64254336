"""Connections of a study: its models, the judge of its metric, and the evaluator over them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

from tune.plan.plan import Plan
from tune.pricing.prices import Price
from tune.providers.endpoints import OnLost, close_services, open_services
from tune.providers.entries import Entry
from tune.providers.stack import Service, StackContext
from tune.store.draws import Store
from tune.study.evaluate import Evaluator
from tune.study.lessons import Lessons
from tune.task.example import Example
from tune.task.metrics import Judge, Metric


@asynccontextmanager
async def connect_services(
    entries: Mapping[str, Entry],
    prices: Mapping[str, Price],
    context: StackContext,
    *,
    judge: Entry | None = None,
    aside: Collection[str] = (),
    lost: OnLost | None = None,
) -> AsyncIterator[tuple[dict[str, Service], Service | None]]:
    """Connect to models and to the metric's judge; they are closed at the end of the block.

    Args:
        entries: of the models, by name.
        prices: of the models and the judge.
        context: what all services share.
        judge: the model that the metric asks.
        aside: models that are set aside.
        lost: told of models that do not answer, as for `open_services`.

    Raises:
        InputError: a model cannot be loaded.
        EndpointError: one of them does not answer; nothing was bought.
    """
    services = await open_services(entries, prices, context, aside=aside, lost=lost)
    # Not among the models: nothing may be bought of the judge but verdicts.
    judges: dict[str, Service] = {}
    try:
        if judge is not None:
            judges = await open_services(
                {judge.name: judge}, prices, context, judge=True
            )
        yield services, None if judge is None else judges[judge.name]
    finally:
        await close_services(services)
        await close_services(judges)


def attach_judge(
    metric: Metric,
    judge: Service,
    services: Mapping[str, Service],
    *,
    caps: Mapping[str, int],
    examples: Sequence[Example],
) -> Metric:
    """Return a metric with its judge attached.

    From then on, the most that a verdict can cost is held with each draw of the models. So no
    answer is bought whose verdict could not be paid.

    Args:
        metric: asks a model.
        judge: that model.
        services: the models whose answers are judged.
        caps: the most tokens of an answer, by the names of the models that are asked.
        examples: of the study; the longest decides what a verdict can cost.
    """
    bound = metric.bound(
        judge.provider,
        service=judge.id,
        model=judge.entry.model,
        settings=judge.entry.fixed_settings,
    )
    assert isinstance(bound.function, Judge)
    longest = max(examples, key=_characters)
    for name, cap in caps.items():
        # No answer is known yet, so one of common words stands for the longest possible one.
        verdict = bound.function.request(" word" * cap, longest)
        services[name].metered.judge_hold = judge.metered.ceiling(verdict, 1)
    return bound


def _characters(example: Example) -> int:
    """Return the length of an example's inputs."""
    return sum(map(len, example.inputs.values()))


def make_evaluator(
    plan: Plan,
    services: Mapping[str, Service],
    store: Store,
    *,
    judge: Service | None = None,
    caps: Mapping[str, int] | None = None,
    lessons: Lessons | None = None,
) -> Evaluator:
    """Return the evaluator that buys and reads for the examples of a plan.

    Args:
        plan: what is asked for.
        services: every model that a trial may have, by name.
        store: where draws are.
        judge: the model that the metric asks, where it asks one.
        caps: as for `attach_judge`; without them nothing is sent, and no money is held.
        lessons: what is learned of models on the way; by default nobody keeps it.
    """
    metric = plan.metric
    if judge is not None:
        metric = attach_judge(
            metric, judge, services, caps=caps or {}, examples=plan.examples
        )
    return Evaluator(
        space=plan.space,
        free=plan.free,
        prompts=plan.prompts,
        examples=plan.examples,
        services=services,
        metric=metric,
        extract=plan.extract,
        store=store,
        verifier=plan.verifier,
        judge=judge,
        seed=plan.seed,
        lessons=lessons or Lessons(plan.space),
    )
