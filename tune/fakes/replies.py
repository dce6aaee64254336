"""The replies of the fake server: answers, errors, and answers that a fault has changed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from tune.fakes.answers import FakeAnswer, count_prompt_tokens
from tune.fakes.faults import Body, Fault, Model


@dataclass(frozen=True)
class Reply:
    """Bytes to be sent, and the fault with which they are sent."""

    status: int
    raw: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: Fault | None = None


def make_reply(answer: FakeAnswer, fault: Fault | None) -> Reply:
    """Return the reply that carries an answer, or what a fault leaves of it."""
    if fault is None:
        return record_reply(answer.record())
    return failure_reply(fault, answer) or altered_reply(fault, answer)


def failure_reply(fault: Fault, answer: FakeAnswer) -> Reply | None:  # noqa: C901 - one case a fault
    """Return the reply of a request that fails; None if its fault leaves an answer."""
    match fault.kind:
        case "status":
            return _status_reply(fault)
        case "refused_content":
            # Azure sends this inner error (its documentation on content filters).
            return error_reply(
                400,
                "The response was filtered",
                "content_filter",
                "prompt",
                innererror={"code": "ResponsibleAIPolicyViolation"},
            )
        case "too_long":
            return too_long_reply(answer.prompt_tokens, answer.spec.context)
        case "error_in_200":
            # OpenRouter answers 200 and puts the error of the host behind it into the body.
            error = {"message": fault.message, "code": fault.status}
            return record_reply({"error": error}, fault)
        case "redirect":
            # Nothing listens there: a client that follows would send its key elsewhere.
            return Reply(307, b"", {"location": "http://127.0.0.1:9/elsewhere"}, fault)
        case "garbage":
            return Reply(200, b"<html>it works!</html>", fault=fault)
        case "bomb" | "twice":
            return _packed_reply(fault, answer)
        case "deep":
            # More levels than Python's parser of JSON can take without a RecursionError.
            nested = b"[" * 100_000 + b"]" * 100_000
            return Reply(200, b'{"choices": ' + nested + b"}", fault=fault)
        case "stream":
            events = b'data: {"choices": [{"delta": {"content": "yes"}}]}\n\ndata: [DONE]\n\n'
            return Reply(200, events, fault=fault)
        case "truncated":
            raw = json.dumps(answer.record()).encode()
            return Reply(200, raw[: len(raw) // 2], fault=fault)
    return None


def _status_reply(fault: Fault) -> Reply:
    headers = dict(fault.headers)
    if fault.retry_after:
        headers = {"retry-after": fault.retry_after, **headers}
    return error_reply(
        fault.status,
        fault.message,
        fault.code,
        fault.param,
        headers=headers,
        fault=fault,
    )


def _packed_reply(fault: Fault, answer: FakeAnswer) -> Reply:
    raw = gzip.compress(b" " * 2**26 + json.dumps(answer.record()).encode(), 9)
    encoding = "gzip"
    if fault.kind == "twice":
        raw, encoding = gzip.compress(raw), "gzip, gzip"
    return Reply(200, raw, {"content-encoding": encoding}, fault)


def altered_reply(fault: Fault, answer: FakeAnswer) -> Reply:
    """Return an answer as this fault changes it."""
    record = answer.record()
    match fault.kind:
        case "no_usage":
            del record["usage"]
        case "usage":
            record["usage"] = fault.usage
        case "first_usage":
            # llama.cpp's server counts one choice, however many it made.
            record["usage"] = answer.usage(answer.completion_tokens[0])
        case "no_choices":
            record["choices"] = []
        case "echo":
            _echo(record, fault.message, chat=answer.chat)
        case "other_model":
            record["model"] = answer.model + "-of-another-day"
    return record_reply(record, fault)


def _echo(record: Body, message: str, *, chat: bool) -> None:
    """Add the message to every text of an answer."""
    record["model"] += message
    for choice in record["choices"]:
        choice["finish_reason"] = message
        if chat:
            choice["message"]["content"] += message
        else:
            choice["text"] += message


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


def too_long_reply(asked: int, context: int) -> Reply:
    """Say that a request is longer than the context, in OpenAI's words."""
    message = (
        f"This model's maximum context length is {context} tokens. "
        f"However, you requested {asked} tokens."
    )
    return error_reply(400, message, "context_length_exceeded", "messages")


_INSTEAD = {
    "max_tokens": " Use 'max_completion_tokens' instead.",
    "max_completion_tokens": " Use 'max_tokens' instead.",
}
"""The hint that OpenAI gives; its reasoning models refuse `max_tokens`."""


def refuse(body: Body, model: Model) -> Reply | None:
    """Refuse a request that this model does not take."""
    strict: Reply | None = None if model.strict is None else model.strict(body)
    return strict or _refuse_parameter(body, model) or _refuse_length(body, model)


def _refuse_parameter(body: Body, model: Model) -> Reply | None:
    if body.get("n", 1) > model.most_n:
        message = model.most_n_words or f"n must be at most {model.most_n}"
        return error_reply(400, message, "invalid_value", "n")
    for name in sorted(model.refuses & set(body)):
        # Services that take one answer only accept the number 1.
        if name == "n" and body["n"] == 1:
            continue
        message = (
            f"Unsupported parameter: '{name}' is not supported with this model."
            f"{_INSTEAD.get(name, '')}"
        )
        return error_reply(400, message, "unsupported_parameter", name)
    return None


def _refuse_length(body: Body, model: Model) -> Reply | None:
    cap = body.get("max_completion_tokens") or body.get("max_tokens") or 0
    asked = count_prompt_tokens(body) + int(cap)
    if asked <= model.context:
        return None
    return too_long_reply(asked, model.context)
