"""The metric: bounds, direction, comments, and answers that are missing."""

from __future__ import annotations

from typing import Any

import pytest

from tune.errors import InputError, MetricError
from tune.task.example import Example
from tune.task.metrics import Score, parse_metric


def example(target: Any = "positive", **metadata: Any) -> Example:
    return Example(
        id="row-3", inputs={"text": "I liked it."}, target=target, metadata=metadata
    )


def length(answer: str, example: Example) -> float:
    return len(answer) / 100


def broken(answer: str, example: Example) -> float:
    return {"a": 1.0}[answer]


class Graded:
    def __init__(self, marks: dict[str, float]) -> None:
        self.marks = marks

    def __call__(self, answer: str, example: Example) -> Score:
        return Score(self.marks.get(answer, 0.0), f"for {answer}")


def test_a_callable_that_raises_is_named_with_the_example_and_the_cause() -> None:
    with pytest.raises(
        MetricError, match=r"'broken' raised on example 'row-3': KeyError: 'b'"
    ) as raised:
        parse_metric(broken).score("b", example())
    assert isinstance(raised.value.__cause__, KeyError)


def test_no_answer_is_the_worst_answer_and_no_callable_is_asked() -> None:
    assert parse_metric(broken).score(None, example()) == 0.0
    assert parse_metric(broken, low=-1.0).score(None, example()) == -1.0
    assert (
        parse_metric(broken, high=9.0, larger_is_better=False).score(None, example())
        == 9.0
    )


def test_a_callable_gets_its_name_bounds_and_direction_with_it() -> None:
    metric = parse_metric(length, name="characters", high=50.0, larger_is_better=False)
    assert (metric.name, metric.low, metric.high, metric.worst) == (
        "characters",
        0.0,
        50.0,
        50.0,
    )
    assert not metric.costs
    assert not metric.over_responses
    assert parse_metric(length).name == "length"
    with pytest.raises(InputError, match="`low < high`"):
        parse_metric(length, low=1.0, high=1.0)


def test_a_comment_is_there_for_who_asks() -> None:
    metric = parse_metric(Graded({"a": 0.5}))
    assert metric.review("a", example()) == Score(0.5, "for a")
    assert metric.name == "Graded"


async def test_a_metric_that_costs_nothing_is_judged_like_it_is_scored() -> None:
    assert await parse_metric("exact_match").judge("positive", example()) == 1.0
    assert await parse_metric("exact_match").judge(None, example()) == 0.0
