"""The HTTP client of an endpoint: its limit on answers, its headers, its proxy."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx2
import pytest

from tune.providers.openai.http_client import (
    AnswerTooLarge,
    BoundedTransport,
    bounded_client,
    proxy_for,
)


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


async def test_reading_ends_at_the_limit_and_not_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endless = Endless()
    monkeypatch.setattr(httpx2, "AsyncHTTPTransport", lambda **_: endless)
    client = bounded_client("http://h", httpx2.Timeout(5), most=10_000)
    with pytest.raises(AnswerTooLarge):
        await client.get("http://h/")
    await client.aclose()
    assert endless.sent == 11


async def test_a_packed_answer_within_the_limit_is_read() -> None:
    packed = gzip.compress(json.dumps({"a": "b" * 1000}).encode())

    class Packing(httpx2.AsyncBaseTransport):
        async def handle_async_request(
            self, request: httpx2.Request
        ) -> httpx2.Response:
            return httpx2.Response(
                200,
                headers={"content-encoding": "gzip"},
                stream=httpx2.ByteStream(packed),
            )

    async with httpx2.AsyncClient(
        transport=BoundedTransport(Packing(), 2000)
    ) as client:
        assert (await client.get("http://h/")).json() == {"a": "b" * 1000}


def test_a_proxy_of_the_environment_is_used_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert proxy_for("https://api.example.org/v1") is None
    monkeypatch.setenv("https_proxy", "proxy.local:3128")
    assert proxy_for("https://api.example.org/v1") == "http://proxy.local:3128"
    assert proxy_for("http://api.example.org/v1") is None
    monkeypatch.setenv("no_proxy", "example.org")
    assert proxy_for("https://api.example.org/v1") is None


class Replying(httpx2.AsyncBaseTransport):
    """Replies with the same content to each request, and keeps the requests."""

    def __init__(self, content: bytes, encoding: str = "") -> None:
        self.requests: list[httpx2.Request] = []
        self._content = content
        self._headers = {"content-encoding": encoding} if encoding else {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        stream = httpx2.ByteStream(self._content)
        return httpx2.Response(200, headers=self._headers, stream=stream)


async def test_a_packed_answer_that_unpacks_beyond_the_limit_is_given_up() -> None:
    bomb = gzip.compress(b"x" * 100_000)
    transport = BoundedTransport(Replying(bomb, "gzip"), 50_000)
    async with httpx2.AsyncClient(transport=transport) as client:
        with pytest.raises(AnswerTooLarge, match="larger than"):
            await client.get("http://h/")


async def test_an_answer_that_is_packed_twice_is_refused() -> None:
    twice = gzip.compress(gzip.compress(b"x"))
    transport = BoundedTransport(Replying(twice, "gzip, gzip"))
    async with httpx2.AsyncClient(transport=transport) as client:
        with pytest.raises(AnswerTooLarge, match="packed more than once"):
            await client.get("http://h/")


async def test_headers_that_are_left_out_are_not_sent() -> None:
    inner = Replying(b"x")
    transport = BoundedTransport(inner, left_out=["authorization"])
    async with httpx2.AsyncClient(transport=transport) as client:
        await client.get(
            "http://h/", headers={"Authorization": "secret", "x-team": "blue"}
        )
    assert "authorization" not in inner.requests[0].headers
    assert inner.requests[0].headers["x-team"] == "blue"
