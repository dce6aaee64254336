from __future__ import annotations

import math
import sys
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.errors import PriceError
from tune.pricing.prices import (
    CONFIRMED,
    PICODOLLARS,
    Price,
    parse_price,
    read_price,
    to_dollars,
    to_picodollars,
)

RATES = st.floats(0, 1000) | st.integers(0, 10**6).map(lambda micros: micros / 10**4)
PLAIN = st.builds(Price, RATES, RATES, st.none() | RATES, st.none() | RATES)


@st.composite
def tiered(draw: st.DrawFn) -> Price:
    base = draw(PLAIN)
    starts = sorted(draw(st.sets(st.integers(0, 10**6), max_size=3)))
    longer = tuple((start, draw(PLAIN)) for start in starts)
    return Price(
        base.input, base.output, base.cached_input, base.cache_write, long=longer
    )


TOKENS = st.integers(0, 2 * 10**6)


# Arithmetic


def test_a_call_costs_what_its_tokens_cost() -> None:
    price = Price(0.10, 0.40)
    assert price.cost(1_000_000, 0) == PICODOLLARS // 10
    assert price.cost(0, 1_000_000) == PICODOLLARS * 4 // 10
    assert price.cost(123, 45) == 123 * 100_000 + 45 * 400_000


def test_cached_tokens_have_their_own_price() -> None:
    assert (
        Price(1.0, 0.0, cached_input=0.25).cost(100, 0, 60)
        == 40 * 1_000_000 + 60 * 250_000
    )
    assert Price(1.0, 0.0).cost(100, 0, 60) == 100 * 1_000_000


def test_a_bill_counts_what_was_written_to_a_cache() -> None:
    price = Price(1.0, 2.0, cached_input=0.5, cache_write=1.25)
    assert (
        price.bill(100, 10) == price.cost(100, 10) == 100 * 1_000_000 + 10 * 2_000_000
    )
    assert (
        price.bill(100, 10, 0, 100)
        == 100 * 1_250_000 + 10 * 2_000_000
        == price.ceiling(100, 10)
    )
    assert price.bill(100, 0, 60, 30) == 10 * 1_000_000 + 60 * 500_000 + 30 * 1_250_000
    assert price.bill(100, 0, 100) == 100 * 500_000


def test_a_fee_is_paid_for_each_request_and_is_in_its_ceiling() -> None:
    price = Price(1.0, 2.0, request=0.01)
    fee = PICODOLLARS // 100
    assert (
        price.bill(100, 10)
        == price.cost(100, 10)
        == price.ceiling(100, 10)
        == fee + 100 * 1_000_000 + 20_000_000
    )
    assert price.cost(0, 10, calls=0) == 20_000_000
    assert price.ceiling(300, 30, calls=3) == 3 * price.ceiling(100, 10)
    assert price.bill(0, 0) == 0, "a refusal that is read as an empty answer"


def test_a_multiple_of_a_price_has_every_rate_multiplied() -> None:
    price = Price(
        1.0, 2.0, cached_input=0.5, request=0.01, long=((1000, Price(3.0, 5.0)),)
    ).scaled(2.0)
    assert price == Price(
        2.0, 4.0, cached_input=1.0, request=0.01, long=((1000, Price(6.0, 10.0)),)
    )


@pytest.mark.parametrize(
    ("price", "said"),
    [
        (Price(0.4, 1.6), "$0.40 in, $1.60 out per million tokens (as stated)"),
        (
            Price(0.0375, 15, request=0.005),
            "$0.0375 in, $15.00 out per million tokens, $0.005 per request (as stated)",
        ),
        (
            Price(1, 2, source="our contract"),
            "$1.00 in, $2.00 out per million tokens (our contract)",
        ),
    ],
)
def test_a_price_says_what_was_understood(price: Price, said: str) -> None:
    assert price.describe() == said


@pytest.mark.parametrize(
    "given_",
    [Price(1, 2), {"input": 1, "output": 2}, [1, 2], (1.0, 2.0), "1/2", "1/2+0"],
    ids=str,
)
def test_a_price_is_read_in_each_of_its_forms(given_: object) -> None:
    assert read_price("m", given_) == Price(1, 2)


def test_a_long_prompt_is_billed_as_a_whole_at_its_own_price() -> None:
    price = Price(1.0, 2.0, long=((1000, Price(3.0, 5.0)), (2000, Price(4.0, 4.0))))
    assert price.cost(1000, 1) == 1000 * 1_000_000 + 2_000_000
    assert price.cost(1001, 1) == 1001 * 3_000_000 + 5_000_000
    assert price.cost(2001, 1) == 2001 * 4_000_000 + 4_000_000


def test_a_ceiling_takes_the_dearest_price_that_the_prompt_can_reach() -> None:
    price = Price(1.0, 2.0, long=((1000, Price(3.0, 50.0)), (2000, Price(4.0, 4.0))))
    assert price.ceiling(1000, 10) == 1000 * 1_000_000 + 10 * 2_000_000
    assert price.ceiling(2001, 10_000) == 2001 * 3_000_000 + 10_000 * 50_000_000


