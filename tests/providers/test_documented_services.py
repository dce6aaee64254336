"""The lines of the documentation for each service: what is sent when they are copied."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tune.completion import Message, Request
from tune.plan.fixed_settings import fix_settings
from tune.plan.models import find_prices
from tune.providers.capabilities import Capabilities
from tune.providers.endpoints import open_endpoint
from tune.providers.entries import Entry, read_entries
from tune.providers.openai import exchange
from tune.providers.openai.sender import RawReply
from tune.providers.openai.transport import Transport
from tune.space import Space, settings_of

DOCS = Path(__file__).parents[2] / "docs" / "models.md"
ROW = re.compile(r"^\| ([\w.,/ ]+) \| `(\w+ = \{.*\})` \|$", re.MULTILINE)
LINES = dict(ROW.findall(DOCS.read_text(encoding="utf-8")))

AZURE = "https://my-name.openai.azure.com/openai"
URLS = {
    "OpenAI": "https://api.openai.com/v1",
    "Azure, a deployment": f"{AZURE}/deployments/my-deployment",
    "Azure, v1": f"{AZURE}/v1",
    "OpenRouter": "https://openrouter.ai/api/v1",
    "Anthropic": "https://api.anthropic.com/v1",
    "Gemini": "https://generativelanguage.googleapis.com/v1beta/openai",
    "DeepSeek": "https://api.deepseek.com/v1",
    "Mistral": "https://api.mistral.ai/v1",
    "Groq": "https://api.groq.com/openai/v1",
    "xAI": "https://api.x.ai/v1",
    "vLLM": "http://localhost:8000/v1",
    "SGLang": "http://localhost:30000/v1",
    "llama.cpp": "http://localhost:8080/v1",
    "Ollama": "http://localhost:11434/v1",
    "LM Studio": "http://localhost:1234/v1",
    "LiteLLM proxy": "http://localhost:4000/v1",
}
EXTRA: dict[str, dict[str, Any]] = {
    "OpenRouter": {"provider": {"allow_fallbacks": False}},
    "vLLM": {"chat_template_kwargs": {"enable_thinking": False}},
}


class Sent(NamedTuple):
    url: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Sent]:
    """Every request in the place of sending it; each is answered with "ok"."""
    found: list[Sent] = []

    class Recorder(Transport):
        async def send(self, path: str, body: Mapping[str, Any] | None) -> RawReply:
            found.append(Sent(self._url(path), self._access.sent_headers, body or {}))
            choice = {"message": {"content": "ok"}, "finish_reason": "stop"}
            usage = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}
            reply = {"choices": [choice], "usage": usage}
            return RawReply(200, {}, json.dumps(reply).encode())

    monkeypatch.setattr(exchange, "Transport", Recorder)
    return found


def entry_of(service: str) -> Entry:
    table = tomllib.loads(f"[models]\n{LINES[service]}")["models"]
    (entry,) = read_entries(table).values()
    return entry


async def ask(entry: Entry) -> None:
    """Send the request that a study sends for the entry's settings."""
    space = fix_settings(Space(model=entry.name, prompt="{text}"), {entry.name: entry})
    (point,) = space.points()
    settings = {}
    for name, value in settings_of(point).items():
        settings[name] = space.named.sent(name, value)
    endpoint = open_endpoint(entry, Capabilities())
    request = Request(
        endpoint.service,
        entry.model,
        (Message("user", "hi"),),
        8,
        settings=tuple(sorted(settings.items())),  # type: ignore[arg-type]
    )
    await endpoint.complete(request, range(1))
    await endpoint.close()


def test_every_service_that_is_documented_is_tested() -> None:
    assert set(LINES) == set(URLS)


@pytest.mark.parametrize("service", URLS)
async def test_a_copied_line_sends_what_its_service_takes(
    service: str, sent: list[Sent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    entry = entry_of(service)
    key = "key-of-a-test-0123456789"
    monkeypatch.setenv(entry.key_variable or "NO_KEY", key)
    await ask(entry)
    (request,) = sent
    url, _, query = request.url.partition("?")
    assert url == f"{URLS[service]}/chat/completions"
    assert query == ("api-version=2024-10-21" if "deployment" in service else "")
    if service.startswith("Azure"):
        assert request.headers["api-key"] == key
        assert "Authorization" not in request.headers
    elif entry.key_variable is not None:
        assert request.headers["Authorization"] == f"Bearer {key}"
    if service == "OpenRouter":
        assert request.headers["HTTP-Referer"] == "https://example.org"
        assert request.headers["X-Title"] == "tune"
    cap = "max_completion_tokens" if service == "OpenAI" else "max_tokens"
    body = dict(request.body)
    # Some services are known to take no seed.
    assert isinstance(body.pop("seed", 0), int)
    assert body == {
        "model": entry.model,
        "messages": [{"role": "user", "content": "hi"}],
        cap: 8,
        **EXTRA.get(service, {}),
    }


def test_a_documented_line_has_a_price() -> None:
    for service in URLS:
        entry = entry_of(service)
        assert find_prices([entry], None)[entry.name].output >= 0


async def test_a_token_of_entra_goes_as_a_bearer_token(
    sent: list[Sent], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.e30.planted"
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", token)
    await ask(entry_of("Azure, v1"))
    assert sent[0].headers["Authorization"] == f"Bearer {token}"
    assert "api-key" not in sent[0].headers


async def test_the_places_of_one_model_share_its_calls_and_their_service(
    sent: list[Sent],
) -> None:
    listed = [
        {"model": "m", "base_url": "http://localhost:1/v1", "api_key": "key-number-1"},
        {"model": "m", "base_url": "http://localhost:2/v1", "api_key": "key-number-2"},
    ]
    (entry,) = read_entries(listed).values()
    endpoint = open_endpoint(entry, Capabilities())
    assert endpoint.service == "localhost:1/v1"
    request = Request(endpoint.service, "m", (Message("user", "hi"),), 8)
    for number in range(4):
        await endpoint.complete(request, range(number, number + 1))
    called = [(each.url, each.headers["Authorization"]) for each in sent]
    assert called[:2] == [
        ("http://localhost:1/v1/chat/completions", "Bearer key-number-1"),
        ("http://localhost:2/v1/chat/completions", "Bearer key-number-2"),
    ]
    assert called[2:] == called[:2]


async def test_a_variable_that_is_not_set_is_one_sentence_and_nothing_is_sent(
    sent: list[Sent], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tune.errors import InputError

    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    with pytest.raises(InputError, match="set the environment variable GROQ_API_KEY"):
        await ask(entry_of("Groq"))
    made = Entry("m", "m", base_url="http://h/v1", query={"route": {"env": "NO_ROUTE"}})
    with pytest.raises(InputError, match="set the environment variable NO_ROUTE"):
        await ask(made)
    assert sent == []
