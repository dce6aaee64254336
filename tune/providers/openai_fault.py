"""What the failures of an OpenAI-compatible service mean: from a status and a body to one of our errors."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tune.capabilities import error_codes, error_text, read_refusal
from tune.errors import (
    AnswerError,
    EndpointError,
    ParameterRejected,
    ProviderError,
    RateLimited,
    TransientError,
)

NOT_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"})
"""Failures of the transport, by class, before which nothing of the request had left."""

NEVER_SENT = frozenset({"UnsupportedProtocol", "LocalProtocolError", "InvalidURL"})
"""Failures that no other attempt can mend: the request itself cannot be put on the wire."""

LONGEST = 10_000
"""Characters of an error that are read: what it is about stands at its beginning."""

_NO_CREDIT = re.compile(
    r"insufficient[_ ](?:user[_ ])?(?:quota|credit|balance|funds)|billing|exceeded your current quota"
)
_TOO_LONG = re.compile(
    r"context[_ ]?(?:length|size|window)|maximum (?:input|prompt|sequence) length|max_model_len|"
    r"(?:prompt|input|request) (?:is |was )?too (?:long|large)|too many (?:input )?tokens|string_above_max_length|"
    r"reduce the length|exceed_context|input token count"
)
_FILTERED = re.compile(
    r"content[_ ]?(?:filter|policy|management policy)|responsibleaipolicy|responsible ai|data_?inspection|"
    r"content exists risk|flagged|moderation|safety (?:system|filter)|usage policy|invalid_prompt|prohibited_content"
)


def fault_of_answer(
    status: int, headers: Mapping[str, str], body: object, *, who: str, sent: Collection[str] = ()
) -> ProviderError:
    """The error that an answer with a status of 300 or more stands for.

    Args:
        headers: the answer's, with names in lower case.
        body: decoded where it is JSON, else text.
        who: model and address, as messages name them.
        sent: the parameters that the request carried.
    """
    words, codes = error_text(body)[:LONGEST], error_codes(body)[:LONGEST]
    message = f"{who} answered {status}: {shown(words) or 'without a word'}"
    what = f"{codes} {words}".lower()
    if status in (429, 529):
        if status == 429 and _NO_CREDIT.search(what):
            return EndpointError(message)
        return RateLimited(message, retry_after=retry_after(headers))
    if status in (409, 425, 503):
        return TransientError(message, charged=False, retry_after=retry_after(headers))
    if status == 413 or (status in (400, 422, 500) and _TOO_LONG.search(what)):
        return AnswerError(message, reason="context_length")
    if status in (400, 403, 422) and _FILTERED.search(what):
        return AnswerError(message, reason="content_filter")
    # An older llama.cpp refuses n with a 500.
    readable = status in (400, 422, 501) or "only one completion choice" in what
    refusal = read_refusal(body, sent) if readable else None
    if refusal is not None:
        return (
            ValueRejected(message, refusal.parameter)
            if refusal.value_only
            else ParameterRejected(message, parameter=refusal.parameter)
        )
    if status == 408 or status >= 500:
        return TransientError(message, charged=True, retry_after=retry_after(headers))
    if 300 <= status < 400:
        return EndpointError(f"{who} sends us elsewhere ({status}), which is not followed: give the final base URL")
    if status in (404, 405) and "model" not in what:
        return EndpointError(f"{message}; is the base URL complete (most end in /v1)?")
    return EndpointError(message)


def fault_in_answer(error: object, *, who: str) -> ProviderError:
    """The error that a 200 stands for whose body holds an error object; it may have been charged."""
    message = f"{who} answered 200 with an error: {shown(error_text(error)[:LONGEST]) or 'without a word'}"
    return TransientError(message, charged=True)


def fault_of_transport(kind: str, words: str, *, who: str) -> ProviderError:
    """The error that a failure of the connection stands for.

    Args:
        kind: the class name of the transport's own exception.
        words: its message, without secrets.
    """
    if kind in NEVER_SENT:
        # Their words quote what could not be sent.
        return EndpointError(f"{who} cannot be asked: the base URL, the key or a header cannot be sent ({kind})")
    if kind in NOT_SENT:
        return TransientError(f"{who} cannot be reached: {shown(words) or kind}", charged=False)
    if kind == "AnswerTooLarge":
        return TransientError(f"{who} sent what is not read: {shown(words)}", charged=True)
    if "Timeout" in kind:
        return TransientError(f"{who} did not answer in time ({kind})", charged=True)
    return TransientError(f"{who} broke off the connection: {shown(words) or kind}", charged=True)


class ValueRejected(ParameterRejected):
    """The model takes the parameter, but not this value of it: nothing is learned about the model."""

    def __init__(self, message: str, parameter: str) -> None:
        super().__init__(message, parameter=parameter)


def shown(words: str, most: int = 300) -> str:
    """Somebody else's words, fit for one line of a terminal."""
    line = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that an answer asks us to wait: Retry-After in milliseconds, seconds or as a date, else the reset
    of a limit that is used up."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        if (seconds := _number(headers.get(name))) is not None:
            return seconds * unit
    if "retry-after" in headers:
        try:
            then = parsedate_to_datetime(headers["retry-after"])
        except ValueError:
            return None
        then = then if then.tzinfo else then.replace(tzinfo=UTC)
        return max(0.0, (then - (now or datetime.now(UTC))).total_seconds())
    waits = [
        _duration(headers.get(f"x-ratelimit-reset-{kind}", ""))
        for kind in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{kind}") == "0"
    ]
    return max((wait for wait in waits if wait is not None), default=None)


def _number(text: str | None) -> float | None:
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3}


def _duration(text: str) -> float | None:
    """Seconds of a duration like `6m0s` or `20ms`."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", text)
    if not parts or "".join(n + u for n, u in parts) != text:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
