"""A local OpenAI-compatible endpoint that says whatever a function makes of a request: only for
benchmarks.

    with answering(respond) as url:
        ...                     # a client with the base URL url

It needs nothing but the standard library, and so runs where tune is not installed.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

Respond: TypeAlias = Callable[[dict[str, Any], str], dict[str, Any]]
"""From the body of a request, and the key that it came with ("" without one), to the body of the
answer; a ValueError or a KeyError says what is wrong with the request. Called from many threads at
once.
"""


@contextlib.contextmanager
def answering(respond: Respond) -> Iterator[str]:
    """Answer every POST on a free port for as long as the block lasts; the base URL for clients."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(respond))
    server.daemon_threads = True
    # A short poll, or leaving would take half a second.
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def chat_completion(
    number: int,
    model: str,
    said: Sequence[tuple[str, str]],
    *,
    prompt_tokens: int,
    completion_tokens: int,
) -> dict[str, Any]:
    """The body of an answer.

    Args:
        number: of the call; makes its id.
        model: as it was asked for.
        said: the text of each choice, and why it ended.
        prompt_tokens: billed, once.
        completion_tokens: billed, over all choices.
    """
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }
    choices = [
        {
            "index": i,
            "finish_reason": reason,
            "message": {"role": "assistant", "content": text},
        }
        for i, (text, reason) in enumerate(said)
    ]
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": choices,
        "usage": usage,
    }


def _handler(respond: Respond) -> type[BaseHTTPRequestHandler]:
    """Make the class that serves a connection.

    The connection stays open, and each answer leaves in one piece.
    """

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            key = self.headers.get("Authorization", "").removeprefix("Bearer ")
            try:
                status, reply = 200, respond(body, key)
            except (ValueError, KeyError) as error:
                status, reply = (
                    400,
                    {"error": {"message": str(error), "type": "invalid_request_error"}},
                )
            data = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            pass

    return Answers
