"""The models of the fake server, and the faults that its requests can meet.

Each fault is one that a real service has shown: the comments name a public report where there is
one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from tune.fakes.world import chance

Body = dict[str, Any]
Kind = Literal[
    "status",
    "hang",
    "reset",
    "garbage",
    "truncated",
    "no_usage",
    "usage",
    "first_usage",
    "no_choices",
    "fewer",
    "other_model",
    "filtered",
    "refused_content",
    "too_long",
    "slow",
    "overbill",
    "error_in_200",
    "redirect",
    "bomb",
    "twice",
    "deep",
    "echo",
    "stream",
]


@dataclass(frozen=True)
class Fault:
    """A fault that one request meets.

    Attributes:
        kind: the kind of fault.

            - status: answers `status` with `message`, `code`, `param` and `retry_after`.
            - hang: never answers.
            - reset: resets the connection.
            - garbage: a 200 that is no JSON.
            - truncated: a 200 whose JSON ends in the middle.
            - stream: a 200 that is an event stream, as some proxies always send.
            - no_usage: an answer without usage.
            - usage: an answer with `usage` in its place.
            - first_usage: the usage counts the first choice only.
            - no_choices: an empty list of choices.
            - fewer: one choice, whatever `n` was asked for.
            - other_model: the answer names another model.
            - filtered: finish_reason content_filter.
            - refused_content: the 400 of a content filter.
            - too_long: the 400 of a context that is too small.
            - slow: the bytes of the answer come in small pieces over `seconds`.
            - overbill: every choice has twice the tokens of the cap, and all are billed.
            - error_in_200: a 200 that holds an error object.
            - redirect: a 307 to another host.
            - bomb: 64 MiB of spaces before the answer, packed to 64 KiB.
            - twice: an answer that is packed twice.
            - deep: an answer with 100,000 lists within each other.
            - echo: the model's name, the finish reason and the text repeat `message`, as some
              gateways do.
        names: the service whose call names the answer carries, as a header and as its `id`; "" for
            a service that gives none.
        billed: the request is billed; None means what is usual for the kind. Some refusals are
            billed for their prompt.
        retry_after: the header as sent: seconds, or a date.
        headers: other headers.
        seconds: the time over which a slow answer comes.
        usage: the usage that is sent in place of the true one.
    """

    kind: Kind
    status: int = 500
    message: str = "the server had an error"
    code: str | None = None
    param: str | None = None
    retry_after: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.2
    usage: Any = None
    names: Literal["", "openrouter", "litellm"] = ""
    billed: bool | None = None

    @property
    def bills(self) -> bool:
        """Tell whether the request is billed."""
        if self.billed is not None:
            return self.billed
        return self.kind not in FREE_KINDS


FREE_KINDS = frozenset(
    {
        "status",
        "hang",
        "reset",
        "refused_content",
        "too_long",
        "error_in_200",
        "redirect",
    }
)
"""Kinds that services usually do not bill. A 200 that the client cannot read is billed."""

LOST_KINDS = frozenset({"status", "hang", "reset", "garbage", "truncated", "stream"})
"""Kinds after which the client has no answer, billed or not."""


Plan = Callable[[int, Body], Fault | None]
"""The fault of request number 0, 1, 2 ... with its body; None for no fault."""


def fail_first(count: int, fault: Fault) -> Plan:
    """Let the first `count` requests fail."""
    return lambda number, _body: fault if number < count else None


def fail_every(step: int, fault: Fault) -> Plan:
    """Let every request number `step` - 1, 2 * `step` - 1, ... fail."""
    return lambda number, _body: fault if number % step == step - 1 else None


def fail_sometimes(
    share: float, faults: Sequence[Fault], *, seed: int = 0, until: int | None = None
) -> Plan:
    """Let a share of the requests fail, each with one of these faults.

    Args:
        share: the share of requests that fail, 0 to 1.
        faults: the faults; each is equally likely.
        seed: of the choice, which depends on the number of the request alone.
        until: the first request that no longer fails; None for no end.
    """

    def plan(number: int, _body: Body) -> Fault | None:
        if until is not None and number >= until:
            return None
        if chance(seed, "fault", number) >= share:
            return None
        return faults[int(chance(seed, "which", number) * len(faults))]

    return plan


@dataclass(frozen=True)
class Model:
    """A model of the fake server: its prices, its limits and its habits.

    Attributes:
        input: dollars per million prompt tokens.
        output: dollars per million completion tokens.
        refuses: parameters that draw a 400 which names them.
        reasoning: hidden tokens before each answer; they count towards the cap.
        cached: tokens of a prompt that are reported as read from the cache.
        context: the largest number of tokens of prompt and cap together.
        fault: the fault of every request that the plan lets pass.
        counts: the place where reasoning is counted: "inside" the completion (OpenAI), "beside" it
            (xAI), or in the "total" alone (Gemini's compatible endpoint). It is always billed.
        own_bill: the field that states the bill: "cost" in dollars (OpenRouter), or
            "cost_in_usd_ticks" (xAI).
        markup: the factor by which the service bills more than its price, as a router does that
            falls back to a more expensive host.
        tier: the service tier that answers.
        uncapped: the cap bounds only the shown tokens, and hidden reasoning comes on top of it.
        most_n: the largest number of answers for one call; more draw a 400.
        most_n_words: the message of that 400.
        reads: prompt tokens that the model reads and bills. The rest is cut silently, as Ollama
            does (ollama issue 3839).
        strict: returns the reply to a body that the model refuses; see `tune.fakes.vendors`.
    """

    input: float = 0.10
    output: float = 0.40
    refuses: frozenset[str] = frozenset()
    reasoning: int = 0
    cached: int = 0
    context: int = 128_000
    fault: Fault | None = None
    counts: Literal["inside", "beside", "total"] = "inside"
    own_bill: str = ""
    markup: int = 1
    tier: str = ""
    uncapped: bool = False
    most_n: int = 1 << 30
    most_n_words: str = ""
    reads: int = 128_000
    strict: Callable[[Body], Any] | None = None

    def cost(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Return the exact bill in picodollars."""
        # Fractions of the decimal text: a float price would make the bill differ from the ledger's
        # by a rounding error.
        prompt = prompt_tokens * Fraction(str(self.input))
        completion = completion_tokens * Fraction(str(self.output))
        picodollars = (prompt + completion) * 10**6 * self.markup
        assert picodollars.denominator == 1, (
            "a price with at most six decimals is billed without rounding"
        )
        return int(picodollars)
