from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.completion import MANY, Completion, Endpoint, Message, Request
from tune.errors import ProviderError, RateLimited, TransientError
from tune.fakes.provider import FakeEndpoint, guesser
from tune.pricing.prices import Price

REQUEST = Request(
    "fake",
    "small",
    (Message("system", "Be brief."), Message("user", "Is it good ?")),
    10,
)


def say(text: str) -> Request:
    return Request("fake", "small", text, 10)


async def test_it_says_what_its_world_says() -> None:
    (draw,) = await FakeEndpoint("it is good").complete(REQUEST, range(1))
    assert draw.text == "it is good"
    assert (draw.finish_reason, draw.completion_tokens, draw.token_ends) == (
        "stop",
        3,
        (2, 5, 10),
    )
    assert draw.prompt_tokens == 6
    assert draw.model == "small"


async def test_a_draw_depends_on_its_request_and_number_alone() -> None:
    def endpoint() -> FakeEndpoint:
        return FakeEndpoint(lambda request, rng: str(rng.random()))

    whole = await endpoint().complete(REQUEST, range(5))
    assert len({draw.text for draw in whole}) == 5
    assert await endpoint().complete(REQUEST, range(2, 4)) == whole[2:4]
    assert await endpoint().complete(say("other"), range(5)) != whole


async def test_the_cap_cuts_an_answer() -> None:
    endpoint = FakeEndpoint("one two three four")
    short = endpoint.draw(Request("fake", "small", "x", 2), 0)
    assert (short.text, short.finish_reason, short.completion_tokens) == (
        "one two",
        "length",
        2,
    )
    exact = endpoint.draw(Request("fake", "small", "x", 4), 0)
    assert (exact.finish_reason, exact.completion_tokens) == ("stop", 4)


async def test_the_first_stop_string_ends_an_answer() -> None:
    endpoint = FakeEndpoint("one two; three. four")
    draw = endpoint.draw(Request("fake", "small", "x", 10, (".", ";", "?")), 0)
    assert (draw.text, draw.finish_reason) == ("one two", "stop")


@given(text=st.text(max_size=40), cap=st.integers(1, 8))
def test_the_token_ends_cover_the_whole_text(text: str, cap: int) -> None:
    draw = FakeEndpoint(text).draw(Request("fake", "small", "x", cap), 0)
    assert draw.token_ends is not None
    assert draw.completion_tokens == len(draw.token_ends) <= cap
    assert list(draw.token_ends) == sorted(set(draw.token_ends))
    assert (draw.token_ends or (0,))[-1] == len(draw.text)
    assert text.startswith(draw.text)


async def test_a_completion_is_returned_as_it_stands() -> None:
    odd = Completion("x", "stop", -1, 10**9, model="other")
    assert await FakeEndpoint(lambda request, rng: odd).complete(REQUEST, range(2)) == [
        odd,
        odd,
    ]


async def test_it_may_answer_under_another_name() -> None:
    (draw,) = await FakeEndpoint("x", model="small-2026-01-01").complete(
        REQUEST, range(1)
    )
    assert draw.model == "small-2026-01-01"


async def test_it_counts_what_arrives_and_how_much_at_once() -> None:
    endpoint = FakeEndpoint("x", latency=0.001)
    await asyncio.gather(*(endpoint.complete(say(str(i)), range(2)) for i in range(5)))
    await endpoint.complete(REQUEST, range(3, 4))
    assert (endpoint.calls, endpoint.draws, endpoint.active, endpoint.most_active) == (
        6,
        11,
        0,
        5,
    )
    assert endpoint.requests[-1] == (REQUEST, range(3, 4))


async def test_a_cancelled_call_is_no_longer_active() -> None:
    endpoint = FakeEndpoint("x", latency=60)
    call = asyncio.create_task(endpoint.complete(REQUEST, range(1)))
    await asyncio.sleep(0)
    assert endpoint.active == 1
    call.cancel()
    await asyncio.wait([call])
    assert (endpoint.active, endpoint.draws) == (0, 0)


async def test_it_keeps_its_own_bill() -> None:
    price = Price(1.0, 2.0)
    once, each = (
        FakeEndpoint("a b", price=price),
        FakeEndpoint("a b", price=price, most_n=1),
    )
    await once.complete(REQUEST, range(3))
    await each.complete(REQUEST, range(3))
    assert once.billed == price.cost(6, 6)
    assert each.billed == price.cost(18, 6)
    assert FakeEndpoint("a b").billed == 0


@pytest.mark.parametrize(
    ("failure", "billed"),
    [
        (RateLimited("slow down"), False),
        (TransientError("reset after sending", charged=True), True),
    ],
)
async def test_a_planned_failure_is_billed_if_it_is_charged(
    failure: ProviderError, billed: bool
) -> None:
    endpoint = FakeEndpoint("a b", price=Price(1.0, 2.0), failures={1: failure}.get)
    await endpoint.complete(REQUEST, range(1))
    before = endpoint.billed
    with pytest.raises(type(failure)):
        await endpoint.complete(REQUEST, range(1, 2))
    assert (endpoint.billed > before) is billed
    assert endpoint.draws == 1
    await endpoint.complete(REQUEST, range(1, 2))
    assert endpoint.draws == 2


async def test_it_can_stand_where_an_endpoint_is_wanted() -> None:
    endpoint: Endpoint = FakeEndpoint("x", service="elsewhere")
    assert endpoint.service == "elsewhere"
    assert endpoint.most_n == MANY
    await endpoint.preflight()
    assert endpoint.most_prompt_tokens(say("one two")) == 2


async def test_it_remembers_that_it_was_closed() -> None:
    endpoint = FakeEndpoint("x")
    assert not endpoint.closed
    await endpoint.close()
    assert endpoint.closed


def test_a_guesser_is_right_as_often_as_it_was_told() -> None:
    world = guesser(lambda request: "yes", ["no", "perhaps"], 0.7)
    endpoint = FakeEndpoint(world)
    said = [endpoint.draw(REQUEST, number).text for number in range(2000)]
    assert 0.66 < said.count("yes") / 2000 < 0.74
    assert 0.12 < said.count("no") / 2000 < 0.18


def test_a_guesser_may_be_better_at_some_requests() -> None:
    world = guesser(
        lambda request: str(request.prompt).upper(),
        ["?"],
        lambda request: 1.0 if request.prompt == "easy" else 0.0,
    )
    assert world(say("easy"), random.Random(1)) == "EASY"
    assert world(say("hard"), random.Random(1)) == "?"
