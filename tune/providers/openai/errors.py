"""What the failures of an OpenAI-compatible service mean: from a status and a body to one of our
errors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping

from tune.errors import (
    AnswerError,
    EndpointError,
    ParameterRejected,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    TransientError,
    Unreadable,
    ValueRejected,
)
from tune.providers.openai.refusals import error_codes, error_words, read_refusal
from tune.providers.openai.retry_after import longest_wait, retry_after, retry_delay

NOT_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"})
"""Failures of the transport, by class, before which nothing of the request had left."""

NEVER_SENT = frozenset({"UnsupportedProtocol", "LocalProtocolError", "InvalidURL"})
"""Failures that no other attempt can mend: the request itself cannot be put on the wire."""

MOST_ERROR_CHARACTERS = 10_000
"""Characters of an error that are read: what it is about stands at its beginning."""

LONG_WAIT = 600.0
"""Seconds: a service that asks for a longer wait has used up a quota of the day, and nobody wants
to wait for that.
"""

_NO_CREDIT = re.compile(
    r"insufficient[_ ](?:user[_ ])?(?:quota|credit|balance|funds)|billing|exceeded your current quota"
)
_EMPTY_ACCOUNT = re.compile(
    r"credit balance is too low|insufficient (?:account )?(?:balance|credits?|funds)|key limit exceeded|out of credits"
)
"""Services that say with a 400 or a 403 that nothing is left to pay with: Anthropic, DeepSeek,
OpenRouter.
"""

_OF_THE_DAY = re.compile(r"per[-_ ]?day\b|perday|daily (?:limit|quota)")
"""A quota of a day, in words or in the names of Google's quotas
(GenerateRequestsPerDayPerProjectPerModel).
"""

_CUT = re.compile(
    r"could not (?:finish|generate|complete) .{0,80}(?:max_tokens|max_completion_tokens|output limit|token limit)"
)
"""OpenAI's o1 models refuse an answer that did not fit, after it was made (dotnet/extensions#7002)."""

_TOO_LONG = re.compile(
    r"context[_ ]?(?:length|size|window)|maximum (?:input|prompt|sequence) length|max_model_len|"
    r"(?:prompt|input|request) (?:is |was )?too (?:long|large)|too many (?:input )?tokens|string_above_max_length|"
    r"reduce the length|exceed_context|input token count|context limit|token limit exceeded"
)
_FILTERED = re.compile(
    r"content[_ ]?(?:filter|policy|management policy)|responsibleaipolicy|responsible ai|data_?inspection|"
    r"content exists risk|flagged|moderation|safety (?:system|filter)|usage policy|invalid_prompt|prohibited_content|"
    r"(?:blocked|rejected|refused) .{0,40}safety"
)


def error_of_response(
    status: int,
    headers: Mapping[str, str],
    body: object,
    *,
    who: str,
    sent: Collection[str] = (),
    bills_refusals: bool = False,
) -> ProviderError:
    """The error that an answer with a status of 300 or more stands for.

    Args:
        headers: the answer's, with names in lower case.
        body: decoded where it is JSON, else text.
        who: model and address, as messages name them.
        sent: the parameters that the request carried.
        bills_refusals: the service is known to bill prompts that it refuses.
    """
    words = error_words(body)[:MOST_ERROR_CHARACTERS]
    message = f"{who} answered {status}: {one_line(words) or 'without a word'}"
    fault = _fault(status, headers, body, who, message, sent)
    _mark_billed(fault, status, bills_refusals or _from_azure(headers, body))
    return fault


def _mark_billed(fault: ProviderError, status: int, bills_refusals: bool) -> None:
    """Note that a prompt may have been billed although it was refused; a 413 was never read."""
    if isinstance(fault, AnswerError) and fault.reason != "length":
        fault.prompt_charged = bills_refusals and status != 413


