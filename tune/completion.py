"""What is asked of a model and what comes back: the two records that everything else is made of."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

Setting: TypeAlias = str | int | float | bool


class Message(NamedTuple):
    """One turn of a chat."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """Everything that decides the distribution of one answer, and nothing else: there is no n in
    it.

    Attributes:
        service: who answers: the alias of the config entry, else host, port and path of the base
        URL, or
            the content hash of a local file. Never a key, never the secret part of a URL.
        model: the model's name as the service knows it. prompt: chat messages, or one string that
        the model continues as it stands. max_tokens: the cap, in tokens, that the answer is bought
        with; reasoning is included. stop: the stop strings that the answer is bought with.
        settings: every other setting by name (temperature, top_p, reasoning_effort, ...), sorted by
        name;
            what is absent is left to the service's default.
    """

    service: str
    model: str
    prompt: str | tuple[Message, ...]
    max_tokens: int
    stop: tuple[str, ...] = ()
    settings: tuple[tuple[str, Setting], ...] = ()

    def setting(self, name: str) -> Setting | None:
        """The value of a setting, or None where it is left to the service."""
        return dict(self.settings).get(name)

    @property
    def canonical(self) -> str:
        """The request as JSON, from an allow-list of fields in a fixed order; fields at their
        default are left out.
        """
        record: dict[str, object] = {
            "service": self.service,
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
            record["settings"] = {name: _plain(value) for name, value in sorted(self.settings)}
        return json.dumps(record, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    @property
    def key(self) -> bytes:
        """32 bytes that identify this request in the store (SHA-256 of the canonical form)."""
        return hashlib.sha256(self.canonical.encode("utf-8", "surrogatepass")).digest()

    def seed(self, number: int) -> int:
        """A 31-bit seed for draw `number`, for endpoints that take one; it is no part of the key."""
        return (
            int.from_bytes(hashlib.sha256(self.key + number.to_bytes(8, "big")).digest()[:4], "big")
            >> 1
        )


def _plain(value: Setting) -> Setting:
    return int(value) if isinstance(value, float) and value.is_integer() else value


@dataclass(frozen=True, slots=True)
class Invoice:
    """Facts about the bill of one call that its token counts do not say; its answers share them.

    Attributes:
        written_tokens: tokens of the prompt that the service wrote to its cache.
        billed: picodollars on the provider's own bill; None where the answer carries none.
        usage_problem: what was missing or contradictory in the reported usage, in words; "" where
            all was well.
    """

    written_tokens: int = 0
    billed: int | None = None
    usage_problem: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer of a model, as it was bought; kept for ever once paid.

    Attributes:
        text: what the model said, without a stop string. finish_reason: "stop", "length" or
        "content_filter". prompt_tokens: tokens of the prompt. completion_tokens: tokens of this
        answer, hidden reasoning and a generated stop token included. reasoning_tokens: those of
        them that were hidden. cached_tokens: tokens of the prompt that the service read from its
        own cache. seconds: from sending to the whole answer. model: the model's name as returned.
        tier: the service tier as returned, or "". token_ends: for each visible token the number of
        characters of `text` up to its end, where the
            token boundaries are known; needed to cut the text at fewer tokens exactly.
        invoice: what else the bill of the call depends on; it is needed until the call is settled,
        and not kept.
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
    invoice: Invoice | None = field(default=None, compare=False, repr=False)


MANY = 1 << 30
"""The most draws for one call of an endpoint that states no limit."""


def calls_for(draws: int, most_n: int) -> int:
    """Return how many calls so many draws take: each pays for the prompt once."""
    return -(-draws // most_n)


class Provider(Protocol):
    """The one seam between tune and whatever answers."""

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Buy (or fetch) the draws with these numbers of one request, in order.

        Raises:
            ProviderError: the draws could not be had; see `tune.errors` for whose fault it was.
            BudgetExhausted: the ceiling of the call does not fit into what is left.
        """
        ...


class Endpoint(Provider, Protocol):
    """A provider that really sends: the innermost of the stack.

    Attributes:
        service: what `Request.service` says for it. most_n: the most draws that one call returns
        while its prompt is paid once; 1 where each draw takes a call.
    """

    @property
    def service(self) -> str:
        """See above."""
        ...

    @property
    def most_n(self) -> int:
        """See above; an endpoint may learn that it is less."""
        ...

    async def preflight(self) -> str:
        """See that calls can succeed, before any money is spent.

        Returns:
            A sentence on what may go wrong all the same, or "".

        Raises:
            InputError: the model cannot be loaded.
            EndpointError: wrong key, no such model, unreachable.
        """
        ...

    def most_prompt_tokens(self, request: Request) -> int:
        """An upper bound of the prompt's tokens; exact where the model's tokenizer is at hand."""
        ...

    async def close(self) -> None:
        """Release connections, threads and memory."""
        ...
