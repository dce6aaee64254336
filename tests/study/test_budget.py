"""The dollars of a run: the most that an example costs, the least budget, and what is kept for the
holdout.
"""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune.completion import MANY, Request
from tune.errors import BudgetError
from tune.fakes.provider import FakeEndpoint
from tune.plan.make import make_plan
from tune.plan.purchase import MOST_HOLDOUT_SHARE
from tune.plan.read_options import read_options
from tune.pricing.prices import Price, to_dollars, to_picodollars
from tune.providers.capabilities import Capabilities
from tune.providers.entries import Entry
from tune.providers.stack import StackContext, build_stack
from tune.readout import Reading
from tune.space import Config, Space
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.ledger import Ledger
from tune.study.budget import LEAST_BLOCK, LEAST_HOLDOUT, StudyBudget
from tune.study.connect import make_evaluator
from tune.task.metrics import Metric

PRICE = Price(1.0, 2.0)
ROWS = [
    {"id": str(i), "text": f"ticket {i}" + " more" * (i % 3), "label": "yes"}
    for i in range(40)
]
CAP = 12


def study_budget(
    budget: float = 1.0, *, most_n: int = MANY, rows: Any = None, **options: Any
) -> StudyBudget:
    """The budget of a study of one model."""
    space = Space(
        model="m",
        prompt={"p": "Label: {text}"},
        temperature=[0.5, 1.0],
        n=[1, 3],
        max_tokens=[4, CAP],
    )
    asked: Any = {"target": "label", "price": "m=1/2", **options}
    plan = make_plan(
        read_options(data=rows or ROWS, space=space, budget=budget, **asked)
    )
    db = Database(":memory:")
    ledger, store = Ledger(db, "s", to_picodollars(budget)), Store(db)
    endpoint = FakeEndpoint(_yes, price=PRICE, most_n=most_n, service="m")
    services = {
        "m": build_stack(
            Entry("m", "m"),
            endpoint,
            PRICE,
            StackContext(store, ledger, Capabilities(), 64),
        )
    }
    return StudyBudget(plan, ledger, make_evaluator(plan, services, store))


def _yes(request: Request, rng: random.Random) -> str:
    return "yes"


def reading(
    mean: float, cost: float, examples: int = LEAST_BLOCK, **config: Any
) -> Reading:
    values = {
        "model": "m",
        "prompt": "p",
        "temperature": 0.5,
        "n": 1,
        "max_tokens": CAP,
        **config,
    }
    known = np.zeros(examples)
    return Reading(
        Config(values),
        0,
        tuple(range(examples)),
        known + mean,
        known,
        known + cost,
        known + 1.0,
        approximate=False,
    )


def kept(held: StudyBudget) -> float:
    """Dollars that the search may not touch."""
    return held.plan.budget - held.left


# --- the most that an example can cost


@pytest.mark.parametrize("most_n", [MANY, 1])
def test_no_example_costs_more_than_its_ceiling_and_a_prompt_is_paid_once_a_call(
    most_n: int,
) -> None:
    held = study_budget(most_n=most_n)
    point = held.plan.baseline_point
    requests = [
        held.evaluator.requests.make(point, CAP, (), position) for position in range(8)
    ]
    longest = max(
        held.evaluator.services["m"].endpoint.most_prompt_tokens(request)
        for request in requests
    )
    once, each = to_dollars(PRICE.cost(longest, 0)), to_dollars(PRICE.cost(0, CAP))
    assert held.ceiling(point, 1, CAP) == pytest.approx(once + each)
    assert held.ceiling(point, 3, CAP) == pytest.approx(
        (1 if most_n > 1 else 3) * once + 3 * each
    )


@settings(max_examples=20)
@given(draws=st.integers(1, 9), cap=st.integers(1, 64))
def test_a_ceiling_grows_with_draws_and_with_the_cap(draws: int, cap: int) -> None:
    held = study_budget()
    point = held.plan.baseline_point
    assert held.ceiling(point, draws, cap) < held.ceiling(point, draws + 1, cap)
    assert held.ceiling(point, draws, cap) < held.ceiling(point, draws, cap + 1)


# --- the least budget