def _from_azure(headers: Mapping[str, str], body: object) -> bool:
    """Tell whether Azure speaks, also through a gateway of another name: it bills prompts that it
    refuses.
    """
    what = f"{error_codes(body)[:MOST_ERROR_CHARACTERS]} {error_words(body)[:MOST_ERROR_CHARACTERS]}".lower()
    named = "responsibleaipolicy" in what or "azure openai" in what
    return named or "apim-request-id" in headers or "x-ms-region" in headers


def _fault(
    status: int,
    headers: Mapping[str, str],
    body: object,
    who: str,
    message: str,
    sent: Collection[str],
) -> ProviderError:
    words, codes = (
        error_words(body)[:MOST_ERROR_CHARACTERS],
        error_codes(body)[:MOST_ERROR_CHARACTERS],
    )
    what = f"{codes} {words}".lower()
    if status in (402, 429, 503, 529):
        asked = longest_wait(retry_after(headers), retry_delay(body))
        used_up = status == 402 or (status == 429 and _is_used_up(body, what, asked))
        return _later(status, message, asked, used_up=used_up)
    if status in (400, 403) and _EMPTY_ACCOUNT.search(what):
        return QuotaExhausted(message)
    if status in (409, 425):
        return TransientError(message, charged=False, retry_after=retry_after(headers))
    if status in (400, 422) and _CUT.search(what):
        return AnswerError(message, reason="length")
    if status == 413 or (status in (400, 422, 500) and _TOO_LONG.search(what)):
        return AnswerError(message, reason="context_length")
    if status in (400, 403, 422) and _FILTERED.search(what):
        return AnswerError(message, reason="content_filter")
    # An older llama.cpp refuses n with a 500.
    readable = status in (400, 422, 501) or "only one completion choice" in what
    refusal = read_refusal(body, sent) if readable else None
    if refusal is not None:
        return (
            ValueRejected(message, refusal.parameter, low=refusal.low, high=refusal.high)
            if refusal.value_only
            else ParameterRejected(message, parameter=refusal.parameter)
        )
    if status == 408 or status >= 500:
        return TransientError(message, charged=True, retry_after=retry_after(headers))
    if 300 <= status < 400:
        return EndpointError(
            f"{who} sends us elsewhere ({status}), which is not followed: give the final base URL"
        )
    return _final(status, message, what)


def _is_used_up(body: object, what: str, asked: float | None) -> bool:
    """Tell a quota that is used up from calls that come too fast, by a 429's words.

    Google says "You exceeded your current quota" of a minute's limit, too, and how many seconds to
    wait; where its details name the limit of a day, the seconds are not to be believed.
    """
    if "insufficient" in what:
        return bool(_NO_CREDIT.search(what))
    if asked is None:
        return bool(_NO_CREDIT.search(what) or _OF_THE_DAY.search(what))
    return (
        "quotaid" in (details := json.dumps(body, default=str)[:MOST_ERROR_CHARACTERS].lower())
        and "perday" in details
    )


def _later(status: int, message: str, asked: float | None, *, used_up: bool) -> ProviderError:
    """Return the error of a service that wants to be called later: in a moment, or when there is
    quota again.
    """
    if used_up or (asked or 0.0) > LONG_WAIT:
        return QuotaExhausted(message, wait=asked)
    if status == 503:
        return TransientError(message, charged=False, retry_after=asked)
    return RateLimited(message, retry_after=asked)


def _final(status: int, message: str, what: str) -> EndpointError:
    """Return the error of a refusal that no other attempt can change."""
    if status in (400, 422):
        return RequestRefused(message)
    if status in (404, 405) and "model" not in what:
        return EndpointError(f"{message}; is the base URL complete (most end in /v1)?")
    return EndpointError(message)


_NAMED_STATUS = (
    (
        re.compile(
            r"rate[_ ]?limit|too[_ ]many[_ ]requests|resource[_ ]exhausted|insufficient_quota|throttl"
        ),
        429,
    ),
    (
        re.compile(
            r"overloaded|unavailable|no (?:instances|providers?|endpoints?) (?:available|found)|capacity"
        ),
        503,
    ),
    (re.compile(r"invalid_api_key|authentication|unauthorized|unauthenticated"), 401),
    (re.compile(r"model_not_found|not_found"), 404),
    (re.compile(r"invalid_request|invalid_argument|content_filter|context_length"), 400),
)
"""Statuses by the words of an error that carries no number."""


