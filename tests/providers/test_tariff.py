"""The price of the model and the tier that really answered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tune.completion import Completion, Request
from tune.pricing.lookup import find_price
from tune.pricing.prices import Price
from tune.providers.tariff import Tariff

OPENAI = "https://api.openai.com/v1"
ASKED = Request("s", "gpt-4.1-mini", "hi", 10)
FLEX = replace(ASKED, settings=(("service_tier", "priority"),))


def answer(model: str = "gpt-4.1-mini-2025-04-14", tier: str = "") -> Completion:
    return Completion("a", "stop", 3, 2, model=model, tier=tier)


def published() -> Tariff:
    return Tariff(
        find_price("gpt-4.1-mini", {}, base_url=OPENAI), "gpt-4.1-mini", OPENAI
    )


@pytest.mark.parametrize("tier", ["", "default", "auto", "on_demand", "standard"])
def test_the_usual_tier_has_the_usual_price(tier: str) -> None:
    price = published().price_of_answer(answer(tier=tier), ASKED)
    assert (price.input, price.output) == (0.4, 1.6)


def test_a_tier_that_answers_has_its_published_price() -> None:
    price = published().price_of_answer(answer(tier="priority"), ASKED)
    assert (price.input, price.output) == (0.7, 2.8), "1.75 times as much"
    flex = Tariff(find_price("gpt-5-mini", {}, base_url=OPENAI), "gpt-5-mini", OPENAI)
    price = flex.price_of_answer(
        answer("gpt-5-mini", tier="flex"), replace(ASKED, model="gpt-5-mini")
    )
    assert price.output == 1.0, "half of 2.00"


def test_a_model_that_answers_has_its_published_price() -> None:
    assert (
        published().price_of_answer(answer("gpt-4.1-2025-04-14"), ASKED).output == 8.0
    )
    assert published().price_of_answer(answer("no-such-model"), ASKED).output == 1.6
    assert published().price_of_answer(answer(""), ASKED).output == 1.6


def test_an_unpublished_tier_that_costs_more_is_billed_at_twice_the_price() -> None:
    stated = Tariff(Price(1.0, 2.0), "mine", "http://h/v1")
    assert stated.price_of_answer(answer("mine", "priority"), ASKED) == Price(2.0, 4.0)
    assert stated.price_of_answer(answer("mine", "flex"), ASKED) == Price(1.0, 2.0), (
        "no discount is taken on trust"
    )
    assert stated.price_of_answer(answer("gpt-4.1"), ASKED) == Price(1.0, 2.0), (
        "what a user states holds for the place"
    )


def test_a_stated_price_is_that_of_the_tier_that_was_asked_for() -> None:
    stated = Tariff(Price(1.0, 2.0), "mine", "http://h/v1")
    assert stated.price_of_answer(answer("mine", "priority"), FLEX) == Price(1.0, 2.0)
    assert stated.ceiling(FLEX, 10, 10) == Price(1.0, 2.0).ceiling(10, 10)


def test_ceilings_are_those_of_the_tier_that_is_asked_for_or_was_seen() -> None:
    tariff = published()
    usual, dear = Price(0.4, 1.6).ceiling(100, 10), Price(0.7, 2.8).ceiling(100, 10)
    assert tariff.ceiling(ASKED, 100, 10) == usual
    assert tariff.ceiling(FLEX, 100, 10) == dear
    tariff.price_of_answer(answer(tier="priority"), ASKED)
    assert tariff.ceiling(ASKED, 100, 10) == dear


def test_a_fee_stays_where_a_dated_model_answers() -> None:
    price = replace(find_price("gpt-4.1-mini", {}, base_url=OPENAI), request=0.02)
    assert (
        Tariff(price, "gpt-4.1-mini", OPENAI).price_of_answer(answer(), ASKED).request
        == 0.02
    )


def test_a_higher_price_than_was_asked_for_is_told() -> None:
    tariff = published()
    for said, words in [
        (answer(tier="priority"), "the tier 'priority' answered, at $0.70 in"),
        (
            answer("gpt-4.1-2025-04-14"),
            "the model 'gpt-4.1-2025-04-14' answered, at $2.00 in",
        ),
    ]:
        assert tariff.explain_higher_price(
            said, tariff.price_of_answer(said, ASKED)
        ).startswith(words)
    assert (
        tariff.explain_higher_price(answer(), tariff.price_of_answer(answer(), ASKED))
        == ""
    )
