"""Endpoints are opened for entries, and only models that answer become services."""

from __future__ import annotations

import pytest

from tune.completion import Message, Request
from tune.errors import EndpointError
from tune.fakes.server import Model, Server
from tune.pricing.prices import PICODOLLARS, Price
from tune.providers.capabilities import Capabilities
from tune.providers.endpoints import close_services, open_endpoint, open_services
from tune.providers.entries import Entry
from tune.providers.stack import StackContext
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.ledger import Ledger


def make_context() -> StackContext:
    db = Database(":memory:")
    return StackContext(Store(db), Ledger(db, "s", PICODOLLARS), Capabilities(), 64)


def test_an_entry_of_a_file_is_run_in_process_and_any_other_is_called() -> None:
    assert (
        type(open_endpoint(Entry("l", "local:smollm2"), Capabilities())).__name__
        == "LocalEndpoint"
    )
    endpoint = open_endpoint(
        Entry("r", "x", base_url="http://user:secret@127.0.0.1:1/v1"), Capabilities()
    )
    assert endpoint.service == "127.0.0.1:1/v1"


async def test_services_are_opened_only_if_they_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-right")
    with Server(models={"small": Model()}, keys={"sk-right"}) as server:
        entries = {"small": Entry("small", "small", base_url=server.base_url)}
        services = await open_services(
            entries, {"small": Price(0.1, 0.4)}, make_context()
        )
        (draw,) = await services["small"].provider.complete(
            Request(services["small"].id, "small", (Message("user", "Ticket #1"),), 16),
            range(1),
        )
        assert draw.text
        await close_services(services)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-wrong")
        with pytest.raises(EndpointError) as caught:
            await open_services(entries, {"small": Price(0.1, 0.4)}, make_context())
        assert "sk-planted-wrong" not in str(caught.value)