def embedded_error(body: object) -> object:
    """The error that a 200 holds instead of choices, or None.

    Google sends a list of one; vLLM and Mistral put the fields of an error where the choices would
    stand; OpenRouter puts the error of a host that failed into the choice.
    """
    if isinstance(body, list):
        return next((error for error in map(embedded_error, body[:1]) if error is not None), None)
    if not isinstance(body, Mapping):
        return None
    choices = body.get("choices")
    if choices:
        return _error_of_choices(choices)
    if body.get("error") is not None:
        return body["error"]
    stated = body.get("object") == "error" or any(
        body.get(name) for name in ("message", "detail", "errors")
    )
    return body if stated else None


def _error_of_choices(choices: object) -> object:
    """Return the error that stands in the place of every choice's text, or None."""
    if not isinstance(choices, list) or not all(isinstance(choice, Mapping) for choice in choices):
        return None
    said = [_text_of(choice) for choice in choices]
    errors = [choice.get("error") for choice in choices]
    return errors[0] if all(errors) and not any(said) else None


def _text_of(choice: Mapping[str, object]) -> object:
    message = choice.get("message")
    return (message.get("content") if isinstance(message, Mapping) else None) or choice.get("text")


def error_of_body(
    error: object,
    headers: Mapping[str, str] | None = None,
    *,
    who: str,
    sent: Collection[str] = (),
    bills_refusals: bool = False,
) -> ProviderError:
    """Return the error that a 200 stands for whose body holds an error object.

    Routers send the status 200 before they know how a call ends, and put the real status into
    `error.code` (inspect_ai#1534, pydantic-ai#6885). It is read as if it had been the answer's own.
    An error that nobody can tell the status of may have been billed.
    """
    message = f"{who} answered 200 with an error: {one_line(error_words(error)[:MOST_ERROR_CHARACTERS]) or 'without a word'}"
    status = _status_in(error)
    if status is None:
        return Unreadable(message)
    fault = _fault(status, headers or {}, error, who, message, sent)
    _mark_billed(fault, status, bills_refusals or _from_azure(headers or {}, error))
    return fault


def _status_in(error: object) -> int | None:
    """Return the status that an error object names, by number or in words."""
    named = (
        [error.get(name) for name in ("code", "status", "status_code")]
        if isinstance(error, Mapping)
        else [error]
    )
    for code in named:
        number = (
            int(code) if isinstance(code, str) and code.isdecimal() and len(code) == 3 else code
        )
        if isinstance(number, int) and not isinstance(number, bool) and 400 <= number < 600:
            return number
    what = f"{error_codes(error)} {error_words(error)}"[:MOST_ERROR_CHARACTERS].lower()
    return next((status for words, status in _NAMED_STATUS if words.search(what)), None)


def error_of_transport(kind: str, words: str, *, who: str) -> ProviderError:
    """The error that a failure of the connection stands for.

    Args:
        kind: the class name of the transport's own exception.
        words: its message, without secrets.
    """
    if kind in NEVER_SENT:
        # Their words quote what could not be sent.
        return EndpointError(
            f"{who} cannot be asked: the base URL, the key or a header cannot be sent ({kind})"
        )
    if kind in NOT_SENT:
        return TransientError(f"{who} cannot be reached: {one_line(words) or kind}", charged=False)
    if kind == "AnswerTooLarge":
        return TransientError(f"{who} sent what is not read: {one_line(words)}", charged=True)
    if "Timeout" in kind:
        return TransientError(f"{who} did not answer in time ({kind})", charged=True)
    return TransientError(
        f"{who} broke off the connection: {one_line(words) or kind}", charged=True
    )


def one_line(words: str, most: int = 300) -> str:
    """Somebody else's words, fit for one line of a terminal."""
    line = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    return line if len(line) <= most else line[: most - 1] + "…"
