"""A server in a process of its own that answers chat completions at once."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

MODEL = "fast"

# The body of an answer as OpenAI sends it. The client under test must read all of it.
_BODY = json.dumps(
    {
        "id": "chatcmpl-C0ffee1234567890abcdef",
        "object": "chat.completion",
        "created": 1764000000,
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "billing",
                    "refusal": None,
                    "annotations": [],
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 60,
            "completion_tokens": 2,
            "total_tokens": 62,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
    }
).encode()

_REPLY = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: application/json\r\n"
    b"Date: Sat, 28 Nov 2026 12:00:00 GMT\r\n"
    b"x-request-id: req_0123456789abcdef0123456789abcdef\r\n"
    b"openai-processing-ms: 12\r\n"
    b"x-ratelimit-limit-requests: 10000\r\n"
    b"x-ratelimit-remaining-requests: 9999\r\n"
    b"Content-Length: " + str(len(_BODY)).encode() + b"\r\n\r\n" + _BODY
)

_LENGTH = b"content-length:"


class _Protocol(asyncio.Protocol):
    """Answers each request of one connection with the same bytes.

    It reads no more of HTTP than it must, so that it is never slower than a client.

    Args:
        seconds: time that an answer takes.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._held = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        while self._take_request():
            asyncio.get_running_loop().call_later(self._seconds, self._answer)

    def _take_request(self) -> bool:
        """Take one whole request from what was received; False where there is none yet."""
        end = self._held.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self._held[:end].lower()
        start = head.find(_LENGTH)
        size = 0
        if start >= 0:
            size = int(head[start + len(_LENGTH) :].split(b"\r\n", 1)[0])
        whole = end + 4 + size
        if len(self._held) < whole:
            return False
        self._held = self._held[whole:]
        return True

    def _answer(self) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.write(_REPLY)


async def _serve(seconds: float, tell: Connection) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: _Protocol(seconds), "127.0.0.1", 0, backlog=1024
    )
    tell.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def _run(seconds: float, tell: Connection) -> None:
    asyncio.run(_serve(seconds, tell))


@contextmanager
def fast_server(seconds: float = 0.0) -> Iterator[str]:
    """Run the server, and yield its base URL.

    Args:
        seconds: time that an answer takes.
    """
    # A new interpreter: a copy of this one would hold its event loop and its files.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(seconds, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/v1"
    finally:
        process.terminate()
        process.join()
