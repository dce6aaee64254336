"""The search and the holdout that a budget pays for."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from tests.support.order import order
from tune.plan.answer_forecast import AnswerForecast
from tune.plan.purchase import (
    MOST_HOLDOUT_SHARE,
    SEARCH_POINTS,
    DollarModel,
    TimeModel,
    purchase,
    visible_difference,
)
from tune.plan.token_counts import offline_endpoints

PLAN = order()
ENDPOINTS = offline_endpoints(PLAN.entries)
ROWS = [
    AnswerForecast("small", "short", 100, 10, 0, 1.2e-4, seconds=1.0),
    AnswerForecast("small", "reasoned", 100, 10, 0, 1.2e-4, seconds=1.0),
    AnswerForecast("large", "short", 100, 10, 0, 1.2e-3, seconds=3.0),
    AnswerForecast("large", "reasoned", 100, 10, 0, 1.2e-3, seconds=3.0),
]


def test_an_average_answer_is_the_mean_over_models() -> None:
    assert DollarModel(PLAN, ROWS, ENDPOINTS).draw == pytest.approx(
        (1.2e-4 + 1.2e-3) / 2
    )


def test_more_money_buys_no_less() -> None:
    model = DollarModel(PLAN, ROWS, ENDPOINTS)
    bought = [model.buys(budget) for budget in (0.01, 0.1, 1.0, 10.0)]
    for less, more in pairwise(bought):
        assert more.configs >= less.configs
        assert more.answers >= less.answers
        assert more.holdout >= less.holdout
        assert more.detectable <= less.detectable


def test_the_holdout_gets_at_most_its_share() -> None:
    model = DollarModel(PLAN, ROWS, ENDPOINTS)
    small = model.buys(0.02)
    assert 0 < small.holdout < len(PLAN.split.holdout)
    assert small.holdout * model.draw < MOST_HOLDOUT_SHARE * 0.02
    assert model.buys(100.0).holdout == len(PLAN.split.holdout)


def test_enough_money_begins_a_search() -> None:
    model = DollarModel(PLAN, ROWS, ENDPOINTS)
    least = min(SEARCH_POINTS, model.points)
    assert model.buys(1.01 * model.enough()).configs >= least
    assert model.buys(0.5 * model.enough()).configs < least


def test_the_budget_of_the_plan_is_what_is_bought_for() -> None:
    found = purchase(PLAN, ROWS, ENDPOINTS)
    assert found == DollarModel(PLAN, ROWS, ENDPOINTS).buys(PLAN.budget)


def test_where_every_price_is_zero_seconds_are_spent() -> None:
    plan = order(price={"small": "0/0", "large": "0/0"}, time_limit=60.0)
    model = TimeModel(plan, ROWS, ENDPOINTS)
    assert model.draw == pytest.approx(2.0)
    assert model.search <= 60.0
    assert model.holdout > 0
    assert model.buys(0.0).holdout == len(plan.split.holdout)


def test_too_few_observations_show_no_difference() -> None:
    assert math.isinf(visible_difference(PLAN, 1, 0.95))
    assert visible_difference(PLAN, 400, 0.95) < visible_difference(PLAN, 100, 0.95) < 1


def test_more_money_begins_no_more_points_than_the_space_has() -> None:
    model = DollarModel(PLAN, ROWS, ENDPOINTS)
    rich = model.buys(1000.0)
    assert (rich.configs, rich.limit) == (model.points, "space")
    assert model.buys(0.5 * model.enough()).limit == ""


def test_more_money_begins_no_more_points_than_the_trials_allow() -> None:
    model = DollarModel(order(trials=3), ROWS, ENDPOINTS)
    rich = model.buys(1000.0)
    assert (model.points, rich.configs, rich.limit) == (3, 3, "trials")
    wide = DollarModel(order(trials=10**6), ROWS, ENDPOINTS)
    assert wide.buys(1000.0).limit == "space"
