"""Standings: what is known of each trial, and that it follows what was bought."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.house import PRICE, House
from tune.completion import MANY
from tune.pricing.prices import to_dollars


async def test_a_standing_counts_examples_that_the_config_failed_on_and_not_unanswered_ones(
    build: Callable[..., House],
) -> None:
    house = build()
    await house.buy(examples=5)
    trial = house.run.trials[0]
    assert house.run.standings.current()[0].examples == 5
    trial.config_failed[5] = "context_length"
    trial.config_failed[6] = "content_filter"
    trial.unanswered[7] = "service: 503"
    assert house.run.standings.current()[0].examples == 7


@pytest.mark.parametrize("most_n", [MANY, 1])
async def test_the_cost_of_draws_is_what_the_endpoint_bills(
    build: Callable[..., House], most_n: int
) -> None:
    house = build(most_n=most_n)
    await house.buy(examples=5, draws=3)
    standing, trial = house.run.standings.current()[0], house.run.trials[0]
    assert standing.spent_per_draw * trial.bought == pytest.approx(house.billed)
    prompts = [draws[0].prompt_tokens for draws in trial.draws.values()]
    shared = (
        to_dollars(sum(PRICE.cost(tokens, 0) for tokens in prompts)) / 5
        if most_n > 1
        else 0
    )
    assert standing.prompt_cost == pytest.approx(shared)


async def test_a_trial_is_read_once_until_its_draws_change(
    build: Callable[..., House],
) -> None:
    house = build()
    standings = house.run.standings
    assert standings.known() == []
    await house.buy(examples=4)
    first = standings.current()[0]
    assert standings.current()[0] is first
    assert standings.known() == [first]
    await house.buy(examples=5)
    assert standings.known() == [first], "nothing is read for it"
    assert standings.current()[0].examples == 5


async def test_a_trial_is_read_again_when_its_model_refuses_what_is_read_off(
    build: Callable[..., House],
) -> None:
    house = build()
    await house.buy(examples=4, draws=3)
    before = house.run.standings.current()[0].readings
    assert max(reading.config.n for reading in before) == 3
    house.run.lessons.narrow("m", "n", None, None, 2)
    after = house.run.standings.current()[0].readings
    assert max(reading.config.n for reading in after) == 2


async def test_a_trial_without_draws_costs_nothing(build: Callable[..., House]) -> None:
    house = build()
    house.ledger.close("money")
    await house.buy()
    standing = house.run.standings.current()[0]
    assert (standing.spent_per_draw, standing.prompt_cost, standing.readings) == (
        0.0,
        0.0,
        (),
    )


async def test_a_trial_that_failed_takes_no_further_part(
    build: Callable[..., House],
) -> None:
    house = build()
    await house.buy()
    assert house.run.standings.current()[0].whole() != []
    house.run.trials[0].state = "failed"
    assert house.run.standings.current()[0].whole() == []
    assert house.run.standings.current()[0].failed


async def test_where_somebody_is_billed_strategies_weigh_dollars(
    build: Callable[..., House],
) -> None:
    house = build()
    await house.buy()
    assert house.run.standings.weighed() == house.run.standings.current()
