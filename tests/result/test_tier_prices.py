"""A study in the tier flex: its answers are billed at half, and the serving price stands beside it."""

from __future__ import annotations

from typing import Any

import pytest

import tune
from tune.completion import Completion, Request
from tune.plan.make import make_plan
from tune.plan.plan import Plan
from tune.plan.read_options import read_options
from tune.providers.tariff import Tariff
from tune.result.tier_prices import tier_notice, tier_price_lines
from tune.space import Config

ROWS = [{"text": f"row {i}", "label": "yes" if i % 3 else "no"} for i in range(30)]


def make(**more: Any) -> Plan:
    space = tune.Space(model="gpt-6-luna", prompt="{text}", max_tokens=1024, **more)
    return make_plan(read_options(data=ROWS, space=space, target="label", budget=1.0))


def config(**more: Any) -> Config:
    return Config(
        {"model": "gpt-6-luna", "prompt": "plain", "max_tokens": 1024, **more}
    )


def test_the_tuning_price_and_the_serving_price_are_apart() -> None:
    serving, tuning = tier_price_lines(make(service_tier="flex"))
    assert (serving.model, serving.output) == ("gpt-6-luna", 0.5)
    assert tuning.model == "gpt-6-luna in the tier flex"
    assert (tuning.input, tuning.output) == (serving.input / 2, serving.output / 2)


def test_the_winner_is_said_to_cost_the_serving_price() -> None:
    (words,) = tier_notice(
        make(service_tier=[None, "flex"]), config(service_tier="flex")
    )
    assert "tuned in the tier flex, at $0.05 in, $0.25 out" in words
    assert "serving price of the standard tier, $0.10 in, $0.50 out" in words


@pytest.mark.parametrize("tier", [None, "auto"])
def test_the_standard_tier_needs_no_word(tier: str | None) -> None:
    plan = make(service_tier=[tier, "flex"])
    assert tier_notice(plan, config(service_tier=tier)) == []
    assert len(tier_price_lines(make())) == 1
    assert tier_notice(make(), config()) == []


def test_what_flex_answers_is_billed_at_half() -> None:
    plan = make(service_tier="flex")
    tariff = Tariff(plan.prices["gpt-6-luna"], "gpt-6-luna")
    asked = Request("s", "gpt-6-luna", "hi", 10, settings=(("service_tier", "flex"),))
    answer = Completion("a", "stop", 100, 10, model="gpt-6-luna", tier="flex")
    assert tariff.price_of_answer(answer, asked) == tariff.price_of_tier("flex")
    # Where the service falls back to the standard tier, the ceiling holds too.
    assert tariff.ceiling(asked, 100, 10) >= plan.prices["gpt-6-luna"].cost(100, 10)
