"""What the server of `server.py` answers, and everything that can go wrong with it: models, faults
and replies.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from tune.fakes.world import chance, tokens

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
    """What goes wrong with one request.

    Attributes:
        kind: status: answers `status` with `message`, `code`, `param` and `retry_after`. hang:
            never answers. reset: the connection is reset. garbage: a 200 that is no JSON.
            truncated: a 200 whose JSON ends in the middle. stream: a 200 that is an event stream,
            as some proxies always send. no_usage: without usage.
        usage: with `usage` instead. first_usage: counts the first choice only. no_choices: an empty
            list of choices. fewer: one choice, however many were asked for. other_model: another
            model's name in the answer. filtered: finish_reason content_filter. refused_content: the
            400 of a content filter. too_long: the 400 of a context that is too small. slow: the
            answer's bytes come in small pieces over `seconds`. overbill: every choice runs to twice
            the cap, and is billed. error_in_200: a 200 that holds an error object. redirect: a 307
            to another host. bomb: 64 MiB of spaces before the answer, packed to 64 KiB. twice:
            packed twice. deep: an answer with 100,000 lists within each other. echo: the model's
            name, the ending and the text repeat `message`, as some gateways do.
        names: whose names the call has: a header and the answer's `id`, as OpenRouter or LiteLLM's
            proxy give them; "" where the service gives none.
        billed: whether the request is billed all the same (a refusal, for its prompt); None is what
            is usual for the kind.
        retry_after: the header as sent: seconds, or a date.
        headers: others.
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
        """Whether the request is billed."""
        if self.billed is not None:
            return self.billed
        return self.kind not in (
            "status",
            "hang",
            "reset",
            "refused_content",
            "too_long",
            "error_in_200",
            "redirect",
        )


Plan = Callable[[int, Body], Fault | None]


def fail_first(count: int, fault: Fault) -> Plan:
    """The first `count` requests fail so."""
    return lambda number, _body: fault if number < count else None


def fail_every(step: int, fault: Fault) -> Plan:
    """Requests step - 1, 2 * step - 1, ... fail so."""
    return lambda number, _body: fault if number % step == step - 1 else None


def fail_sometimes(
    share: float, faults: Sequence[Fault], *, seed: int = 0, until: int | None = None
) -> Plan:
    """A share of the requests, chosen by number and seed, fail with one of these; from number
    `until` on, none.
    """

    def plan(number: int, _body: Body) -> Fault | None:
        if (until is not None and number >= until) or chance(
            seed, "fault", number
        ) >= share:
            return None
        return faults[int(chance(seed, "which", number) * len(faults))]

    return plan


@dataclass(frozen=True)
class Model:
    """What a model costs (dollars per million tokens) and how it is.

    Attributes:
        refuses: parameters that draw a 400 which names them.
        reasoning: hidden tokens before each answer; they count towards the cap.
        cached: how many tokens of a prompt are reported as read from the cache.
        context: most tokens of prompt and cap together.
        fault: what goes wrong with every request that the plan spares.
        counts: where reasoning is counted: "inside" the completion (OpenAI), "beside" it (xAI), or
            in the "total" alone (Gemini's compatible endpoint). It is billed all the same.
        own_bill: the field that states what was billed: "cost" in dollars (OpenRouter),
            "cost_in_usd_ticks" (xAI).
        markup: how many times its price the service bills, where a more expensive host answered.
        tier: the service tier that answers.
        uncapped: whether the cap bounds what is shown alone, so that hidden reasoning comes on top
            of it.
        most_n: the most answers for one call; more draw a 400 in the `most_n_words`.
        reads: the prompt tokens that it reads and bills: the rest is cut without a word
            (ollama#3839).
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

    def cost(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Picodollars, exact."""
        dollars = prompt_tokens * Fraction(
            str(self.input)
        ) + completion_tokens * Fraction(str(self.output))
        picodollars = dollars * 10**6 * self.markup
        assert picodollars.denominator == 1, (
            "a price with at most six decimals is billed without rounding"
        )
        return int(picodollars)


@dataclass
class Answer:
    """What the world said, before anything goes wrong with it."""

    key: str
    model: str
    chat: bool
    prompt_tokens: int
    texts: list[str]
    reasons: list[str]
    completion_tokens: list[int]
    spec: Model
    name: str = "cmpl"

    def record(self) -> Body:
        """As the API answers."""
        choices = [
            {"index": i, "finish_reason": reason, "logprobs": None}
            | (
                {"message": {"role": "assistant", "content": text}}
                if self.chat
                else {"text": text}
            )
            for i, (text, reason) in enumerate(
                zip(self.texts, self.reasons, strict=True)
            )
        ]
        kind = "chat.completion" if self.chat else "text_completion"
        record = {
            "id": self.name,
            "object": kind,
            "created": 0,
            "model": self.model,
            "choices": choices,
        }
        tier = {"service_tier": self.spec.tier} if self.spec.tier else {}
        return record | tier | {"usage": self.usage(sum(self.completion_tokens))}

    def usage(self, completion_tokens: int) -> Body:
        """Token counts as the API reports them."""
        record: Body = {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": self.prompt_tokens + completion_tokens,
        }
        if self.spec.cached:
            record["prompt_tokens_details"] = {
                "cached_tokens": min(self.spec.cached, self.prompt_tokens)
            }
        if self.spec.reasoning:
            hidden = sum(
                min(self.spec.reasoning, count) for count in self.completion_tokens
            )
            if self.spec.counts != "inside":
                record["completion_tokens"] -= hidden
            if self.spec.counts != "total":
                record["completion_tokens_details"] = {"reasoning_tokens": hidden}
        if self.spec.own_bill:
            billed = Fraction(
                self.spec.cost(self.prompt_tokens, completion_tokens), 10**12
            )
            ticks = self.spec.own_bill == "cost_in_usd_ticks"
            record[self.spec.own_bill] = (
                int(billed * 10**10) if ticks else float(billed)
            )
        return record


