"""Clients that the user has configured, `openai.AsyncOpenAI` and its kind, used as they are."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from tune.errors import InputError
from tune.providers.openai.access import Access
from tune.providers.openai.sender import RawReply, SendFault, Stage
from tune.providers.openai.unpack import Unpacker, UnreadableAnswer
from tune.safety.redact import watch_logs
from tune.safety.untrusted import ANSWER_BYTES

# Failures of httpx before which nothing of the request had left, and those of requests that can
# never be sent, by the names of their classes: the client decides which httpx it uses.
_UNSENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"})
_IMPOSSIBLE = frozenset({"UnsupportedProtocol", "LocalProtocolError", "InvalidURL"})

# Each attempt reserves its money before it is sent, so the client may not try again by itself. A
# redirect could carry the key to another host.
_OPTIONS = {"max_retries": 0, "follow_redirects": False}


def check_client(name: str, client: object) -> None:
    """Check that an object is a client that can be used.

    Raises:
        InputError: it is not.
    """
    parts = ("post", "get", "base_url", "default_headers", "default_query")
    if any(not hasattr(client, part) for part in parts):
        raise InputError(
            f"the client of model {name!r} is an openai.AsyncOpenAI or AsyncAzureOpenAI, "
            f"but got {type(client).__name__}"
        )
    if not type(client).__name__.startswith("Async"):
        raise InputError(
            f"the client of model {name!r} must not block: "
            f"give openai.Async{type(client).__name__} instead of {type(client).__name__}"
        )


def client_url(client: Any) -> str:
    """Return the address that a client calls, with its query."""
    url = str(client.base_url).rstrip("/")
    query = urlencode(_texts(client.default_query))
    return f"{url}?{query}" if query else url


def client_access(client: Any) -> Access:
    """Return the address of a client and the secrets that it sends, so that they can be hidden.

    Nothing of it is sent by us.
    """
    headers: dict[str, str] = {}
    for name, value in _texts(client.default_headers).items():
        # The client says what it is in these, in ordinary words.
        if not name.lower().startswith("x-stainless"):
            headers[name] = value
    key = getattr(client, "api_key", None)
    return Access(
        urlsplit(client_url(client)), key if isinstance(key, str) else None, headers
    )


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    """Return the values that are texts; a client marks what it leaves out with other objects."""
    return {name: value for name, value in values.items() if isinstance(value, str)}


class ClientSender:
    """Sends requests through a client of the user, each once.

    The client's own address, headers, time limits, proxy and certificates count. It can be used
    again afterwards: it belongs to the user.

    Args:
        client: an `openai.AsyncOpenAI` or `openai.AsyncAzureOpenAI`.
        most: bytes of an answer above which reading it is given up.
    """

    def __init__(self, client: Any, *, most: int = ANSWER_BYTES) -> None:
        self._client = client
        self._most = most

    async def send(self, path: str, body: Mapping[str, Any] | None) -> RawReply:
        """Send one request: a POST where there is a body, else a GET.

        Raises:
            SendFault: no reply came.
        """
        import openai

        watch_logs()
        fault: SendFault
        options: dict[str, Any] = {
            "cast_to": object,
            "options": _OPTIONS,
            # The answer is read piece by piece, with a limit.
            "stream": True,
            "stream_cls": openai.AsyncStream[object],
        }
        try:
            if body is None:
                stream = await self._client.get(path, **options)
            else:
                stream = await self._client.post(path, body=dict(body), **options)
            return await self._read(stream.response)
        except openai.APIStatusError as error:
            # A status of 400 or more is a reply as well.
            reply = error.response
            return RawReply(reply.status_code, reply.headers, reply.content)
        except openai.APIConnectionError as error:
            fault = _fault(error.__cause__ or error)
        except openai.OpenAIError as error:
            fault = SendFault("impossible", str(error))
        # Outside the handlers, so that it carries along no exception which holds headers.
        raise fault

    async def close(self) -> None:
        """Close the connections; the client opens new ones when it is used again.

        They belong to the event loop of the run, and no other loop can use or close them.
        """
        # The client has no method for this: its own `close` is for good.
        http = getattr(self._client, "_client", None)
        mounted = getattr(http, "_mounts", {}).values()
        for transport in (getattr(http, "_transport", None), *mounted):
            if transport is not None:
                await transport.aclose()

    async def _read(self, response: Any) -> RawReply:
        """Read a whole answer, up to the limit.

        Raises:
            SendFault: it is larger, or the connection broke.
        """
        answer = Unpacker("", self._most)
        fault: SendFault
        library = sys.modules[type(response).__module__.partition(".")[0]]
        try:
            async for piece in response.aiter_bytes():
                answer.feed(piece)
            return RawReply(response.status_code, response.headers, answer.content())
        except UnreadableAnswer as error:
            fault = SendFault("unreadable", str(error))
        except library.HTTPError as error:
            fault = _fault(error)
        finally:
            await response.aclose()
        raise fault


def _fault(error: BaseException) -> SendFault:
    """Return the fault that a failure of httpx stands for."""
    name = type(error).__name__
    if name in _IMPOSSIBLE:
        # Its words quote what could not be sent, and that may be a key.
        return SendFault("impossible", name)
    stage: Stage = "lost"
    if name in _UNSENT:
        stage = "unsent"
    elif "Timeout" in name:
        stage = "timeout"
    elif name == "DecodingError":
        stage = "unreadable"
    return SendFault(stage, str(error) or name)
