"""What a user gives becomes options, or one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from tune.errors import BudgetError, InputError
from tune.plan.options import Options
from tune.plan.read_options import read_options


def test_none_stands_for_the_default() -> None:
    given = {"seed": None, "free": None, "holdout": None, "budget": 2.0}
    assert read_options(**given) == Options(budget=2.0)


def test_an_unknown_option_is_named_beside_those_that_there_are() -> None:
    with pytest.raises(
        InputError, match=r"no option 'colour': .*budget, data, .*quiet"
    ):
        read_options(colour="red")


def test_a_column_that_splits_and_a_share_exclude_each_other() -> None:
    default = Options().holdout
    with pytest.raises(InputError, match="give no `holdout` beside it"):
        read_options(split="side", holdout=default)
    assert read_options(split="side", holdout=None).split == "side"


@pytest.mark.parametrize("budget", [0, -1.0, float("nan"), float("inf"), True, "5"])
def test_a_budget_is_a_number_of_dollars_above_zero(budget: Any) -> None:
    with pytest.raises(BudgetError, match="above 0"):
        read_options(budget=budget)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"min_gain": -0.1}, "0 to 100"),
        ({"min_gain": True}, "0 to 100"),
        ({"min_gain": float("nan")}, "0 to 100"),
        ({"splits": 1.5}, "0 to 1000"),
        ({"splits": 1001}, "0 to 1000"),
        ({"trials": 0}, "`trials > 0`"),
        ({"concurrency": "many"}, "`concurrency > 0`"),
        ({"time_limit": 0}, "`time_limit > 0`"),
        ({"max_cost_per_request": -1}, "`max_cost_per_request > 0`"),
        ({"max_seconds_per_request": 0.0}, "`max_seconds_per_request > 0`"),
    ],
)
def test_a_number_that_cannot_be_is_one_sentence(
    given: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read_options(**given)
    assert "\n" not in str(caught.value)
