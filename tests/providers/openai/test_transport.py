"""Requests go out once, as OpenAI's client would send them, and answers are read up to a limit."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import openai
import pytest

from tests.support.raw_http import CERTIFICATE, RawServer, answer, raw_server
from tune.completion import Message, Request
from tune.errors import InputError
from tune.providers.openai.access import resolve_access
from tune.providers.openai.endpoint import OpenAIEndpoint
from tune.providers.openai.sender import RawReply, SendFault
from tune.providers.openai.transport import Transport

BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}

OK = answer(b"{}", "Content-Type: application/json")


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in (
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_CUSTOM_HEADERS",
        "OPENAI_ORG_ID",
        "OPENAI_PROJECT_ID",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ):
        monkeypatch.delenv(name, raising=False)


Send = Callable[..., Any]


@pytest.fixture
async def send() -> AsyncIterator[Send]:
    """Send one request to a base URL; what was opened for it is closed after the test."""
    opened: list[Transport] = []

    async def send_to(
        url: str,
        body: Mapping[str, Any] | None = BODY,
        *,
        path: str = "/chat/completions",
        most: int = 10_000,
    ) -> RawReply:
        access = resolve_access(url, "planted-key", None, {}, allow_http=True)
        transport = Transport(access, 20.0, most=most)
        opened.append(transport)
        return await transport.send(path, body)

    yield send_to
    for transport in opened:
        await transport.close()


async def fault_of(sending: Any) -> SendFault:
    with pytest.raises(SendFault) as caught:
        await sending
    # An exception behind it could hold headers, and a traceback would show them.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "planted" not in str(caught.value)
    return caught.value


# --- answers


async def test_a_reply_has_its_status_its_headers_and_its_bytes(send: Send) -> None:
    reply = answer(b'{"a": 1}', "X-Request-Id: r1", status="429 Too Many Requests")
    async with raw_server(reply) as server:
        got = await send(server.url)
    assert (got.status, got.content) == (429, b'{"a": 1}')
    assert got.headers["x-request-id"] == "r1"


async def test_connections_are_kept_and_used_again() -> None:
    async with raw_server(OK) as server:
        transport = Transport(resolve_access(server.url, "k", None, {}), 20.0)
        for _ in range(3):
            await transport.send("/chat/completions", BODY)
        assert server.connections == 1
        await asyncio.gather(
            *(transport.send("/chat/completions", BODY) for _ in range(5))
        )
        assert server.connections <= 5
        await transport.close()
        # It opens again.
        await transport.send("/chat/completions", BODY)
        await transport.close()


async def test_reading_ends_at_the_limit_and_not_after_it(send: Send) -> None:
    sent = itertools.count()

    def endless() -> Any:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while True:
            next(sent)
            yield b"x" * 100_000

    async with raw_server(endless()) as server:
        fault = await fault_of(send(server.url, most=1_000_000))
    assert fault.stage == "unreadable"
    assert "larger than" in str(fault)
    # What the kernel and both sides hold on the way is not read any more.
    assert next(sent) < 300


async def test_a_packed_answer_is_unpacked_up_to_the_limit(send: Send) -> None:
    content = json.dumps({"a": "b" * 9000}).encode()
    packed = answer(gzip.compress(content), "Content-Encoding: gzip")
    async with raw_server(packed) as server:
        assert (await send(server.url)).content == content
        assert server.headers()["accept-encoding"] == "gzip, deflate"
        fault = await fault_of(send(server.url, most=9000))
    assert fault.stage == "unreadable"


async def test_an_answer_that_breaks_off_is_lost(send: Send) -> None:
    whole = answer(b'{"a": 1}')
    for reply in ([whole[:-1]], [whole[:20]], [b""], [b"what?\r\n\r\n"]):
        async with raw_server(reply) as server:
            assert (await fault_of(send(server.url))).stage == "lost"


async def test_a_request_is_never_sent_twice(send: Send) -> None:
    # A client that tries again by itself would pay twice.
    async with raw_server([b""]) as server:
        await fault_of(send(server.url))
        assert len(server.heads) == 1


@pytest.mark.parametrize("status", ["301 Moved", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_a_reply_and_is_not_followed(
    send: Send, status: str
) -> None:
    async with raw_server(OK) as other:
        away = answer(b"", f"Location: {other.url}/v1", status=status)
        async with raw_server(away) as server:
            assert (await send(server.url)).status == int(status[:3])
        assert other.heads == []


async def test_cookies_are_not_kept() -> None:
    async with raw_server(answer(b"{}", "Set-Cookie: a=b; Path=/")) as server:
        transport = Transport(resolve_access(server.url, "k", None, {}), 20.0)
        for _ in range(2):
            await transport.send("/models", None)
        await transport.close()
        assert "cookie" not in server.headers()


async def test_a_long_header_is_read(send: Send) -> None:
    reply = answer(b"{}", f"Content-Security-Policy: {'x' * 30_000}")
    async with raw_server(reply) as server:
        assert (await send(server.url)).status == 200


# --- the network


async def test_nobody_there_means_that_nothing_was_sent(send: Send) -> None:
    async with raw_server(OK) as server:
        url = server.url
    fault = await fault_of(send(url))
    assert fault.stage == "unsent"
    assert "Connect call failed" in str(fault)


async def test_a_host_that_does_not_exist_means_that_nothing_was_sent(
    send: Send,
) -> None:
    assert (await fault_of(send("http://no-such-host.invalid"))).stage == "unsent"


async def test_what_has_no_json_can_never_be_sent(send: Send) -> None:
    async with raw_server(OK) as server:
        fault = await fault_of(send(server.url, {"temperature": float("nan")}))
        assert fault.stage == "impossible"
        assert server.heads == []


async def test_a_proxy_of_the_environment_passes_requests_on(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with raw_server(OK) as proxy, raw_server(OK) as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:pass@{proxy.place}")
        await send(server.url)
        assert proxy.heads[0].startswith(f"POST {server.url}/chat/completions HTTP/1.1")
        assert proxy.headers()["proxy-authorization"] == "Basic bWU6cGFzcw=="
        assert server.heads == []
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        await send(server.url)
        assert "proxy-authorization" not in proxy.headers()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        await send(server.url)
        assert len(server.heads) == 1


async def test_a_proxy_that_refuses_a_tunnel_has_sent_nothing(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = answer(b"", status="407 Proxy Authentication Required")
    async with raw_server(refusal) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        fault = await fault_of(send("https://api.example.org/v1"))
        assert fault.stage == "unsent"
        assert str(fault) == "the proxy answered 407"
        # The key is for the service, not for the proxy.
        assert "planted" not in "".join(proxy.heads)


async def test_a_ca_bundle_is_trusted_with_and_without_a_proxy(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with raw_server(OK, tls=True) as server:
        fault = await fault_of(send(server.url))
        assert fault.stage == "unsent"
        assert "name its CA bundle in SSL_CERT_FILE" in str(fault)
        assert server.heads == []
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        assert (await send(server.url)).status == 200
        async with raw_server(OK, tunnel_to=server.place) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            assert (await send(server.url)).status == 200
            assert proxy.heads[0].startswith(f"CONNECT {server.place}")
            assert "planted" not in proxy.heads[0]


async def test_a_bundle_that_cannot_be_read_is_the_users_to_mend(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file")
    with pytest.raises(InputError, match="SSL_CERT_FILE"):
        await send("https://localhost:1")


# --- what is sent, beside OpenAI's own client

NAMES_THE_CLIENT = {"user-agent", "accept-encoding", "connection"}
"""Headers that say who sends, and how. The package adds others that begin with x-stainless."""

CHAT = (Message("system", "Be brief."), Message("user", 'ünï "quoted" \u2028 \n 😀'))

REQUESTS = {
    "chat": (Request("s", "m", CHAT, 16), range(1)),
    "several": (Request("s", "m", CHAT, 16, stop=("\n", "END")), range(3, 8)),
    "settings": (
        Request(
            "s",
            "m",
            CHAT,
            16,
            settings=(("temperature", 0.30000000000000004), ("top_p", 1), ("seed", 7)),
        ),
        range(1),
    ),
    "reasoning": (
        Request("s", "gpt-6-luna", CHAT, 16, settings=(("reasoning_effort", "low"),)),
        range(1),
    ),
    "plain text": (Request("s", "m", "Once upon a tïme", 16), range(2)),
    "large": (Request("s", "m", (Message("user", "x" * 2_000_000),), 16), range(1)),
}


def said(server: RawServer, number: int) -> tuple[str, dict[str, str], object, int]:
    """Return the first line, the headers but for those that name the client, and the body.

    The body comes decoded and as its size, since the order of its fields says nothing.
    """
    line = server.heads[number].splitlines()[0]
    headers = {
        name: value
        for name, value in server.headers(number).items()
        if name not in NAMES_THE_CLIENT and not name.startswith("x-stainless")
    }
    body = server.bodies[number]
    return line, headers, json.loads(body or "null"), len(body)


async def send_by_openai(url: str, body: Mapping[str, Any], **options: Any) -> None:
    """Send the same body by OpenAI's own client, through its usual methods."""
    async with openai.AsyncOpenAI(
        base_url=url, api_key="planted-key", max_retries=0, **options
    ) as client:
        create: Any = client.chat.completions.create
        if "prompt" in body:
            create = client.completions.create
        await create(**body)


