"""The price of the bought draws, against that of the same readings without sharing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.house import CAPS, POINT, PRICE, House, story
from tune.completion import MANY
from tune.fakes.provider import FakeEndpoint
from tune.pricing.prices import to_dollars
from tune.space import Point, Space


@pytest.mark.parametrize("most_n", [MANY, 1])
async def test_readings_would_have_cost_what_an_endpoint_bills_for_every_cap_bought_anew(
    build: Callable[..., House], most_n: int
) -> None:
    house = build(most_n=most_n)
    await house.buy()
    read, paid = house.costs()
    assert read == pytest.approx(house.billed, rel=1e-12)
    shop = FakeEndpoint(story, price=PRICE, most_n=most_n, service="m")
    for cap in CAPS:
        for position in range(5):
            await shop.complete(
                house.run.evaluator.requests.make(POINT, cap, (), position), range(3)
            )
    assert paid == pytest.approx(to_dollars(shop.billed), rel=1e-12)
    assert paid > 2 * read


async def test_n_and_aggregates_alone_save_nothing_over_who_shares_draws_too(
    build: Callable[..., House],
) -> None:
    space = Space(
        model="m",
        prompt={"p": "{text}"},
        temperature=[0.5],
        n=[1, 2, 3],
        max_tokens=12,
        aggregate=["first", "vote"],
    )
    house = build(space=space)
    await house.buy()
    assert len(house.run.standings.current()[0].readings) == 3
    read, paid = house.costs()
    assert read == paid == pytest.approx(house.billed)


async def test_stop_strings_are_paid_for_like_caps_up_to_where_they_end_the_text(
    build: Callable[..., House],
) -> None:
    space = Space(
        model="m",
        prompt={"p": "{text}"},
        temperature=[0.5],
        max_tokens=12,
        stop=[None, " now"],
    )
    house = build(space=space)
    await house.buy(draws=1)
    read, paid = house.costs()
    shop = FakeEndpoint(story, price=PRICE, service="m")
    for stop in ((), (" now",)):
        for position in range(5):
            await shop.complete(
                house.run.evaluator.requests.make(POINT, 12, stop, position), range(1)
            )
    # The tokens that make up the stop string are billed by services, though the fake does not bill
    # them.
    assert paid == pytest.approx(to_dollars(shop.billed) + 5 * 1 * PRICE.output / 1e6)
    assert read == pytest.approx(house.billed)


async def test_trials_that_ask_the_same_share_their_draws_and_are_counted_once(
    build: Callable[..., House],
) -> None:
    house = build(free=())
    points = [
        Point({**POINT, "n": n, "max_tokens": 12, "aggregate": "vote"}) for n in (1, 3)
    ]
    for trial, point in enumerate(points):
        await house.buy(point, draws=point["n"], trial=trial)
    read, paid = house.costs()
    assert house.endpoint.draws == 15
    assert (
        read == paid
    )  # the second call paid the prompt again, which as few calls as can be would not
    assert read == pytest.approx(house.billed - 5 * PRICE.input * 3 / 1e6)


async def test_a_trial_without_a_reading_counts_on_neither_side(
    build: Callable[..., House],
) -> None:
    house = build()
    await house.buy()
    before = house.costs()
    await house.buy(Point({**POINT, "temperature": 0.7}), trial=1)
    house.run.trials[1].state = "failed"
    assert house.costs() == before
    assert build().costs() == (0.0, 0.0)