def test_more_cached_tokens_than_prompt_tokens_make_nothing_cheaper_than_free() -> None:
    price = Price(1.0, 1.0, cached_input=0.0)
    assert price.cost(10, 0, 99) == 0
    assert price.cost(10, 0, -5) == price.cost(10, 0)


@given(
    price=tiered(),
    prompt=TOKENS,
    completion=TOKENS,
    more=st.tuples(TOKENS, TOKENS),
    cached=TOKENS,
    written=TOKENS,
)
def test_no_call_costs_more_than_its_ceiling(
    price: Price,
    prompt: int,
    completion: int,
    more: tuple[int, int],
    cached: int,
    written: int,
) -> None:
    ceiling = price.ceiling(prompt + more[0], completion + more[1])
    assert price.bill(prompt, completion, min(cached, prompt), written) <= ceiling
    assert price.cost(prompt, completion, min(cached, prompt)) <= ceiling


@given(price=tiered(), prompt=TOKENS, completion=TOKENS, cached=TOKENS)
def test_a_bill_is_at_least_the_cost_at_list_price(
    price: Price, prompt: int, completion: int, cached: int
) -> None:
    assert (
        0
        <= price.cost(prompt, completion, cached)
        <= price.bill(prompt, completion, cached)
    )


@given(price=PLAIN, counts=st.lists(st.tuples(TOKENS, TOKENS), max_size=5))
def test_costs_add_up_exactly(price: Price, counts: list[tuple[int, int]]) -> None:
    total = price.cost(
        sum(prompt for prompt, _ in counts), sum(completion for _, completion in counts)
    )
    assert sum(price.cost(prompt, completion) for prompt, completion in counts) == total


@given(
    given_=st.integers(0, 10**8),
    taken=st.integers(0, 10**8),
    prompt=TOKENS,
    completion=TOKENS,
)
def test_prices_with_six_decimals_are_exact(
    given_: int, taken: int, prompt: int, completion: int
) -> None:
    cost = Price(given_ / 10**6, taken / 10**6).cost(prompt, completion)
    assert cost == Fraction(prompt * given_ + completion * taken, 10**12) * PICODOLLARS


@given(st.integers(0, 10**12))
def test_dollars_in_micros_survive_the_way_there_and_back(micros: int) -> None:
    picodollars = to_picodollars(micros / 10**6)
    assert picodollars == micros * 10**6
    assert to_dollars(picodollars) == pytest.approx(micros / 10**6)


def test_dollars_are_rounded_up() -> None:
    assert to_picodollars(1.5e-12) == 2
    assert to_picodollars(5) == 5 * PICODOLLARS


@pytest.mark.parametrize("dollars", [1e22, 1e30, sys.float_info.max])
def test_dollars_that_nobody_has_are_converted_too(dollars: float) -> None:
    assert to_picodollars(dollars) == int(Decimal(repr(dollars)) * PICODOLLARS)


@pytest.mark.parametrize("bad", [-0.1, math.inf, math.nan, 2e5])
@pytest.mark.parametrize(
    "field", ["input", "output", "cached_input", "cache_write", "request"]
)
def test_a_price_that_cannot_be_is_refused(bad: float, field: str) -> None:
    with pytest.raises(
        PriceError, match=f"dollars per (million tokens|request).*{field}="
    ):
        Price(**{"input": 1.0, "output": 1.0, field: bad})


def test_only_a_local_price_is_notional() -> None:
    assert Price(0.1, 0.2, source="notional").notional
    assert not Price(0.0, 0.0).notional


# What users state


@pytest.mark.parametrize(
    ("text", "model", "price"),
    [
        ("gpt-4.1-nano=0.10/0.40", "gpt-4.1-nano", Price(0.1, 0.4)),
        ("org/model:7b=0/0", "org/model:7b", Price(0.0, 0.0)),
        ("name=with=equals=1/2", "name=with=equals", Price(1.0, 2.0)),
        (" spaced = 1 / 2 ", "spaced", Price(1.0, 2.0)),
        ("search=1/2+0.035", "search", Price(1.0, 2.0, request=0.035)),
        ("cheap=0.001/0.002,confirmed", "cheap", Price(0.001, 0.002, source=CONFIRMED)),
    ],
)
def test_a_price_is_read_as_people_write_it(
    text: str, model: str, price: Price
) -> None:
    assert parse_price(text) == (model, price)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "model",
        "model=",
        "model=1",
        "model=1/",
        "model=a/b",
        "=1/2",
        " =1/2",
        "1/2",
        "m=1/2,sure",
        "m=1/2+x",
    ],
)
def test_what_is_no_price_is_refused_with_the_form_to_use(text: str) -> None:
    with pytest.raises(PriceError, match="MODEL=IN/OUT"):
        parse_price(text)


@pytest.mark.parametrize("text", ["m=-1/2", "m=nan/1", "m=1/inf"])
def test_a_number_that_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(PriceError, match="dollars per million tokens"):
        parse_price(text)
