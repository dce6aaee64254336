"""Queues: models of one's own server take turns, all others go side by side."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tune.pricing.prices import Price
from tune.readout.trial import Step
from tune.space import Point
from tune.study.server_queues import Order, ServerQueues

HERE, THERE = "http://localhost:1", "http://localhost:2"


def service(base_url: str, *, price: float = 0.0, local: bool = False) -> Any:
    """What a queue looks at of a service."""
    entry = SimpleNamespace(base_url=base_url, local=local)
    return SimpleNamespace(price=Price(price, price), entry=entry)


def order(model: str, position: int = 0) -> Order:
    return Step(0, Point({"model": model, "prompt": "p"}), (position,), 1, 8), position


def models(queues: list[list[list[Order]]]) -> list[list[list[str]]]:
    return [
        [[str(step.point["model"]) for step, _ in turn] for turn in queue]
        for queue in queues
    ]


def test_models_of_one_server_take_turns_and_servers_go_side_by_side() -> None:
    made = ServerQueues({"a": service(HERE), "b": service(HERE), "c": service(THERE)})
    orders = [order("a"), order("b"), order("c"), order("a", 1)]
    assert models(made.arrange(orders)) == [[["a", "a"], ["b"]], [["c"]]]


def test_the_model_that_was_last_begins() -> None:
    made = ServerQueues({"a": service(HERE), "b": service(HERE)})
    assert models(made.arrange([order("a"), order("b")])) == [[["a"], ["b"]]]
    assert models(made.arrange([order("a"), order("b")])) == [[["b"], ["a"]]]
    assert models(made.arrange([order("a")])) == [[["a"]]]


def test_models_that_cost_and_those_in_this_process_need_no_turns() -> None:
    made = ServerQueues({"a": service(HERE, price=1.0), "b": service("", local=True)})
    assert models(made.arrange([order("a"), order("b"), order("a", 1)])) == [
        [["a", "b", "a"]]
    ]
