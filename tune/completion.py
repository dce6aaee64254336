"""A request to a model and its completion: the two records that everything else is made of."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class Structured:
    """A setting that is a table or a list, such as `response_format`.

    Attributes:
        text: the setting as canonical JSON, so that it can be hashed and compared.
    """

    text: str

    @classmethod
    def of(cls, value: Any) -> Structured:
        """Return the setting for a value in JSON's types."""
        text = json.dumps(
            value, sort_keys=True, ensure_ascii=False, separators=(",", ":")
        )
        return cls(text)

    @property
    def value(self) -> Any:
        """The value in JSON's types."""
        return json.loads(self.text)


Setting: TypeAlias = str | int | float | bool | Structured


class Message(NamedTuple):
    """One turn of a chat."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """Everything that decides the distribution of one answer, and nothing else.

    So it has no n: several answers are several draws of one request.

    Attributes:
        service: the alias of the config entry, else host, port and path of the base URL, or the
            content hash of a local file. Never a key, never the secret part of a URL.
        model: the model's name as the service knows it.
        prompt: chat messages, or one string that the model continues.
        max_tokens: the cap in tokens that the answer is bought with, reasoning included.
        stop: the stop strings that the answer is bought with.
        settings: every other setting by name (temperature, top_p, reasoning_effort, ...), sorted by
            name. A setting that is absent has the service's default.
        passed: fields of the body that a caller passes through (tools, a response format, messages
            with more than a role and a text), as a JSON object; "" where there are none.
    """

    service: str
    model: str
    prompt: str | tuple[Message, ...]
    max_tokens: int
    stop: tuple[str, ...] = ()
    settings: tuple[tuple[str, Setting], ...] = ()
    passed: str = ""
    # Kept once it is known: every wrapper of a provider and every table asks for it.
    _key: bytes = field(init=False, default_factory=bytes, compare=False, repr=False)

    def setting(self, name: str) -> Setting | None:
        """Return the value of a setting, or None where it has the service's default."""
        return dict(self.settings).get(name)

    @property
    def canonical(self) -> str:
        """The request as JSON, from an allow-list of fields in a fixed order.

        Fields at their default are left out, so that a new field does not change old keys.
        """
        return _encode({"service": self.service, **self._asked()})

    def _asked(self) -> dict[str, object]:
        """Return what is asked, whatever the service."""
        record: dict[str, object] = {
            "model": self.model,
            "max_tokens": self.max_tokens,
        }
        if isinstance(self.prompt, str):
            record["text"] = self.prompt
        else:
            record["messages"] = [[m.role, m.content] for m in self.prompt]
        if self.stop:
            record["stop"] = list(self.stop)
        if self.settings:
            # 1 and 1.0 are the same temperature, and must be the same request.
            record["settings"] = {
                name: _plain(value) for name, value in sorted(self.settings)
            }
        if self.passed:
            record["passed"] = self.passed
        return record

    @property
    def key(self) -> bytes:
        """32 bytes that identify this request in the store (SHA-256 of the canonical form)."""
        if not self._key:
            form = self.canonical.encode("utf-8", "surrogatepass")
            object.__setattr__(self, "_key", hashlib.sha256(form).digest())
        return self._key

    def seed(self, number: int) -> int:
        """Return a 31-bit seed for draw `number`, for endpoints that take one.

        It is not part of the key, and it is the same for every service: a server that was started
        again on another port gives the same answers.
        """
        form = _encode(self._asked()).encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(form + number.to_bytes(8, "big")).digest()
        # Some endpoints refuse seeds that do not fit into a signed 32-bit integer.
        return int.from_bytes(digest[:4], "big") >> 1


# Made once: `json.dumps` would make a new encoder for each request.
_encode = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, separators=(",", ":")
).encode


def _plain(value: Setting) -> Any:
    if isinstance(value, Structured):
        return value.value
    return int(value) if isinstance(value, float) and value.is_integer() else value


