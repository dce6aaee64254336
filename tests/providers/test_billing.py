"""The bill of one call: shared by its answers, and never below the provider's own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tune.completion import Completion, Invoice
from tune.pricing.prices import Price
from tune.providers.billing import bill_call

PRICE = Price(1.0, 10.0, cached_input=0.5, cache_write=2.0)
PROMPT, CACHED, WRITTEN, TOKEN = 1_000_000, 500_000, 2_000_000, 10_000_000
"""Picodollars of one token of each kind."""


def answer(
    completion: int = 2, prompt: int = 7, cached: int = 0, **invoice: object
) -> Completion:
    return Completion(
        "a",
        "stop",
        prompt,
        completion,
        cached_tokens=cached,
        invoice=Invoice(**invoice),
    )


def test_one_answer_pays_for_prompt_and_completion() -> None:
    bill = bill_call([answer()], PRICE)
    assert bill.costs == [7 * PROMPT + 2 * TOKEN]
    assert (bill.usage_problem, bill.difference) == ("", "")


def test_answers_share_the_prompt_and_the_first_takes_the_remainder() -> None:
    price = Price(0.000001, 10.0)
    bill = bill_call([answer(1), answer(2), answer(3)], price)
    assert bill.costs == [3 + TOKEN, 2 + 2 * TOKEN, 2 + 3 * TOKEN]
    assert sum(bill.costs) == price.bill(7, 6)


def test_where_answers_contradict_each_other_the_larger_bill_holds() -> None:
    bill = bill_call(
        [answer(0, prompt=7, cached=5), answer(0, prompt=9, cached=2)], PRICE
    )
    assert sum(bill.costs) == 7 * PROMPT + 2 * CACHED


def test_tokens_written_to_a_cache_have_their_price() -> None:
    bill = bill_call([answer(0, written_tokens=3)], PRICE)
    assert bill.costs == [4 * PROMPT + 3 * WRITTEN]


def test_the_providers_own_bill_counts_where_it_is_larger() -> None:
    ours = 7 * PROMPT + 2 * TOKEN
    larger = bill_call([answer(billed=2 * ours)], PRICE)
    assert larger.costs == [2 * ours]
    assert larger.difference == (
        "it bills $0.000054 for a call that costs $0.000027 at its price"
    )
    smaller = bill_call([answer(billed=ours // 2)], PRICE)
    assert smaller.costs == [ours]
    assert smaller.difference.startswith("it bills $0.0000135")


@pytest.mark.parametrize("billed", [100, 105, 95])
def test_a_difference_of_a_twentieth_is_not_told(billed: int) -> None:
    ours = Price(1.0, 1.0).bill(100_000, 0)
    one = replace(
        answer(0, prompt=100_000), invoice=Invoice(billed=ours * billed // 100)
    )
    assert bill_call([one], Price(1.0, 1.0)).difference == ""


def test_a_rounded_bill_is_not_told() -> None:
    tiny = answer(0, prompt=1, billed=PROMPT // 1000 + 10**4)
    assert bill_call([tiny], Price(0.001, 0.0)).difference == ""
    larger = answer(0, prompt=1, billed=PROMPT // 1000 + 10**4 + 1)
    assert bill_call([larger], Price(0.001, 0.0)).difference != ""


def test_a_contradictory_usage_is_passed_on() -> None:
    assert bill_call([answer(usage_problem="why")], PRICE).usage_problem == "why"
