"""HTTP of the fake server: requests are read, and replies sent as their fault wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import pytest

from tune.fakes.faults import Fault
from tune.fakes.replies import Reply
from tune.fakes.wire import read_request, send_reply


async def read(raw: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(raw)
    reader.feed_eof()
    return reader


async def test_a_request_is_read_with_its_query_and_body() -> None:
    body = b'{"model": "small"}'
    head = (
        b"POST /v1/completions?a=1 HTTP/1.1\r\nHost: x\r\nAuthorization:  Bearer k \r\n"
        b"Content-Length: 18\r\n\r\n"
    )
    got = await read_request(await read(head + body))
    assert (got.method, got.path, got.query) == ("POST", "/v1/completions", "a=1")
    assert got.body == {"model": "small"}
    assert got.headers["authorization"] == "Bearer k"


async def test_a_request_without_a_body_has_an_empty_one() -> None:
    got = await read_request(await read(b"GET /v1/models HTTP/1.1\r\n\r\n"))
    assert (got.path, got.query, got.body, got.headers) == ("/v1/models", "", {}, {})


async def test_the_end_of_a_connection_is_an_error() -> None:
    with pytest.raises(asyncio.IncompleteReadError):
        await read_request(await read(b"GET /v1/mod"))


async def sent(reply: Reply, headers: Mapping[str, str]) -> tuple[bool, bytes]:
    """Send a reply to a client on a real connection; return the client's bytes."""
    kept_open: list[bool] = []

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        kept_open.append(await send_reply(reply, headers, reader, writer))
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        if reply.fault and reply.fault.kind == "hang":
            writer.write_eof()
        raw = b""
        with suppress(ConnectionError):
            raw = await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return kept_open[0], raw


async def test_a_reply_has_its_length_and_headers() -> None:
    kept, raw = await sent(Reply(200, b"{}"), {"x-id": "7"})
    assert kept
    assert raw.startswith(b"HTTP/1.1 200 -\r\n")
    assert b"content-length: 2\r\n" in raw
    assert b"x-id: 7\r\n" in raw
    assert raw.endswith(b"\r\n\r\n{}")


@pytest.mark.parametrize("size", [1, 9, 10, 25])
async def test_a_slow_reply_arrives_whole(size: int) -> None:
    body = bytes(range(size))
    kept, raw = await sent(Reply(200, body, fault=Fault("slow", seconds=0.01)), {})
    assert kept
    assert raw.endswith(b"\r\n\r\n" + body)


@pytest.mark.parametrize("kind", ["hang", "reset"])
async def test_a_reply_that_is_kept_back_sends_nothing(kind: str) -> None:
    fault = Fault(kind)  # type: ignore[arg-type]
    assert await sent(Reply(200, b"{}", fault=fault), {}) == (False, b"")