@pytest.mark.parametrize("kind", REQUESTS)
async def test_each_kind_of_call_is_sent_as_openais_client_sends_it(kind: str) -> None:
    request, numbers = REQUESTS[kind]
    content = {
        "id": "1",
        "choices": [
            {
                "index": index,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "yes"},
                "text": "yes",
            }
            for index in range(len(numbers))
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
    }
    reply = answer(json.dumps(content).encode(), "Content-Type: application/json")
    async with raw_server(reply) as server:
        url = f"{server.url}/v1"
        endpoint = OpenAIEndpoint(request.model, base_url=url, api_key="planted-key")
        await endpoint.complete(request, numbers)
        await endpoint.close()
        await send_by_openai(url, json.loads(server.bodies[0]))
        assert said(server, 0) == said(server, 1)
        assert server.headers(0)["authorization"] == "Bearer planted-key"


@pytest.mark.parametrize("in_url", [True, False])
async def test_headers_and_query_of_an_entry_are_sent_as_openais_client_sends_them(
    monkeypatch: pytest.MonkeyPatch, in_url: bool
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Custom: c d\nX-Team: red")
    headers = {"x-team": "blue", "HTTP-Referer": "https://example.org"}
    query = {"api-version": "2026-01-01", "code": "a b&c/ü"} if in_url else {}
    tail = "?api-version=2026-01-01&code=a%20b%26c%2F%C3%BC" if in_url else ""
    async with raw_server(OK) as server:
        url = f"{server.url}/v1"
        access = resolve_access(url + tail, "planted-key", None, headers)
        transport = Transport(access, 20.0)
        await transport.send("/chat/completions", BODY)
        await transport.send("/models", None)
        await transport.close()
        options: Any = {"default_headers": headers, "default_query": query}
        await send_by_openai(url, BODY, **options)
        async with openai.AsyncOpenAI(
            base_url=url, api_key="planted-key", **options
        ) as client:
            await client.models.list()
        ours, theirs = said(server, 0), said(server, 2)
        assert ours[1:] == theirs[1:]
        assert queried(ours[0]) == queried(theirs[0])
        assert server.headers(0)["x-team"] == "blue"
        assert server.headers(0)["openai-organization"] == "org-1"
        assert said(server, 1)[1:] == said(server, 3)[1:]


def queried(line: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the first line of a request with its query decoded: both know several codings."""
    method, target, _ = line.split(" ")
    parts = urlsplit(target)
    return f"{method} {parts.path}", parse_qsl(
        parts.query, strict_parsing=bool(parts.query)
    )


async def test_what_the_environment_adds_goes_to_no_other_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.example.org/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "planted-key")
    monkeypatch.setenv("OPENAI_ORG_ID", "planted-org")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Custom: planted-header")
    there = resolve_access("https://api.example.org/v1", None, None, {})
    assert {"planted-key", "planted-org", "planted-header"} <= {
        value.removeprefix("Bearer ") for value in there.sent_headers.values()
    }
    elsewhere = resolve_access("https://other.example.org/v1", None, None, {})
    assert "planted" not in str(elsewhere.sent_headers)


async def test_half_a_surrogate_pair_can_be_sent(send: Send) -> None:
    body = {"prompt": "\ud83d"}
    async with raw_server(OK) as server:
        await send(server.url, body)
        assert json.loads(server.bodies[0]) == body


async def test_a_question_for_a_bill_keeps_its_own_query(send: Send) -> None:
    async with raw_server(OK) as server:
        await send(f"{server.url}/v1?a=1", None, path=f"{server.url}/v1/bill?id=x%2Fy")
        line = server.heads[0].splitlines()[0]
        assert queried(line) == ("GET /v1/bill", [("id", "x/y"), ("a", "1")])
