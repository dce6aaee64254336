"""What answers, made ready: models and judges opened and closed, and the money for verdicts set
aside.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

import tune
from tune.completion import Request
from tune.errors import EndpointError
from tune.fakes.faults import Model
from tune.fakes.provider import FakeEndpoint
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.plan.make import make_plan
from tune.plan.plan import Plan
from tune.plan.read_options import read_options
from tune.pricing.prices import PICODOLLARS, Price
from tune.providers import endpoints as module
from tune.providers.capabilities import Capabilities
from tune.providers.entries import Entry
from tune.providers.stack import Service, StackContext, build_stack
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.ledger import Ledger
from tune.study.connect import attach_judge, connect_services, make_evaluator
from tune.task.metrics import Judge

PRICE = Price(1.0, 2.0)
PRICES = {"small": Price(0.1, 0.4), "large": Price(1.0, 4.0), "judge": Price(0.2, 0.8)}
ROWS = [
    {"id": str(i), "text": f"ticket {i}" + " more" * i, "label": "yes"}
    for i in range(20)
]
ASKED = tune.Judge(model="judge", max_tokens=16)


@pytest.fixture
def context() -> Iterator[StackContext]:
    db = Database(":memory:")
    yield StackContext(Store(db), Ledger(db, "s", PICODOLLARS), Capabilities(), 64)
    db.close()


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models that were closed, in that order."""
    found: list[str] = []
    real = module.open_endpoint

    def open_endpoint(entry: Entry, *more: Any) -> Any:
        endpoint = real(entry, *more)
        close = endpoint.close

        async def noted() -> None:
            found.append(entry.name)
            await close()

        monkeypatch.setattr(endpoint, "close", noted)
        return endpoint

    monkeypatch.setattr(module, "open_endpoint", open_endpoint)
    return found


def entries(server: Server) -> dict[str, Entry]:
    return {
        name: Entry(name, name, base_url=server.base_url) for name in ("small", "large")
    }


def serving() -> Server:
    models = {name: Model(price.input, price.output) for name, price in PRICES.items()}
    return Server(models=models, world=LabelledWorld(models=dict.fromkeys(models, 0.9)))


async def test_models_and_judge_are_open_inside_and_closed_after(
    context: StackContext, closed: list[str]
) -> None:
    with serving() as server:
        asked = Entry("judge", "judge", base_url=server.base_url)
        async with connect_services(entries(server), PRICES, context, judge=asked) as (
            services,
            judge,
        ):
            assert set(services) == {"small", "large"}
            assert judge is not None
            assert judge.price == PRICES["judge"]
            assert closed == []
        assert sorted(closed) == ["judge", "large", "small"]


async def test_what_goes_wrong_inside_leaves_nothing_open(
    context: StackContext, closed: list[str]
) -> None:
    with serving() as server:

        async def work() -> None:
            async with connect_services(entries(server), PRICES, context) as (_, judge):
                assert judge is None
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await work()
        assert sorted(closed) == ["large", "small"]


async def test_a_judge_that_does_not_answer_leaves_no_model_open(
    context: StackContext, closed: list[str]
) -> None:
    with serving() as server, Server(models=["another"]) as elsewhere:
        asked = Entry("judge", "judge", base_url=elsewhere.base_url)
        with pytest.raises(EndpointError):
            async with connect_services(entries(server), PRICES, context, judge=asked):
                raise AssertionError("it was opened")
        assert sorted(closed) == ["judge", "large", "small"]


# --- money for verdicts


def _word(request: Request, rng: random.Random) -> str:
    return "yes"


def silent(name: str, context: StackContext, *, judge: bool = False) -> Service:
    return build_stack(
        Entry(name, name),
        FakeEndpoint(_word, price=PRICE, service=name),
        PRICE,
        context,
        judge=judge,
    )


def plan_of(**more: Any) -> Plan:
    options: Any = {
        "target": "label",
        "price": ["m=1/2", "judge=1/2"],
        "metric": ASKED,
        **more,
    }
    return make_plan(
        read_options(
            data=ROWS,
            space=tune.Space(model="m", prompt={"p": "Label: {text}"}, max_tokens=8),
            budget=1.0,
            **options,
        )
    )


def test_with_each_draw_the_most_that_its_verdict_can_cost_is_held(
    context: StackContext,
) -> None:
    plan, judge = plan_of(), silent("judge", context, judge=True)
    services = {
        "m": silent("m", context),
        "other": silent("other", context),
        "unasked": silent("unasked", context),
    }
    bound = attach_judge(
        plan.metric, judge, services, caps={"m": 8, "other": 80}, examples=plan.examples
    )
    assert isinstance(bound.function, Judge)
    for example in plan.examples:
        verdict = bound.function.request(" yes" * 8, example)
        assert services["m"].metered.judge_hold >= judge.metered.ceiling(verdict, 1)
    assert services["other"].metered.judge_hold > services["m"].metered.judge_hold
    assert services["unasked"].metered.judge_hold == 0


@pytest.mark.parametrize("part", ["tuning", "holdout"])
def test_the_longest_example_decides_wherever_it_is(
    part: str, context: StackContext
) -> None:
    plan, judge = plan_of(), silent("judge", context, judge=True)
    here = {name: silent("m", context) for name in ("all", "part")}
    attach_judge(plan.metric, judge, here, caps={"all": 8}, examples=plan.examples)
    attach_judge(
        plan.metric, judge, here, caps={"part": 8}, examples=getattr(plan.split, part)
    )
    longest = max(plan.examples, key=lambda example: len(example.inputs["text"]))
    same = longest in getattr(plan.split, part)
    assert (here["part"].metered.judge_hold == here["all"].metered.judge_hold) is same
    assert here["part"].metered.judge_hold <= here["all"].metered.judge_hold


def test_an_evaluator_has_what_the_plan_says(context: StackContext) -> None:
    plan, judge = plan_of(), silent("judge", context, judge=True)
    services = {"m": silent("m", context)}
    made = make_evaluator(plan, services, context.store, judge=judge, caps={"m": 8})
    assert (made.reader.space, made.reader.free) == (plan.space, plan.free)
    assert (made.examples, made.reader.seed) == (plan.examples, plan.seed)
    assert isinstance(made.metric.function, Judge)
    assert made.metric.function.service == judge.id
    assert services["m"].metered.judge_hold > 0


def test_where_nothing_is_sent_nothing_is_held(context: StackContext) -> None:
    services = {"m": silent("m", context)}
    made = make_evaluator(
        plan_of(), services, context.store, judge=silent("judge", context, judge=True)
    )
    assert isinstance(made.metric.function, Judge)
    assert made.metric.function.service == "judge"
    assert services["m"].metered.judge_hold == 0


def test_a_metric_that_asks_nobody_stays_as_it_is(context: StackContext) -> None:
    plan = plan_of(metric="exact_match")
    assert (
        make_evaluator(
            plan, {"m": silent("m", context)}, context.store, caps={"m": 8}
        ).metric
        is plan.metric
    )
