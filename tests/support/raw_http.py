"""An HTTP server that answers with bytes as they are, and keeps what arrives."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

CERTIFICATE = Path(__file__).with_name("localhost.pem")
"""The certificate of localhost with its key, signed by itself. It secures nothing but tests."""


@dataclass
class RawServer:
    """What a server was sent.

    Attributes:
        url: where it listens.
        heads: the first line and the headers of each request.
        bodies: the body of each request.
        connections: how many were opened.
    """

    url: str
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def place(self) -> str:
        """Host and port."""
        return urlsplit(self.url).netloc

    def headers(self, number: int = -1) -> dict[str, str]:
        """Return the headers of a request by their names in lower case."""
        lines = self.heads[number].splitlines()[1:]
        pairs = [line.partition(": ") for line in lines if line]
        return {name.lower(): value for name, _, value in pairs}


def answer(content: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return a whole answer as it goes over the wire."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


@asynccontextmanager
async def raw_server(
    reply: bytes | Iterable[bytes] = b"", *, tls: bool = False, tunnel_to: str = ""
) -> AsyncIterator[RawServer]:
    """Serve on a free port of this machine.

    Args:
        reply: the answer to each request; pieces are sent for as long as the client reads, and
            then the connection is closed.
        tls: as https://localhost, with `CERTIFICATE`.
        tunnel_to: a host and port to which CONNECT opens a tunnel, as a proxy does.
    """
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
    there = RawServer("")
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        there.connections += 1
        try:
            while await _read_request(reader, there):
                if tunnel_to and there.heads[-1].startswith("CONNECT"):
                    await _tunnel(reader, writer, tunnel_to)
                    return
                if not isinstance(reply, bytes):
                    for piece in reply:
                        writer.write(piece)
                        await writer.drain()
                    return
                writer.write(reply)
                await writer.drain()
        except (OSError, asyncio.CancelledError):
            # The client has gone, or the test is over.
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    there.url = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
    try:
        yield there
    finally:
        listening.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await listening.wait_closed()


async def _read_request(reader: asyncio.StreamReader, there: RawServer) -> bool:
    """Keep the next request; False where none came any more."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return False
    there.heads.append(head)
    size = int(there.headers().get("content-length", 0))
    there.bodies.append(await reader.readexactly(size))
    return True


async def _tunnel(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, place: str
) -> None:
    """Pass bytes on in both directions until one side ends."""
    host, _, port = place.partition(":")
    far_reader, far_writer = await asyncio.open_connection(host, int(port))
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    try:
        await asyncio.gather(_pipe(reader, far_writer), _pipe(far_reader, writer))
    finally:
        far_writer.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(2**16):
        writer.write(piece)
        await writer.drain()
    writer.close()