def test_a_budget_that_pays_for_a_block_is_taken_and_one_just_below_is_refused() -> (
    None
):
    held = study_budget()
    point = held.plan.baseline_point
    least = LEAST_BLOCK * held.ceiling(point, 1, CAP // 4) / (1 - MOST_HOLDOUT_SHARE)
    assert least > held.ceiling(point, 1, CAP) / (1 - MOST_HOLDOUT_SHARE), (
        "a block is what is dear here"
    )
    study_budget(1.001 * least).check_budget()
    with pytest.raises(BudgetError, match="too small for one block of 8 examples"):
        study_budget(0.99 * least).check_budget()


def test_a_budget_that_does_not_pay_for_one_call_at_its_dearest_is_refused() -> None:
    often = {
        "model": "m",
        "prompt": "p",
        "temperature": 0.5,
        "n": 200,
        "max_tokens": CAP,
    }
    held = study_budget(baseline=often)
    call = held.ceiling(held.plan.baseline_point, 200, CAP)
    with pytest.raises(BudgetError, match="one call can cost up to"):
        study_budget(0.5 * call, baseline=often).check_budget()


# --- what is kept for the holdout


def test_at_most_two_fifths_of_the_budget_are_kept() -> None:
    held = study_budget(0.01)
    held.reserve_holdout([reading(0.9, 1.0)])
    assert kept(held) == pytest.approx(0.4 * 0.01)
    assert MOST_HOLDOUT_SHARE == 0.4, "the documented share"


def test_before_anything_is_known_the_ceilings_say_what_is_kept() -> None:
    held = study_budget()
    held.reserve_holdout([])
    ceiling = held.ceiling(held.plan.baseline_point, 1, CAP)
    assert kept(held) == pytest.approx(
        1.5 * len(held.plan.split.holdout) * 3 * ceiling + ceiling
    )


def test_the_dearest_of_the_leading_readings_says_what_the_choice_may_cost() -> None:
    held = study_budget()
    cheap, dear, poor = (
        reading(0.9, 1e-6),
        reading(0.8, 5e-5, temperature=1.0),
        reading(0.1, 1e-3, n=3),
    )
    leading = [reading(0.9, 1e-6, max_tokens=cap) for cap in range(1, 19)]
    held.reserve_holdout([*leading, cheap, dear, poor])
    ceiling = held.ceiling(held.plan.baseline_point, 1, CAP)
    usual = next(
        (r.cost for r in [*leading, cheap] if r.config == held.plan.baseline), ceiling
    )
    expected = 1.5 * len(held.plan.split.holdout) * (2 * dear.cost + usual) + ceiling
    assert kept(held) == pytest.approx(expected)
    held.reserve_holdout([*leading, cheap, dear])
    assert kept(held) == pytest.approx(expected), "what is dear and poor is not chosen"


def test_a_choice_that_asks_for_more_answers_than_were_bought_has_its_holdout_kept() -> (
    None
):
    held = study_budget()
    found = [reading(0.9, 1e-6, max_tokens=cap) for cap in range(1, 19)]
    held.reserve_holdout(found)
    before = kept(held)
    held.reserve_holdout(found, reading(0.9, 3e-4, n=3))
    assert kept(held) == pytest.approx(
        before + 1.5 * len(held.plan.split.holdout) * 2 * (3e-4 - 1e-6), rel=0.01
    )
    held.reserve_holdout(found, reading(0.9, 1e-7, n=3))
    assert kept(held) == pytest.approx(before), "the dearest counts"


@pytest.mark.parametrize(("rows", "met"), [(100, LEAST_HOLDOUT), (40, 16), (20, 8)])
def test_what_was_not_bought_may_cost_what_enough_of_the_holdout_pays_for(
    rows: int, met: int
) -> None:
    held = study_budget(
        0.5,
        rows=[
            {"id": str(i), "text": f"ticket {i}", "label": "yes"} for i in range(rows)
        ],
    )
    assert min(LEAST_HOLDOUT, len(held.plan.split.holdout)) == met
    assert held.max_extrapolated_cost * met == pytest.approx(0.5 * MOST_HOLDOUT_SHARE)


def test_where_less_is_better_the_least_lead() -> None:
    held = study_budget(
        metric=Metric(
            "distance", "distance", lambda answer, example: 0.0, larger_is_better=False
        )
    )
    leading = [reading(0.1, 1e-6, max_tokens=cap) for cap in range(1, 21)]
    held.reserve_holdout([*leading, reading(0.9, 1e-3, n=3)])
    cheap = kept(held)
    held.reserve_holdout([*leading[1:], reading(0.05, 1e-3, n=3)])
    assert kept(held) > 10 * cheap


def test_what_few_examples_or_no_price_say_is_not_believed() -> None:
    held = study_budget()
    held.reserve_holdout([])
    before = kept(held)
    held.reserve_holdout(
        [reading(1.0, 1e-9, examples=LEAST_BLOCK - 1), reading(1.0, math.nan)]
    )
    assert kept(held) == before


@settings(max_examples=20)
@given(costs=st.lists(st.floats(0, 1e3), max_size=5), budget=st.floats(1e-4, 100))
def test_never_more_than_the_share_is_kept_and_the_rest_is_the_searchs(
    costs: list[float], budget: float
) -> None:
    held = study_budget(budget)
    held.reserve_holdout(
        [reading(0.5, cost, max_tokens=i + 1) for i, cost in enumerate(costs)]
    )
    assert held.left >= (1 - MOST_HOLDOUT_SHARE) * budget * (1 - 1e-9) - 1e-12
