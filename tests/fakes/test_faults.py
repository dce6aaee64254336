"""Faults and their bills, plans of faults, and the price of a call."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.fakes.faults import (
    FREE_KINDS,
    LOST_KINDS,
    Fault,
    Kind,
    Model,
    fail_every,
    fail_first,
    fail_sometimes,
)
from tune.pricing.prices import Price


def test_only_the_first_requests_fail() -> None:
    fault = Fault("status")
    plan = fail_first(2, fault)
    assert [plan(number, {}) for number in range(4)] == [fault, fault, None, None]


def test_plans_say_which_requests_fail() -> None:
    fault = Fault("status")
    assert [fail_every(3, fault)(i, {}) is fault for i in range(6)] == [
        False,
        False,
        True,
    ] * 2
    plan = fail_sometimes(0.3, [fault], seed=1, until=500)
    failed = [plan(i, {}) is fault for i in range(1000)]
    assert 100 < sum(failed) < 200
    assert not any(failed[500:])
    assert failed == [
        fail_sometimes(0.3, [fault], seed=1, until=500)(i, {}) is fault
        for i in range(1000)
    ]


def test_each_fault_of_a_plan_is_about_as_likely() -> None:
    faults = [Fault("status"), Fault("reset"), Fault("garbage")]
    plan = fail_sometimes(1.0, faults, seed=3)
    met = [plan(number, {}) for number in range(900)]
    assert all(200 < met.count(fault) < 400 for fault in faults)


def test_refusals_are_free_and_unreadable_answers_are_billed() -> None:
    assert not Fault("status").bills
    assert not Fault("too_long").bills
    assert Fault("garbage").bills
    assert Fault("overbill").bills


@pytest.mark.parametrize("billed", [True, False])
def test_a_fault_can_say_whether_it_is_billed(billed: bool) -> None:
    assert Fault("status", billed=billed).bills is billed
    assert Fault("garbage", billed=billed).bills is billed


def test_the_kinds_that_are_free_or_lost_are_kinds() -> None:
    assert set(get_args(Kind)) >= FREE_KINDS | LOST_KINDS


@given(
    input_price=st.integers(0, 100_000_000),
    output_price=st.integers(0, 100_000_000),
    prompt=st.integers(0, 200_000),
    completion=st.integers(0, 200_000),
)
def test_a_call_costs_what_the_price_list_says(
    input_price: int, output_price: int, prompt: int, completion: int
) -> None:
    # Prices with six decimals, as the finest price lists have them.
    prices = input_price / 10**6, output_price / 10**6
    exact = prompt * input_price + completion * output_price
    assert Model(*prices).cost(prompt, completion) == exact
    assert Model(*prices, markup=3).cost(prompt, completion) == 3 * exact


def test_the_bill_of_a_model_agrees_with_the_prices_of_the_package() -> None:
    assert Model(0.1, 0.4).cost(14, 12) == Price(0.1, 0.4).cost(14, 12)


def test_a_price_with_more_decimals_is_refused() -> None:
    with pytest.raises(AssertionError, match="six decimals"):
        Model(0.000_000_1).cost(1, 0)
