"""Scores: numbers within bounds, or a sentence that names the example."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tune.errors import MetricError
from tune.task.example import Example
from tune.task.metrics import Score, parse_metric


def example(target: Any = "positive", **metadata: Any) -> Example:
    return Example(
        id="row-3", inputs={"text": "I liked it."}, target=target, metadata=metadata
    )


@pytest.mark.parametrize(
    ("found", "score"),
    [
        (True, 1.0),
        (False, 0.0),
        (1, 1.0),
        (0.25, 0.25),
        (Score(0.5, "half"), 0.5),
        (Fraction(1, 4), 0.25),
        (np.float32(0.5), 0.5),
        (np.bool_(True), 1.0),
        (1.0 + 1e-12, 1.0),
        (-1e-12, 0.0),
    ],
)
def test_a_callable_may_return_a_bool_a_number_or_a_score(
    found: Any, score: float
) -> None:
    assert parse_metric(lambda answer, example: found).score("a", example()) == score


@pytest.mark.parametrize(
    ("high", "beyond", "taken"),
    [
        (1.0, 0.9e-9, True),
        (1.0, 1.1e-9, False),
        (0.01, 0.9e-9, True),
        (0.01, 1.1e-9, False),
        (1000.0, 0.9e-6, True),
        (1000.0, 1.1e-6, False),
    ],
)
def test_rounding_beyond_a_bound_is_cut_to_a_billionth_of_the_largest_bound_or_of_one(
    high: float, beyond: float, taken: bool
) -> None:
    for value, bound in ((high + beyond, high), (-high - beyond, -high)):
        made = parse_metric(
            lambda answer, example, value=value: value,
            name="near",
            low=-high,
            high=high,
        )
        if taken:
            assert made.score("a", example()) == bound
        else:
            with pytest.raises(MetricError, match="must lie between"):
                made.score("a", example())


@pytest.mark.parametrize("found", [None, "0.5", [], {}, object()])
def test_anything_else_is_refused_with_the_example_and_the_metric(found: Any) -> None:
    with pytest.raises(
        MetricError, match=r"'picky' must return a bool, a number or a Score.*'row-3'"
    ):
        parse_metric(lambda answer, example: found, name="picky").score("a", example())


@pytest.mark.parametrize(
    "found", [1.5, -0.1, math.nan, math.inf, Score(math.nan), Score(2.0)]
)
def test_a_value_outside_the_bounds_is_refused_with_the_example_and_the_metric(
    found: Any,
) -> None:
    with pytest.raises(
        MetricError,
        match=r"'wild' must lie between 0 and 1, but gave .* for example 'row-3'",
    ):
        parse_metric(lambda answer, example: found, name="wild").score("a", example())
