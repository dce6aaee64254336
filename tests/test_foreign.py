"""What comes from outside has limits, and whoever meets one is told which."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from faults import Fault
from server import Server, first

from tune.completion import Message, Request
from tune.errors import TransientError
from tune.foreign import NESTING, TooMuch, read_file, read_json
from tune.providers.bounded import AnswerTooLarge, bounded_client, proxy_for
from tune.providers.openai_api import OpenAIEndpoint


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize("depth", [NESTING + 1, 900, 100_000])
def test_json_is_nested_so_deeply_and_no_deeper(depth: int) -> None:
    assert read_json(nested(NESTING))
    with pytest.raises(TooMuch, match=f"{NESTING} times"):
        read_json(nested(depth))
    with pytest.raises(TooMuch):
        read_json('{"a":' * depth + "1" + "}" * depth)
    with pytest.raises(ValueError, match="Expecting"):
        read_json("{")


def test_a_file_without_an_end_is_not_read_to_it(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"abc")
    assert read_file(tmp_path / "small", 3) == b"abc"
    with pytest.raises(TooMuch, match="which is the limit"):
        read_file("/dev/zero", 1000)


# --- answers ----------------------------------------------------------------------------------------------------------


def ask(endpoint: OpenAIEndpoint) -> Request:
    return Request(endpoint.service, endpoint.model, (Message("user", "Ticket #1"),), 16)


@pytest.mark.parametrize("kind", ["bomb", "twice", "deep"])
async def test_an_answer_that_unfolds_without_end_is_given_up_and_stays_charged(kind: Any) -> None:
    async with Server(plan=first(1, Fault(kind))) as server:
        endpoint = OpenAIEndpoint("small", base_url=server.base_url)
        with pytest.raises(TransientError) as caught:
            await endpoint.complete(ask(endpoint), range(1))
        assert caught.value.charged
        assert ("limit" in str(caught.value)) == (kind == "bomb")
        assert await endpoint.complete(ask(endpoint), range(1)), "the next one is read"
        await endpoint.close()


class Endless(httpx2.AsyncBaseTransport):
    """Sends pieces for ever, and counts them."""

    def __init__(self) -> None:
        self.sent = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        async def pieces() -> Any:
            while True:
                self.sent += 1
                yield b"x" * 1000

        return httpx2.Response(200, content=pieces())


async def test_reading_ends_at_the_limit_and_not_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = Endless()
    monkeypatch.setattr(httpx2, "AsyncHTTPTransport", lambda **_: endless)
    client = bounded_client("http://h", httpx2.Timeout(5), most=10_000)
    with pytest.raises(AnswerTooLarge):
        await client.get("http://h/")
    await client.aclose()
    assert endless.sent == 11


async def test_a_packed_answer_within_the_limit_is_read() -> None:
    import gzip

    packed = gzip.compress(json.dumps({"a": "b" * 1000}).encode())

    class Packing(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            return httpx2.Response(200, headers={"content-encoding": "gzip"}, stream=httpx2.ByteStream(packed))

    from tune.providers.bounded import BoundedTransport

    async with httpx2.AsyncClient(transport=BoundedTransport(Packing(), 2000)) as client:
        assert (await client.get("http://h/")).json() == {"a": "b" * 1000}


def test_a_proxy_of_the_environment_is_used_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert proxy_for("https://api.example.org/v1") is None
    monkeypatch.setenv("https_proxy", "proxy.local:3128")
    assert proxy_for("https://api.example.org/v1") == "http://proxy.local:3128"
    assert proxy_for("http://api.example.org/v1") is None
    monkeypatch.setenv("no_proxy", "example.org")
    assert proxy_for("https://api.example.org/v1") is None
