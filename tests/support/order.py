"""A small checked order for tests of the plan's parts; nothing is sent."""

from __future__ import annotations

from typing import Any

from tune.plan.make import make_plan
from tune.plan.plan import Plan
from tune.plan.read_options import read_options
from tune.pricing.prices import Price

ROWS = [
    {
        "id": str(i),
        "text": f"ticket {i}",
        "title": f"title {i}",
        "label": ("good", "bad")[i % 2],
    }
    for i in range(60)
]
SPACE: dict[str, Any] = {
    "model": ["small", "large"],
    "prompt": {
        "short": "Label this ticket: {text}",
        "reasoned": "Think step by step, then label: {text}",
    },
    "n": [1, 3],
    "max_tokens": [16, 64],
    "temperature": {"low": 0.0, "high": 1.0, "step": 0.5},
}
PRICES = {"small": Price(1.0, 2.0), "large": Price(10.0, 20.0)}


def order(**given: Any) -> Plan:
    """Return a plan; `space` adds to the table of the space."""
    table = {**SPACE, **given.pop("space", {})}
    base = {
        "data": ROWS,
        "space": {"space": table, "answer": {"labels": ["good", "bad"]}},
        "budget": 1.0,
        "target": "label",
        "price": PRICES,
    }
    return make_plan(read_options(**{**base, **given}))
