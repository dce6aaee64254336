"""Scores: each is made once, and what it depends on is its key."""

from __future__ import annotations

import math

from tune.store.database import Database
from tune.store.draws import Store
from tune.study.scores import Scores
from tune.task.example import Example
from tune.task.metrics import Metric, parse_metric

EXAMPLES = [
    Example(str(i), {"text": f"ticket {i}"}, "yes" if i else "no", {}) for i in range(2)
]


def scores(
    metric: Metric, store: Store | None = None, examples: list[Example] = EXAMPLES
) -> Scores:
    return Scores(metric, examples, store or Store(Database(":memory:")))


def test_an_answer_is_scored_once_also_by_another_process() -> None:
    asked, store = list[str](), Store(Database(":memory:"))

    def equal(answer: str, example: Example) -> bool:
        asked.append(answer)
        return answer == example.target

    metric = parse_metric(equal)
    first = scores(metric, store)
    assert [first.of("yes", 0), first.of("yes", 1), first.of("yes", 1)] == [
        0.0,
        1.0,
        1.0,
    ]
    assert scores(metric, store).of("yes", 1) == 1.0
    assert asked == ["yes", "yes"]


def test_a_score_depends_on_all_that_the_metric_sees_of_an_example() -> None:
    first = EXAMPLES[0]
    others = [
        Example("9", first.inputs, first.target, {}),
        Example("0", {"text": "other"}, first.target, {}),
        Example("0", first.inputs, "yes", {}),
        Example("0", first.inputs, first.target, {"weight": 2}),
    ]
    metric = parse_metric("exact_match")
    keys = {scores(metric, examples=[one]).example_key(0) for one in (first, *others)}
    assert len(keys) == 5
    assert scores(metric).example_key(0) in keys


def test_what_a_judge_has_not_scored_is_not_a_number_and_is_not_kept() -> None:
    metric = parse_metric({"name": "judge", "model": "j"})
    made = scores(metric)
    assert math.isnan(made.of("fine", 0))
    assert made.known("fine", 0) is None
    made.keep("fine", 0, math.nan)
    made.keep("fine", 1, 0.8)
    assert math.isnan(made.of("fine", 0))
    assert made.of("fine", 1) == 0.8


def test_the_worst_score_is_told_from_others() -> None:
    made = scores(parse_metric("exact_match"))
    assert made.is_worst("yes", 0)
    assert not made.is_worst("yes", 1)


def test_several_answers_are_one_key() -> None:
    store = Store(Database(":memory:"))
    made = scores(parse_metric("exact_match"), store)
    made.keep(("a", "b"), 0, 0.5)
    made.flush()
    assert scores(parse_metric("exact_match"), store).known(("a", "b"), 0) == 0.5
    assert made.known("a", 0) is None
