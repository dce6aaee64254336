"""One request and its reply, whatever the status."""

from __future__ import annotations

from typing import Any

import pytest

from tune.errors import TransientError
from tune.fakes.server import Model, Server
from tune.providers.openai.access import resolve_access
from tune.providers.openai.exchange import Exchange


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_CUSTOM_HEADERS",
        "OPENAI_ADMIN_KEY",
    ):
        monkeypatch.delenv(name, raising=False)


def exchange_with(server: Server, key: str = "k", timeout: float = 30.0) -> Exchange:
    return Exchange(
        resolve_access(server.base_url, key, None, {}), "model 'm'", timeout
    )


BODY: dict[str, Any] = {
    "model": "small",
    "messages": [{"role": "user", "content": "hi"}],
    "max_tokens": 4,
}


async def test_a_reply_has_its_status_its_headers_and_its_decoded_body() -> None:
    with Server(models={"small": Model()}, keys=["k"]) as server:
        exchange = exchange_with(server)
        reply = await exchange.send("/chat/completions", BODY)
        assert reply.status == 200
        assert reply.headers["content-type"].startswith("application/json")
        assert isinstance(reply.body, dict)
        assert reply.body["choices"]
        assert (await exchange.send("/models")).status == 200
        await exchange.close()


async def test_a_refusal_is_a_reply_without_the_key() -> None:
    with Server(models={"small": Model()}, keys=["right"]) as server:
        exchange = exchange_with(server, key="planted-wrong-key")
        reply = await exchange.send("/chat/completions", BODY)
        assert reply.status == 401
        assert "planted" not in str(reply)
        await exchange.close()


async def test_a_closed_exchange_opens_again() -> None:
    with Server(models={"small": Model()}) as server:
        exchange = exchange_with(server)
        for _ in range(2):
            assert (await exchange.send("/models")).status == 200
            await exchange.close()


async def test_a_reply_that_does_not_come_in_time_may_have_been_billed() -> None:
    with Server(models={"small": Model()}, seconds=5.0) as server:
        exchange = exchange_with(server)
        with pytest.raises(
            TransientError, match=r"model 'm' did not answer within 0\.05 s"
        ) as error:
            await exchange.send("/chat/completions", BODY, limit=0.05)
        assert error.value.charged
        await exchange.close()