@dataclass(frozen=True)
class Reply:
    """Bytes to be sent, and the fault they are sent with."""

    status: int
    raw: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: Fault | None = None


def failed(fault: Fault, answer: Answer) -> Reply | None:  # noqa: C901 - one case a fault
    """Return the reply to a request that meets this fault; None if it is an answer."""
    match fault.kind:
        case "status":
            wait = {"retry-after": fault.retry_after} if fault.retry_after else {}
            headers = {**wait, **fault.headers}
            return error_reply(
                fault.status,
                fault.message,
                fault.code,
                fault.param,
                headers=headers,
                fault=fault,
            )
        case "refused_content":
            inner = {"code": "ResponsibleAIPolicyViolation"}
            return error_reply(
                400,
                "The response was filtered",
                "content_filter",
                "prompt",
                innererror=inner,
            )
        case "too_long":
            return too_long_reply(answer.prompt_tokens, answer.spec.context)
        case "error_in_200":
            return record_reply(
                {"error": {"message": fault.message, "code": fault.status}}, fault
            )
        case "redirect":
            return Reply(307, b"", {"location": "http://127.0.0.1:9/elsewhere"}, fault)
        case "garbage":
            return Reply(200, b"<html>it works!</html>", fault=fault)
        case "bomb" | "twice":
            raw = gzip.compress(b" " * 2**26 + json.dumps(answer.record()).encode(), 9)
            twice = fault.kind == "twice"
            encoding = "gzip, gzip" if twice else "gzip"
            return Reply(
                200,
                gzip.compress(raw) if twice else raw,
                {"content-encoding": encoding},
                fault,
            )
        case "deep":
            return Reply(
                200,
                b'{"choices": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
                fault=fault,
            )
        case "stream":
            return Reply(
                200,
                b'data: {"choices": [{"delta": {"content": "yes"}}]}\n\ndata: [DONE]\n\n',
                fault=fault,
            )
        case "truncated":
            raw = json.dumps(answer.record()).encode()
            return Reply(200, raw[: len(raw) // 2], fault=fault)
    return None


def spoiled(fault: Fault, answer: Answer) -> Reply:
    """The answer as this fault leaves it."""
    record = answer.record()
    match fault.kind:
        case "no_usage":
            del record["usage"]
        case "usage":
            record["usage"] = fault.usage
        case "first_usage":
            record["usage"] = answer.usage(answer.completion_tokens[0])
        case "no_choices":
            record["choices"] = []
        case "echo":
            record["model"] += fault.message
            for choice in record["choices"]:
                choice["finish_reason"] = fault.message
                (choice["message"] if answer.chat else choice)[
                    "content" if answer.chat else "text"
                ] += fault.message
        case "other_model":
            record["model"] = answer.model + "-of-another-day"
    return record_reply(record, fault)


def record_reply(record: Body, fault: Fault | None = None) -> Reply:
    """Answer 200 with a JSON body."""
    return Reply(200, json.dumps(record).encode(), fault=fault)


def error_reply(
    status: int,
    message: str,
    code: str | None = None,
    param: str | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    fault: Fault | None = None,
    **more: object,
) -> Reply:
    """Answer with an error in the form of OpenAI's API."""
    error = {
        "message": message,
        "type": "invalid_request_error",
        "param": param,
        "code": code,
        **more,
    }
    return Reply(status, json.dumps({"error": error}).encode(), headers or {}, fault)


_INSTEAD = {
    "max_tokens": " Use 'max_completion_tokens' instead.",
    "max_completion_tokens": " Use 'max_tokens' instead.",
}


def refused_parameter(body: Body, model: Model) -> Reply | None:
    """Refuse the first parameter that this model does not take."""
    if body.get("n", 1) > model.most_n:
        return error_reply(
            400,
            model.most_n_words or f"n must be at most {model.most_n}",
            "invalid_value",
            "n",
        )
    for name in sorted(model.refuses & set(body)):
        if name == "n" and body["n"] == 1:
            continue
        message = (
            f"Unsupported parameter: '{name}' is not supported with this model."
            f"{_INSTEAD.get(name, '')}"
        )
        return error_reply(400, message, "unsupported_parameter", name)
    return None


def too_long(body: Body, model: Model) -> Reply | None:
    """Refuse a request whose prompt and cap do not fit into the model's context."""
    cap = body.get("max_completion_tokens") or body.get("max_tokens") or 0
    asked = count_prompt_tokens(body) + int(cap)
    if asked <= model.context:
        return None
    return too_long_reply(asked, model.context)


def too_long_reply(asked: int, context: int) -> Reply:
    """Say that a request is longer than the context, in OpenAI's words."""
    message = (
        f"This model's maximum context length is {context} tokens. "
        f"However, you requested {asked} tokens."
    )
    return error_reply(400, message, "context_length_exceeded", "messages")


def prompt_text(body: Body) -> str:
    """Return the text of a prompt: its messages, one a line, or the prompt itself."""
    if "messages" in body:
        return "\n".join(str(message["content"]) for message in body["messages"])
    return str(body["prompt"])


def count_prompt_tokens(body: Body) -> int:
    """Tokens of a prompt: 3 for each message and 3 for the answer's beginning come on top of its
    text's.
    """
    return tokens(prompt_text(body)) + (
        3 * len(body["messages"]) + 3 if "messages" in body else 0
    )
