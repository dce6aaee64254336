"""Calls without a budget are billed like all others, and nothing is kept of them."""

from __future__ import annotations

import pytest

from tune.completion import Completion, Message, Request
from tune.errors import TransientError
from tune.fakes.provider import FakeEndpoint
from tune.pricing.prices import Price
from tune.providers.metered import Receipt
from tune.providers.tariff import Tariff
from tune.providers.unbudgeted import Unbudgeted

ASK = Request("fake", "small", (Message("user", "Ticket #1"),), 16)


async def test_the_receipt_of_a_call_says_what_it_cost() -> None:
    told: list[Receipt] = []
    endpoint = FakeEndpoint("yes", price=Price(1, 2))
    sender = Unbudgeted(
        endpoint,
        tariff=Tariff(Price(1, 2), "small"),
        model="small",
        observer=told.append,
    )
    draws = await sender.complete(ASK, range(3))
    (receipt,) = told
    assert receipt.cost == endpoint.billed > 0
    assert (receipt.state, receipt.draws) == ("settled", 3)
    assert receipt.prompt_tokens == draws[0].prompt_tokens
    assert receipt.completion_tokens == sum(one.completion_tokens for one in draws)


async def test_without_a_price_the_cost_is_0() -> None:
    told: list[Receipt] = []
    sender = Unbudgeted(
        FakeEndpoint("yes"), tariff=None, model="small", observer=told.append
    )
    await sender.complete(ASK, range(1))
    assert told[0].cost == 0
    assert told[0].completion_tokens > 0


async def test_a_call_that_fails_is_told_as_well() -> None:
    class Fails(FakeEndpoint):
        async def complete(self, request: Request, numbers: range) -> list[Completion]:
            raise TransientError("lost", charged=True)

    told: list[Receipt] = []
    sender = Unbudgeted(Fails("yes"), tariff=None, model="small", observer=told.append)
    with pytest.raises(TransientError):
        await sender.complete(ASK, range(1))
    assert [receipt.state for receipt in told] == ["uncertain"]


async def test_an_endpoint_that_returns_nothing_has_failed() -> None:
    class Empty(FakeEndpoint):
        async def complete(self, request: Request, numbers: range) -> list[Completion]:
            return []

    sender = Unbudgeted(
        Empty("yes"), tariff=None, model="small", observer=lambda _: None
    )
    with pytest.raises(TransientError, match="no answer"):
        await sender.complete(ASK, range(1))
