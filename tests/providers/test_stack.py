"""The stack that calls pass through."""

from __future__ import annotations

import asyncio
from typing import Any

from tune.completion import Message, Request
from tune.fakes.provider import FakeEndpoint
from tune.pricing.prices import PICODOLLARS, Price
from tune.providers.capabilities import Capabilities
from tune.providers.entries import Entry
from tune.providers.stack import LOCAL_QUEUE, StackContext, build_stack
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.ledger import Ledger


def make_context(
    notices: list[str] | None = None, budget: float = 1.0, **more: Any
) -> StackContext:
    db = Database(":memory:")
    told = notices if notices is not None else []
    return StackContext(
        Store(db),
        Ledger(db, "s", int(budget * PICODOLLARS)),
        Capabilities(),
        notice=told.append,
        **{"concurrency": 64, **more},
    )


def ask(
    model: str = "small", service: str = "fake", text: str = "Ticket #1"
) -> Request:
    return Request(service, model, (Message("user", text),), 16)


async def test_a_draw_passes_the_whole_stack_once_and_then_comes_from_the_store() -> (
    None
):
    context = make_context()
    endpoint = FakeEndpoint("yes", price=Price(1, 2))
    service = build_stack(Entry("f", "small"), endpoint, Price(1, 2), context)
    first = await service.provider.complete(ask(), range(3))
    again = await service.provider.complete(ask(), range(5))
    assert again[:3] == first
    assert endpoint.draws == 5
    assert context.ledger.settled == endpoint.billed
    assert (service.provider.bought, service.metered.purpose) == (5, "search")


async def test_no_more_calls_are_in_flight_than_the_user_allowed() -> None:
    endpoint = FakeEndpoint("yes", latency=0.005)
    service = build_stack(
        Entry("f", "small"), endpoint, Price(1, 2), make_context(concurrency=3)
    )
    await asyncio.gather(
        *(
            service.provider.complete(ask(text=f"Ticket #{i}"), range(1))
            for i in range(30)
        )
    )
    assert endpoint.most_active == 3


async def test_a_model_in_process_gets_a_full_queue_whatever_the_limit() -> None:
    endpoint = FakeEndpoint("yes", latency=0.005)
    service = build_stack(
        Entry("l", "local:smollm2"), endpoint, Price(1, 2), make_context(concurrency=1)
    )
    await asyncio.gather(
        *(
            service.provider.complete(ask(text=f"Ticket #{i}"), range(1))
            for i in range(300)
        )
    )
    assert endpoint.most_active == LOCAL_QUEUE


async def test_a_model_that_changes_its_name_is_said_once() -> None:
    notices: list[str] = []
    context = make_context(notices)
    for number, name in enumerate(["small-1", "small-2", "small-3"]):
        endpoint = FakeEndpoint("yes", model=name)
        service = build_stack(Entry("f", "small"), endpoint, Price(1, 2), context)
        await service.provider.complete(ask(), range(number + 1))
    assert notices
    assert "small-2" in notices[0]
