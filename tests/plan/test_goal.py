"""The goal of a search, and what is good enough for the cheapest."""

from __future__ import annotations

from typing import Any

import pytest

from tune.errors import InputError
from tune.plan.goal import GOALS, read_goal
from tune.plan.options import STRATEGY_FOR_GOAL
from tune.plan.read_options import read_options
from tune.task.metrics import parse_metric


def goal(**given: Any) -> dict[str, Any]:
    return read_goal(read_options(**given), parse_metric("exact_match"))


def test_the_best_is_looked_for_unless_the_user_says_otherwise() -> None:
    assert goal() == {"goal": "quality", "min_quality": None, "margin": None}
    assert goal(goal="frontier")["goal"] == "frontier"


def test_the_cheapest_needs_one_statement_of_what_is_good_enough() -> None:
    assert goal(goal="cheapest", margin=0.1)["margin"] == 0.1
    assert goal(goal="cheapest", min_quality=1.0)["min_quality"] == 1.0
    for given in ({}, {"margin": 0.1, "min_quality": 0.5}):
        with pytest.raises(InputError, match="needs either min_quality"):
            goal(goal="cheapest", **given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"goal": "speed"}, "no goal 'speed'"),
        ({"margin": 0.1}, 'the goal is "quality"'),
        ({"goal": "frontier", "min_quality": 0.5}, 'the goal is "frontier"'),
        ({"goal": "cheapest", "min_quality": 1.5}, "exact_match, 0 to 1"),
        ({"goal": "cheapest", "margin": 1.0}, "above 0 and below 1"),
    ],
)
def test_a_goal_that_cannot_be_is_one_sentence(
    given: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        goal(**given)


def test_each_goal_has_a_strategy() -> None:
    assert set(STRATEGY_FOR_GOAL) == set(GOALS)
