"""A plan says what is called, in which order examples stand, and whether anybody is billed."""

from __future__ import annotations

from typing import Any

from tune.plan.make import make_plan
from tune.plan.plan import Plan, is_unbilled
from tune.plan.read_options import read_options
from tune.pricing.prices import Price
from tune.task.metrics import Judge

ROWS = [{"text": f"ticket {i}", "label": "ab"[i % 2]} for i in range(40)]
SPACE = {
    "space": {"model": ["m"], "prompt": {"short": "{text}"}, "max_tokens": [8, 16]}
}
PRICE = {"m": Price(1.0, 2.0), "judge": Price(1.0, 2.0)}


def plan(**given: Any) -> Plan:
    base = {
        "data": ROWS,
        "space": SPACE,
        "budget": 1.0,
        "target": "label",
        "price": PRICE,
    }
    return make_plan(read_options(**{**base, **given}))


def test_tuning_examples_come_before_the_holdout() -> None:
    made = plan()
    assert made.examples == made.split.tuning + made.split.holdout
    assert len(made.examples) == len(ROWS)


def test_the_model_of_a_judge_is_called_too() -> None:
    assert [entry.name for entry in plan().called_entries] == ["m"]
    assert [
        entry.name for entry in plan(metric=Judge(model="judge")).called_entries
    ] == [
        "m",
        "judge",
    ]


def test_the_baseline_as_a_point_has_no_free_dimension() -> None:
    made = plan(baseline={"temperature": 0.5, "n": 3, "aggregate": "vote"})
    assert dict(made.baseline_point) == {
        "model": "m",
        "prompt": "short",
        "temperature": 0.5,
    }
    assert "n" in plan(free="none").baseline_point


def test_nobody_is_billed_where_every_price_is_zero() -> None:
    assert not plan().unbilled
    assert plan(price="m=0/0", budget=None).unbilled
    assert not is_unbilled({"m": Price(0.0, 0.0), "other": Price(0.0, 1.0)})
