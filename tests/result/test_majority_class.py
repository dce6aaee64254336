"""Always giving the most frequent target as the answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.house import ROWS, House
from tune.result.majority_class import majority_class


def test_the_majority_class_of_the_holdout_is_scored_as_an_answer_to_all(
    build: Callable[..., House],
) -> None:
    house = build()
    targets = [example.target for example in house.plan.split.holdout]
    label, share = majority_class(house.record())
    assert label == "yes"
    assert share == pytest.approx(targets.count("yes") / len(targets))


def test_targets_that_are_no_labels_have_no_majority_class(
    build: Callable[..., House],
) -> None:
    house = build()
    own = [replace(example, target=example.id) for example in house.plan.split.holdout]
    plan = replace(house.plan, split=replace(house.plan.split, holdout=tuple(own)))
    assert majority_class(replace(house.record(), plan=plan)) == ("", None)


def test_the_score_of_the_majority_class_is_weighted_as_that_of_the_winner_is(
    build: Callable[..., House],
) -> None:
    rows = [
        {"text": f"t {i}", "label": "no" if i % 9 == 0 else "yes"} for i in range(38)
    ]
    house = build(rows=rows, metric="balanced_accuracy")
    weigh = house.plan.metric.weigh
    assert weigh is not None
    right = total = 0.0
    for example in house.plan.split.holdout:
        total += weigh(example)
        right += weigh(example) * (example.target == "yes")
    label, share = majority_class(house.record())
    assert label == "yes"
    assert share == pytest.approx(right / total)
    # Weights are fitted to all rows. Those of the holdout have another mean.
    assert total != pytest.approx(len(house.plan.split.holdout), rel=0.01)


@pytest.mark.parametrize(
    ("metric", "spelled", "label"),
    [
        ("one_of", {"yes": ["yes"], "no": ["no"]}, "yes"),
        ("exact_match", {"yes": 1.0, "no": 0.0}, "1"),
    ],
)
def test_the_majority_class_is_written_as_a_model_would_answer_it(
    build: Callable[..., House], metric: str, spelled: dict[str, Any], label: str
) -> None:
    rows = [{**row, "label": spelled[row["label"]]} for row in ROWS]
    record = build(rows=rows, metric=metric).record()
    targets = [example.target for example in record.plan.split.holdout]
    share = targets.count(spelled["yes"]) / len(targets)
    assert majority_class(record) == (label, pytest.approx(share))


def test_a_metric_for_whole_lists_has_a_list_as_its_majority_class(
    build: Callable[..., House],
) -> None:
    spelled = {"yes": ["a", "b"], "no": ["c"]}
    rows = [{**row, "label": spelled[row["label"]]} for row in ROWS]
    label, share = majority_class(build(rows=rows, metric="same_set").record())
    assert json.loads(label) == ["a", "b"]
    assert share is not None
    assert share > 0.5
