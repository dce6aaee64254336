"""HTTP/1.1 of the fake server: read a request off a connection, and send a reply with its fault."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from tune.fakes.faults import Body
from tune.fakes.replies import Reply


@dataclass(frozen=True)
class Incoming:
    """A request as it was read; header names are in lower case."""

    method: str
    path: str
    query: str
    body: Body
    headers: Mapping[str, str]


async def read_request(reader: asyncio.StreamReader) -> Incoming:
    """Read one request.

    Raises:
        asyncio.IncompleteReadError: the client has closed the connection.
    """
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _version = head[0].split(" ")
    headers = {}
    for line in head[1:]:
        if line:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
    raw = await reader.readexactly(int(headers.get("content-length", "0")))
    path, _, query = target.partition("?")
    body = json.loads(raw) if raw else {}
    return Incoming(method, path, query, body, headers)


async def send_reply(
    reply: Reply,
    headers: Mapping[str, str],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> bool:
    """Send a reply as its fault wants it.

    Returns:
        False if the fault keeps the reply back.
    """
    kind = reply.fault.kind if reply.fault else None
    if kind == "hang":
        # Returns when the client hangs up.
        await reader.read()
        return False
    if kind == "reset":
        _reset(writer)
        return False
    writer.write(_head(reply, headers))
    if reply.fault is not None and kind == "slow":
        await _send_slowly(reply.raw, reply.fault.seconds, writer)
    else:
        writer.write(reply.raw)
    await writer.drain()
    return True


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close the connection with a reset instead of an orderly end."""
    connection: socket.socket = writer.get_extra_info("socket")
    # Lingering for 0 seconds makes the system send RST when the socket closes (man 7 socket).
    linger = struct.pack("ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


def _head(reply: Reply, headers: Mapping[str, str]) -> bytes:
    lines = [
        f"HTTP/1.1 {reply.status} -",
        "content-type: application/json",
        f"content-length: {len(reply.raw)}",
    ]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def _send_slowly(
    raw: bytes, seconds: float, writer: asyncio.StreamWriter
) -> None:
    """Send ten pieces over so many seconds."""
    size = -(-len(raw) // 10)
    for start in range(0, len(raw), size):
        await writer.drain()
        await asyncio.sleep(seconds / 10)
        writer.write(raw[start : start + size])
