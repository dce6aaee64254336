"""A client that the user has configured sends the calls, as it is."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import openai
import pytest

import tune
from tests.support.raw_http import answer, raw_server
from tune.completion import Message, Request
from tune.errors import InputError
from tune.fakes.faults import Fault, fail_every
from tune.fakes.server import Model, Server
from tune.fakes.world import LabelledWorld
from tune.providers.entries import read_entries
from tune.providers.openai.endpoint import OpenAIEndpoint
from tune.providers.openai.sender import SendFault
from tune.providers.openai.user_client import ClientSender, client_access, client_url
from tune.providers.trusted_hosts import host_lines

BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}

COMPLETION = {
    "choices": [{"message": {"content": "yes python"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
}

OK = answer(json.dumps(COMPLETION).encode(), "X-Request-Id: r1")

REQUEST = Request("s", "m", (Message("user", "hi"),), 16)


def client_of(url: str, **options: Any) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=url, api_key="planted-key-0123", **options)


async def fault_of(client: openai.AsyncOpenAI, **options: Any) -> SendFault:
    async with client:
        with pytest.raises(SendFault) as caught:
            await ClientSender(client, **options).send("/chat/completions", BODY)
    assert caught.value.__context__ is None
    return caught.value


async def test_calls_go_through_the_client_with_its_own_headers_and_query() -> None:
    async with raw_server(OK) as server:
        client = client_of(
            f"{server.url}/v1",
            default_headers={"X-Team": "planted-team"},
            default_query={"tenant": "7"},
        )
        endpoint = OpenAIEndpoint("m", client=client)
        (draw,) = await endpoint.complete(REQUEST, range(1))
        assert draw.text == "yes python"
        await endpoint.close()
        assert server.heads[0].startswith("POST /v1/chat/completions?tenant=7 ")
        assert server.headers()["x-team"] == "planted-team"
        assert server.headers()["authorization"] == "Bearer planted-key-0123"
        sent = json.loads(server.bodies[0])
        assert (sent["max_tokens"], sent["seed"]) == (16, REQUEST.seed(0))
        assert "stream" not in sent
        # The client belongs to the user, who may go on with it.
        await endpoint.complete(REQUEST, range(1))
        assert server.connections == 2
        await client.close()


async def test_azure_builds_its_own_address() -> None:
    async with raw_server(OK) as server:
        client = openai.AsyncAzureOpenAI(
            azure_endpoint=server.url,
            api_version="2026-01-01",
            api_key="planted-key-0123",
        )
        endpoint = OpenAIEndpoint("m", client=client)
        await endpoint.complete(REQUEST, range(1))
        await client.close()
        assert server.heads[0].startswith(
            "POST /openai/deployments/m/chat/completions?api-version=2026-01-01 "
        )
        assert server.headers()["api-key"] == "planted-key-0123"


@pytest.mark.parametrize("status", ["503 Unavailable", "429 Slow down", "307 Away"])
async def test_a_client_neither_tries_again_nor_follows_a_redirect(status: str) -> None:
    async with raw_server(OK) as other:
        refusal = answer(b"{}", f"Location: {other.url}/v1", status=status)
        async with raw_server(refusal) as server:
            async with client_of(server.url, max_retries=5) as client:
                reply = await ClientSender(client).send("/chat/completions", BODY)
            assert reply.status == int(status[:3])
            assert reply.headers["location"] == f"{other.url}/v1"
            assert len(server.heads) == 1
        assert other.heads == []


async def test_a_question_without_a_body_is_a_get() -> None:
    async with raw_server(answer(b'{"data": []}')) as server:
        async with client_of(f"{server.url}/v1") as client:
            reply = await ClientSender(client).send("/models", None)
        assert reply.content == b'{"data": []}'
        assert server.heads[0].startswith("GET /v1/models ")


async def test_an_answer_is_read_up_to_the_limit() -> None:
    bomb = answer(gzip.compress(bytes(1_000_000)), "Content-Encoding: gzip")
    async with raw_server(bomb) as server:
        fault = await fault_of(client_of(server.url), most=100_000)
    assert fault.stage == "unreadable"


async def test_the_stage_of_a_failure_is_told() -> None:
    async with raw_server([answer(b'{"a": 1}')[:-1]]) as server:
        url = server.url
        assert (await fault_of(client_of(url))).stage == "lost"
    assert (await fault_of(client_of(url))).stage == "unsent"
    assert (await fault_of(client_of("nothing://h"))).stage == "impossible"
    # Nobody ever answers here.
    async with raw_server([]) as server:
        client = client_of(server.url)
        assert (await fault_of(client)).stage == "lost"


async def test_a_client_that_loses_patience_may_have_been_billed() -> None:
    # A busy machine takes a while to connect.
    patience = openai.Timeout(30.0, read=0.05)
    with Server(models={"m": Model()}, seconds=5.0) as server:
        fault = await fault_of(client_of(server.base_url, timeout=patience))
    assert fault.stage == "timeout"


async def test_the_secrets_of_a_client_are_hidden_and_ordinary_words_are_not() -> None:
    client = client_of("http://h/v1", default_headers={"X-Team": "planted-team"})
    words = client_access(client).scrubber.words
    assert words("Bearer planted-key-0123 planted-team") == "Bearer [hidden] [hidden]"
    assert words("python, CPython, Linux") == "python, CPython, Linux"
    await client.close()


async def test_an_entry_names_the_address_of_its_client_and_no_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    client = client_of("https://api.openai.com/v1")
    entry = read_entries({"m": client})["m"]
    assert (entry.model, entry.base_url) == ("m", "https://api.openai.com/v1")
    assert entry.variables == ()
    assert host_lines([entry]) == ["keys: those of your client → api.openai.com (m)"]
    named = read_entries({"m": {"model": "x", "client": client, "timeout": 5}})["m"]
    assert (named.model, named.client) == ("x", client)
    assert "planted" not in repr(entry)
    await client.close()


async def test_what_is_no_client_or_has_two_addresses_is_refused() -> None:
    client = client_of("https://h/v1", default_query={"v": "1 2"})
    assert client_url(client) == "https://h/v1?v=1+2"
    with pytest.raises(InputError, match=r"its own base_url, key_env"):
        read_entries({"m": {"client": client, "base_url": "http://h", "key_env": "K"}})
    with pytest.raises(InputError, match=r"give \{NAME: client\}"):
        read_entries([client])
    with pytest.raises(InputError, match=r"is an openai\.AsyncOpenAI or .* got str"):
        read_entries({"m": {"client": "openai"}})
    await client.close()
    with (
        openai.OpenAI(base_url="http://h", api_key="k") as blocking,
        pytest.raises(InputError, match=r"give openai\.AsyncOpenAI instead of OpenAI"),
    ):
        read_entries({"m": blocking})


def test_a_study_runs_through_a_client(tmp_path: Path) -> None:
    world = LabelledWorld(models={"small": 0.6})
    broken = fail_every(7, Fault("status", status=503))
    with Server(world=world, models={"small": Model(0.1, 0.4)}, plan=broken) as server:
        client = client_of(server.base_url, default_headers={"X-Team": "blue"})
        study = tune.tune(
            world.examples(20),
            tune.Space(model="small", prompt="Label: {text}", max_tokens=8),
            target="label",
            models={"small": {"client": client, "price": [0.1, 0.4]}},
            budget=0.002,
            results=str(tmp_path / "results"),
            quiet=True,
        )
        assert study.best
        assert all(
            "x-team" in seen.headers for seen in server.requests if seen.number >= 0
        )
    for file in (tmp_path / "results").rglob("*"):
        if file.is_file():
            assert b"planted" not in file.read_bytes(), file
