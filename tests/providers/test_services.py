"""Entries as users write them, and the stack that calls pass through."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.server import Model, Server
from tune.completion import Message, Request
from tune.errors import EndpointError, InputError, PriceError
from tune.fakes.provider import FakeEndpoint
from tune.pricing.prices import PICODOLLARS, Price
from tune.providers.base_url import public_url
from tune.providers.capabilities import Capabilities
from tune.providers.endpoints import close_services, open_endpoint, open_services
from tune.providers.entries import Entry, read_entries
from tune.providers.stack import LOCAL_QUEUE, StackContext, build_stack
from tune.store.admission import Account
from tune.store.database import Database
from tune.store.draws import Store


def access(notices: list[str] | None = None, budget: float = 1.0, **more: Any) -> StackContext:
    db = Database(":memory:")
    told = notices if notices is not None else []
    return StackContext(
        Store(db),
        Account(db, "s", int(budget * PICODOLLARS)),
        Capabilities(),
        notice=told.append,
        **more,
    )


def ask(model: str = "small", service: str = "fake", text: str = "Ticket #1") -> Request:
    return Request(service, model, (Message("user", text),), 16)


def test_entries_are_read_by_name_and_in_autogens_form() -> None:
    table = read_entries(
        {"a": {"model": "x", "base_url": "http://h/v1", "price": [1, 2], "requests_per_minute": 60}}
    )
    assert table["a"] == Entry(
        "a", "x", base_url="http://h/v1", price=Price(1, 2), requests_per_minute=60
    )
    listed = read_entries(
        [{"model": "x", "tags": ["t"], "api_type": "openai"}, {"model": "y", "name": "z"}]
    )
    assert set(listed) == {"x", "z"}
    assert listed["z"].model == "y"


def test_a_price_is_a_pair_or_a_table() -> None:
    found = read_entries({"a": {"price": {"input": 1.0, "output": 2.0, "cached_input": 0.1}}})[
        "a"
    ].price
    assert found == Price(1.0, 2.0, cached_input=0.1)


@pytest.mark.parametrize(
    ("record", "error", "words"),
    [
        ({"a": {"api_key": "sk-planted"}}, InputError, "key_env"),
        ({"a": {"url": "x"}}, InputError, r"\['url'\]"),
        ({"a": {"price": 5}}, PriceError, "IN, OUT"),
        ({"a": {"price": {"in": 5}}}, PriceError, "cannot be read"),
        ({"a": {"price": [-1, 2]}}, PriceError, "input=-1"),
        ([{"model": "x"}, {"model": "x"}], InputError, "differ"),
    ],
)
def test_an_entry_that_cannot_be_is_one_sentence_without_the_key(
    record: Any, error: type[InputError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        read_entries(record)
    assert "sk-planted" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "public"),
    [
        (None, None),
        ("https://api.example.org/v1", "https://api.example.org/v1"),
        ("https://me:pass@api.example.org:8443/v1?key=1#x", "https://api.example.org:8443/v1"),
    ],
)
def test_a_public_url_has_no_secret_part(url: str | None, public: str | None) -> None:
    assert public_url(url) == public


@pytest.mark.parametrize(
    "url", ["me:pass@host/v1?key=1", "http://me:pass@[::1/v1", "ftp://me:pass@host", "http://h:x"]
)
def test_what_is_no_base_url_is_refused_rather_than_shown(url: str) -> None:
    with pytest.raises(InputError, match="a base URL reads http://HOST/PATH") as caught:
        public_url(url)
    assert "pass" not in str(caught.value)
    assert "key=1" not in str(caught.value)


def test_an_entry_of_a_file_is_run_in_process_and_any_other_is_called() -> None:
    assert type(open_endpoint(Entry("l", "local:smollm2"), access())).__name__ == "LocalEndpoint"
    endpoint = open_endpoint(
        Entry("r", "x", base_url="http://user:secret@127.0.0.1:1/v1"), access()
    )
    assert endpoint.service == "127.0.0.1:1/v1"


async def test_a_draw_passes_the_whole_stack_once_and_then_comes_from_the_store() -> None:
    given = access()
    endpoint = FakeEndpoint("yes", price=Price(1, 2))
    service = build_stack(Entry("f", "small"), endpoint, Price(1, 2), given)
    first = await service.provider.complete(ask(), range(3))
    again = await service.provider.complete(ask(), range(5))
    assert again[:3] == first
    assert endpoint.draws == 5
    assert given.account.settled == endpoint.billed
    assert (service.provider.bought, service.metered.purpose) == (5, "search")


async def test_no_more_calls_are_in_flight_than_the_user_allowed() -> None:
    endpoint = FakeEndpoint("yes", latency=0.005)
    service = build_stack(Entry("f", "small"), endpoint, Price(1, 2), access(concurrency=3))
    await asyncio.gather(
        *(service.provider.complete(ask(text=f"Ticket #{i}"), range(1)) for i in range(30))
    )
    assert endpoint.most_active == 3


async def test_a_model_in_process_gets_a_full_queue_whatever_the_limit() -> None:
    endpoint = FakeEndpoint("yes", latency=0.005)
    service = build_stack(Entry("l", "local:smollm2"), endpoint, Price(1, 2), access(concurrency=1))
    await asyncio.gather(
        *(service.provider.complete(ask(text=f"Ticket #{i}"), range(1)) for i in range(300))
    )
    assert endpoint.most_active == LOCAL_QUEUE


async def test_a_model_that_changes_its_name_is_said_once() -> None:
    notices: list[str] = []
    given = access(notices)
    for number, name in enumerate(["small-1", "small-2", "small-3"]):
        endpoint = FakeEndpoint("yes", model=name)
        service = build_stack(Entry("f", "small"), endpoint, Price(1, 2), given)
        await service.provider.complete(ask(), range(number + 1))
    assert notices
    assert "small-2" in notices[0]


async def test_services_are_opened_only_if_they_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-right")
    with Server(models={"small": Model()}, keys={"sk-right"}) as server:
        entries = {"small": Entry("small", "small", base_url=server.base_url)}
        services = await open_services(entries, {"small": Price(0.1, 0.4)}, access())
        (draw,) = await services["small"].provider.complete(
            ask(service=services["small"].id), range(1)
        )
        assert draw.text
        await close_services(services)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-wrong")
        with pytest.raises(EndpointError) as caught:
            await open_services(entries, {"small": Price(0.1, 0.4)}, access())
        assert "sk-planted-wrong" not in str(caught.value)