@dataclass(frozen=True, slots=True)
class Invoice:
    """Facts about the bill of one call besides its token counts; all its answers share them.

    Attributes:
        written_tokens: tokens of the prompt that the service wrote to its cache.
        billed: picodollars on the provider's own bill; None where the answer carries none.
        usage_problem: a description of missing or contradictory usage; "" where there is none.
    """

    written_tokens: int = 0
    billed: int | None = None
    usage_problem: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer of a model, as it was bought; kept for ever once paid.

    Attributes:
        text: the text of the model, without a stop string.
        finish_reason: "stop", "length" or "content_filter".
        prompt_tokens: tokens of the prompt.
        completion_tokens: tokens of this answer, hidden reasoning and a generated stop token
            included.
        reasoning_tokens: the hidden ones of them.
        cached_tokens: tokens of the prompt that the service read from its own cache.
        seconds: from sending to the whole answer.
        model: the model's name as returned.
        tier: the service tier as returned, or "".
        token_ends: for each visible token the number of characters of `text` up to its end, where
            the token boundaries are known; needed to cut the text at fewer tokens exactly.
        logprobs: for each of these tokens its log-probability, where the service tells it.
        tool_calls: the calls of tools that the model asks for, as a JSON list; "" where there are
            none. The store does not keep them.
        invoice: the other facts about the bill; needed until the call is settled, and not kept.
    """

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    seconds: float = 0.0
    model: str = ""
    tier: str = ""
    token_ends: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    tool_calls: str = ""
    invoice: Invoice | None = field(default=None, compare=False, repr=False)


ENDINGS = {
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    # The context is full: Mistral's name, and that of Anthropic and Zhipu.
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "content_filter": "content_filter",
    # Bedrock
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    # Anthropic
    "refusal": "content_filter",
    # Zhipu (promptfoo/promptfoo#9905)
    "sensitive": "content_filter",
    # Google's own names, which its compatible endpoint hands on (HKUDS/Vibe-Trading#308)
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    # The service failed: OpenRouter and Mistral, Zhipu, DeepSeek, vLLM and SGLang.
    "error": "failed",
    "network_error": "failed",
    "insufficient_system_resource": "failed",
    "abort": "failed",
}
"""Our names of the reasons, by a service's own name in lower case."""


def read_ending(reason: object) -> str:
    """Return why an answer ended: "stop", "length", "content_filter" or "failed".

    Args:
        reason: the `finish_reason` of a choice. What stands behind a colon is a detail
            ("content_filter: RECITATION"). A name that is not known is "stop".
    """
    return ENDINGS.get(str(reason).lower().partition(":")[0], "stop")


def canonical_calls(tool_calls: str) -> str:
    """Return the names and arguments of calls of tools, the same for the same calls.

    Args:
        tool_calls: the list of calls as JSON, as a service returned it.

    Returns:
        A JSON list of objects with "name" and "arguments", keys sorted. The ids of calls and the
        spelling of their arguments play no part. Arguments that are no JSON stay as they are.
    """
    found = []
    for call in json.loads(tool_calls):
        inner = call.get("function") or call.get("custom") or {}
        arguments: Any = inner.get("arguments", inner.get("input", ""))
        # Not every tool takes JSON, and a model may write it wrongly.
        with suppress(TypeError, ValueError):
            arguments = json.loads(arguments)
        found.append({"name": inner.get("name", ""), "arguments": arguments})
    return json.dumps(found, sort_keys=True, ensure_ascii=False)


MANY = 1 << 30
"""The most draws for one call of an endpoint that states no limit."""


def calls_for(draws: int, most_n: int) -> int:
    """Return the number of calls for so many draws; each call pays for the prompt once."""
    return -(-draws // most_n)


class Provider(Protocol):
    """The one seam between tune and everything that answers."""

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Buy or fetch the draws with these numbers of one request, in order.

        Raises:
            ProviderError: a call failed; `tune.errors` sorts these errors by fault.
            BudgetExhausted: the ceiling of the call does not fit into what is left.
        """
        ...


class Endpoint(Provider, Protocol):
    """A provider that really sends: the innermost of the stack.

    Attributes:
        service: its name in `Request.service`.
        most_n: the most draws that one call returns while its prompt is paid once; 1 where each
            draw takes a call.
    """

    @property
    def service(self) -> str:
        """The name of the service, as `Request.service` has it."""
        ...

    @property
    def most_n(self) -> int:
        """The most draws of one call; an endpoint may learn that it is less."""
        ...

    async def preflight(self) -> str:
        """Check that calls can succeed, before any money is spent.

        Returns:
            A sentence on a problem that may still come, or "".

        Raises:
            InputError: the model cannot be loaded.
            EndpointError: wrong key, no such model, unreachable.
        """
        ...

    def most_prompt_tokens(self, request: Request) -> int:
        """Return an upper bound of the prompt's tokens, exact with the model's own tokenizer."""
        ...

    async def close(self) -> None:
        """Release connections, threads and memory."""
        ...
