"""Turn the failures of an OpenAI-compatible service, by status and body, into our errors."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping

from tune.errors import (
    AnswerError,
    EndpointError,
    NoRoom,
    ParameterRejected,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    TransientError,
    Unreadable,
    ValueRejected,
)
from tune.providers.openai.error_body import (
    error_codes,
    error_words,
    plain_numbers,
)
from tune.providers.openai.refusals import ABOUT_STOP, read_refusal
from tune.providers.openai.retry_after import longest_wait, retry_after, retry_delay
from tune.providers.openai.sender import Stage
from tune.providers.room import largest_cap

MOST_ERROR_CHARACTERS = 4_000
"""Characters of an error that are read: its subject stands at the beginning."""

LONG_WAIT = 600.0
"""Seconds: a service that asks for a longer wait has used up a quota of the day, and no user wants
to wait for that.
"""

_NO_CREDIT = re.compile(
    r"insufficient[_ ](?:user[_ ])?(?:quota|credit|balance|funds)|billing"
    r"|exceeded your current quota"
)

# Words of services that say with a 400 or a 403 that the account is empty: Anthropic, DeepSeek,
# OpenRouter.
_EMPTY_ACCOUNT = re.compile(
    r"credit balance is too low|insufficient (?:account )?(?:balance|credits?|funds)"
    r"|key limit exceeded|out of credits"
)

# A quota of a day, in words or in the names of Google's quotas
# (GenerateRequestsPerDayPerProjectPerModel).
_DAILY_QUOTA = re.compile(r"per[-_ ]?day\b|perday|daily (?:limit|quota)")

# OpenAI's o1 models refuse an answer that did not fit, after it was made (dotnet/extensions#7002).
_CUT = re.compile(
    r"could not (?:finish|generate|complete) .{0,80}"
    r"(?:max_tokens|max_completion_tokens|output limit|token limit)"
)

# OpenRouter finds no host that takes all settings of a call (AventurasTeam/Aventuras#48), or one of
# them (zed-industries/zed#36094). With other settings it may find one.
_NO_HOST_TAKES = re.compile(r"no endpoints found that (?:can handle|support)")

_REFUSED_BY_500 = re.compile(
    r"only one completion choice|does not support parameters: \{"
)

# Groq refuses an answer that breaks the JSON that was asked for, after it was made
# (build-with-groq/g1#23).
_BROKEN_JSON = re.compile(r"json_validate_failed|failed to generate json")

_TOO_LONG = re.compile(
    r"context[_ ]?(?:length|size|window)|maximum (?:input|prompt|sequence) length|max_model_len|"
    r"(?:prompt|input|request) (?:is |was )?too (?:long|large)|too many (?:input )?tokens|"
    r"string_above_max_length|reduce the length|exceed_context|input token count|context limit|"
    r"(?<!daily )(?<!monthly )token limit exceeded|max_seq_len|range of input length|"
    r"`?inputs`? tokens \+|"
    r"prompt token count|exceeded model token limit|model max length exceeded"
)

# The most tokens that prompt and answer may have together, in the words of OpenAI, vLLM, SGLang,
# OpenRouter, TGI, Anthropic, Moonshot, Cerebras and SiliconFlow.
_CONTEXT = re.compile(
    r"context length (?:is|of)(?: only)? (\d+)\b"
    r"|must be <= (\d+)\. given:"
    r"|exceed context limit: \d+ \+ \d+ > (\d+)"
    r"|model token limit: (\d+)"
    r"|max length: ?(\d+)"
    r"|while limit is (\d+)"
    r"|max_seq_len \((\d+)\)"
)

# The tokens of the prompt alone, in the words of OpenAI, vLLM, TGI and Anthropic.
_PROMPT = re.compile(
    r"messages resulted in (\d+)\b"
    r"|(\d+) (?:tokens )?(?:in (?:the|your) (?:messages|prompt)|of text input|input tokens)"
    r"|given: (\d+) `?inputs`? tokens"
    r"|exceed context limit: (\d+) \+"
)

# A request that is larger than all that the account may send in a minute: no wait helps. The cap
# counts as if it were used (Groq, OpenAI).
_TOO_LARGE_FOR_A_MINUTE = re.compile(
    r"request too large .{0,300}\btokens per .{0,200}\blimit (\d+), requested (\d+)"
)

# Groq's bound of the cap names the context, although the prompt is not at fault
# (RooCodeInc/Roo-Code#5136).
_CAP_ALONE = re.compile(
    r"(?<!\+ )(?<!\+ `)\bmax_(?:completion_)?tokens\W*(?:for \S+ )?"
    r"must be (?:less than or equal to|at most|<=) \W?\d"
)

# A gateway answers 500 for a 400 of the vendor behind it, and quotes it: LiteLLM
# (BerriAI/litellm#4941), a wrapper in Python (dottxt-ai/outlines#844), Bedrock's exceptions.
_QUOTED_REFUSAL = re.compile(
    r"error code: 4(?:00|22)\b"
    r"|litellm\.(?:badrequest|unsupportedparams|contextwindowexceeded|contentpolicyviolation)error"
    r"|\(validationexception\)"
)

# Words beside which a quoted refusal is one try of several: the others may have been billed.
_SEVERAL_TRIES = re.compile(
    r"internalservererror|apierror|apiconnectionerror|timeout|timed out|doing the fallback"
    r"|fallbacks?: |retr(?:y|ie)|attempt"
)

# MiniMax says with a 500 that the account is empty (MiniMax-AI/MiniMax-M2#62).
_EMPTY_BY_500 = re.compile(r"insufficient balance \(1008\)")

_FILTERED = re.compile(
    r"content[_ ]?(?:filter|policy|management policy)|responsibleaipolicy|responsible ai|"
    r"data_?inspection|content exists risk|flagged|moderation|safety (?:system|filter)|"
    r"usage policy|violat\w{1,6} .{0,60}usage guidelines|safety_check|invalid_prompt|"
    r"prohibited_content|new_sensitive|"
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
    """Return the error that a response with a status of 300 or more stands for.

    Args:
        status: the HTTP status.
        headers: the response's headers, with names in lower case.
        body: decoded where it is JSON, else text.
        who: model and address, as messages name them.
        sent: the parameters that the request carried, or the request itself.
        bills_refusals: the service is known to bill prompts that it refuses.
    """
    words = error_words(body)[:MOST_ERROR_CHARACTERS]
    message = f"{who} answered {status}: {one_line(words) or 'no message'}"
    failure = _Failure(status, headers, body, message)
    return failure.error(who, sent, bills_refusals=bills_refusals)


class _Failure:
    """A failed call as the service tells it.

    Attributes:
        status: the HTTP status, or the one that an error object names. A 500 that quotes a
            vendor's refusal is a 400.
        headers: of the response, with names in lower case.
        body: the error body.
        message: the message of the error that it becomes.
        text: codes and words of the body, in lower case.
    """

    def __init__(
        self, status: int, headers: Mapping[str, str], body: object, message: str
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.message = message
        codes = error_codes(body)[:MOST_ERROR_CHARACTERS]
        words = error_words(body)[:MOST_ERROR_CHARACTERS]
        self.text = plain_numbers(f"{codes} {words}".lower())
        quoted = _QUOTED_REFUSAL.search(self.text)
        if status == 500 and quoted and not _SEVERAL_TRIES.search(self.text):
            self.status = 400

    def error(
        self, who: str, sent: Collection[str], *, bills_refusals: bool
    ) -> ProviderError:
        """Return the error that this failure stands for."""
        # The order counts: a refusal for the prompt's length names max_tokens, too.
        error = (
            self._too_large(sent)
            or self._unavailable()
            or self._unanswerable()
            or self._rejected_parameter(sent)
            or self._final(who)
        )
        read = isinstance(error, AnswerError) and error.reason != "length"
        if read or isinstance(error, NoRoom):
            # A prompt may have been billed although it was refused; a 413 was never read.
            bills = bills_refusals or self._is_from_azure()
            error.prompt_charged = bills and self.status not in (413, 429)
        return error

    def _too_large(self, sent: Collection[str]) -> ProviderError | None:
        """Return the error of a request that does not fit in, however long one waits, or None."""
        found = _TOO_LARGE_FOR_A_MINUTE.search(self.text)
        if found and self.status in (413, 429) and int(found[2]) > int(found[1]):
            # Several answers count as often as the cap of one.
            several = _sent_number(sent, "n") or 1
            error = self._no_room(int(found[1]) // several, sent)
            # The account is too small, and not the model.
            return error if isinstance(error, NoRoom) else RequestRefused(self.message)
        if self.status == 413:
            return AnswerError(self.message, reason="context_length")
        # Some servers answer a prompt that is too long with a 500.
        if self.status not in (400, 422, 500) or not _TOO_LONG.search(self.text):
            return None
        # Too many stop strings, and the bound of a cap, say nothing about the prompt.
        if ABOUT_STOP.search(self.text) or _CAP_ALONE.search(self.text):
            return None
        context = _CONTEXT.search(self.text)
        limit = _first_number(context)
        if _first_number(_PROMPT.search(self.text)) >= limit:
            return AnswerError(self.message, reason="context_length")
        return self._no_room(limit, sent)

    def _no_room(self, limit: int, sent: Collection[str]) -> AnswerError | NoRoom:
        """Return the error of a prompt and a cap that are too large together.

        Args:
            limit: the most tokens of both; 0 where it is not known.
            sent: the request.
        """
        cap = _sent_number(sent, "max_tokens") or _sent_number(
            sent, "max_completion_tokens"
        )
        most = largest_cap(limit, cap or 0)
        if most is None:
            return AnswerError(self.message, reason="context_length")
        return NoRoom(self.message, most=most)

    def _unavailable(self) -> ProviderError | None:
        """Return the error of a service that wants the call later, or no more; None for others."""
        # 498 is Groq's "flex tier capacity exceeded".
        if self.status in (402, 429, 498, 503, 529):
            return self._later()
        if self.status in (400, 403) and _EMPTY_ACCOUNT.search(self.text):
            return QuotaExhausted(self.message)
        if self.status == 500 and _EMPTY_BY_500.search(self.text):
            return QuotaExhausted(self.message)
        if self.status in (409, 425):
            wait = retry_after(self.headers)
            return TransientError(self.message, charged=False, retry_after=wait)
        return None

    def _later(self) -> ProviderError:
        """Return the error of a service that has no room now, or no quota."""
        asked = longest_wait(retry_after(self.headers), retry_delay(self.body))
        if self._is_used_up(asked) or (asked or 0.0) > LONG_WAIT:
            return QuotaExhausted(self.message, wait=asked)
        if self.status == 503:
            return TransientError(self.message, charged=False, retry_after=asked)
        return RateLimited(self.message, retry_after=asked)

    def _is_used_up(self, asked: float | None) -> bool:
        """Tell a quota that is used up from calls that come too fast.

        Google says "You exceeded your current quota" of a minute's limit, too, and how many seconds
        to wait. Where its details name the limit of a day, those seconds are not to be believed.
        """
        if self.status == 402:
            return True
        if self.status != 429:
            return False
        if "insufficient" in self.text:
            return bool(_NO_CREDIT.search(self.text))
        if asked is None:
            return bool(_NO_CREDIT.search(self.text) or _DAILY_QUOTA.search(self.text))
        details = json.dumps(self.body, default=str)[:MOST_ERROR_CHARACTERS].lower()
        return "quotaid" in details and "perday" in details

    def _unanswerable(self) -> AnswerError | None:
        """Return the error of a request that this configuration makes unanswerable, or None."""
        if self.status in (400, 422) and _CUT.search(self.text):
            return AnswerError(self.message, reason="length")
        if self.status in (400, 422) and _BROKEN_JSON.search(self.text):
            return AnswerError(self.message, reason="invalid_json", charged=True)
        if self.status in (400, 403, 422) and _FILTERED.search(self.text):
            return AnswerError(self.message, reason="content_filter")
        return None

    def _rejected_parameter(self, sent: Collection[str]) -> ParameterRejected | None:
        """Return the error of a refusal that names a parameter, or None."""
        # Older versions of llama.cpp and of LiteLLM's proxy refuse a parameter with a 500.
        is_refusal = bool(
            _REFUSED_BY_500.search(self.text) or _NO_HOST_TAKES.search(self.text)
        )
        # 416 is Scaleway's, for a cap that is out of range (scaleway/docs-content#4858).
        if self.status not in (400, 416, 422, 501) and not is_refusal:
            return None
        refusal = read_refusal(self.body, sent)
        if refusal is None:
            return None
        if refusal.value_only:
            return ValueRejected(
                self.message,
                refusal.parameter,
                low=refusal.low,
                high=refusal.high,
                beside=refusal.beside,
                while_reasoning=refusal.while_reasoning,
            )
        return ParameterRejected(
            self.message,
            parameter=refusal.parameter,
            beside=refusal.beside,
            while_reasoning=refusal.while_reasoning,
        )

    def _final(self, who: str) -> ProviderError:
        """Return the error where the status alone decides."""
        status = self.status
        # 424 is a failure behind the service, and 499 a call that it gave up itself (Google, Groq).
        if status in (408, 424, 499) or status >= 500:
            wait = retry_after(self.headers)
            return TransientError(self.message, charged=True, retry_after=wait)
        if 300 <= status < 400:
            return EndpointError(
                f"{who} answered with a redirect ({status}), which is not followed: "
                f"give the final base URL"
            )
        if status in (400, 416, 422) or _NO_HOST_TAKES.search(self.text):
            return RequestRefused(self.message)
        if status in (404, 405) and "model" not in self.text:
            return EndpointError(
                f"{self.message}; is the base URL complete (most end in /v1)?"
            )
        return EndpointError(self.message)

    def _is_from_azure(self) -> bool:
        """Tell whether Azure speaks, also through a gateway: it bills prompts that it refuses."""
        named = "responsibleaipolicy" in self.text or "azure openai" in self.text
        return (
            named or "apim-request-id" in self.headers or "x-ms-region" in self.headers
        )


def _first_number(found: re.Match[str] | None) -> int:
    """Return the number that one of the groups of a match holds; 0 without a match."""
    return int(next(filter(None, found.groups()))) if found else 0


def _sent_number(sent: Collection[str], name: str) -> int | None:
    """Return a number that the request carried, where its values are known."""
    value = sent.get(name) if isinstance(sent, Mapping) else None
    return value if isinstance(value, int) else None


# Statuses by the words of an error that carries no number; the first that fits holds.
_NAMED_STATUS = (
    (
        re.compile(
            r"rate[_ ]?limit|too[_ ]many[_ ]requests|resource[_ ]exhausted|insufficient_quota"
            r"|throttl"
        ),
        429,
    ),
    (
        re.compile(
            r"overloaded|unavailable"
            r"|no (?:instances|providers?|endpoints?) (?:available|found)|capacity"
        ),
        503,
    ),
    (re.compile(r"invalid_api_key|authentication|unauthorized|unauthenticated"), 401),
    # LM Studio answers a wrong path with 200 (lmstudio-ai/lmstudio-bug-tracker#618).
    (re.compile(r"model_not_found|not_found|unexpected endpoint or method"), 404),
    (
        re.compile(r"invalid_request|invalid_argument|content_filter|context_length"),
        400,
    ),
)


def embedded_error(body: object) -> object:
    """Return the error that a 200 holds instead of choices, or None.

    Google sends a list of one. MiniMax has codes of its own in `base_resp`. vLLM and Mistral put
    the fields of an error where the choices would stand. OpenRouter puts the error of a host that
    failed into the choice.
    """
    if isinstance(body, list):
        return embedded_error(body[0]) if body else None
    if not isinstance(body, dict):
        return None
    choices = body.get("choices")
    if choices:
        return _error_of_choices(choices)
    if body.get("error") is not None:
        return body["error"]
    if body.get("object") == "error":
        return body
    for name in ("message", "detail", "errors"):
        if body.get(name):
            return body
    return _minimax_error(body.get("base_resp"))


# MiniMax's codes with the statuses that they stand for (platform.minimax.io, error codes).
_MINIMAX_STATUS: Mapping[object, int] = {
    1001: 504,
    1002: 429,
    1004: 401,
    1008: 402,
    1026: 400,
    1027: 400,
    1039: 429,
    1041: 429,
    1042: 400,
    2013: 400,
    2049: 401,
    2056: 402,
}


def _minimax_error(reply: object) -> object:
    """Return the error in MiniMax's `base_resp`; None where it reports success."""
    if not isinstance(reply, dict) or not reply.get("status_code"):
        return None
    code = reply["status_code"]
    status = _MINIMAX_STATUS.get(code, 500) if isinstance(code, int) else 500
    return {"message": f"{reply.get('status_msg')} ({code})", "code": status}


def _error_of_choices(choices: object) -> object:
    """Return the error that stands in the place of every choice's text, or None."""
    if not isinstance(choices, list) or not all(
        isinstance(choice, dict) for choice in choices
    ):
        return None
    for choice in choices:
        # One choice with a text is an answer that was paid for.
        if _text_of(choice) or not choice.get("error"):
            return None
    error: object = choices[0].get("error") if choices else None
    return error


def _text_of(choice: Mapping[str, object]) -> object:
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    return content or choice.get("text")


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
    `error.code` (inspect_ai#1534, pydantic-ai#6885). It is read as if it had been the response's
    own. An error whose status cannot be told may have been billed.

    Args:
        error: the error object.
        headers: as for `error_of_response`, and so are the others.
        who: model and address, as messages name them.
        sent: the parameters that the request carried.
        bills_refusals: the service is known to bill prompts that it refuses.
    """
    words = one_line(error_words(error)[:MOST_ERROR_CHARACTERS])
    message = f"{who} answered 200 with an error: {words or 'no message'}"
    status = _status_in(error)
    if status is None:
        return Unreadable(message)
    failure = _Failure(status, headers or {}, error, message)
    return failure.error(who, sent, bills_refusals=bills_refusals)


def _status_in(error: object) -> int | None:
    """Return the status that an error object names, by number or in words."""
    if isinstance(error, Mapping):
        codes = [error.get(name) for name in ("code", "status", "status_code")]
    else:
        codes = [error]
    for code in codes:
        number = _as_status(code)
        if number is not None:
            return number
    text = f"{error_codes(error)} {error_words(error)}"[:MOST_ERROR_CHARACTERS].lower()
    for words, named in _NAMED_STATUS:
        if words.search(text):
            return named
    return None


def _as_status(code: object) -> int | None:
    """Return a code as a status of 400 to 599, or None."""
    if isinstance(code, str) and code.isdecimal() and len(code) == 3:
        code = int(code)
    # True and False are integers in Python.
    if isinstance(code, bool) or not isinstance(code, int):
        return None
    return code if 400 <= code < 600 else None


def error_of_transport(stage: Stage, words: str, *, who: str) -> ProviderError:
    """Return the error that a request without a reply stands for.

    Args:
        stage: the stage at which it failed.
        words: the transport's own words, without secrets.
        who: model and address, as messages name them.
    """
    said = one_line(words)
    match stage:
        case "impossible":
            return EndpointError(
                f"{who} cannot be asked: "
                f"the base URL, the key or a header cannot be sent ({said})"
            )
        case "unsent":
            return TransientError(f"{who} cannot be reached: {said}", charged=False)
        case "timeout":
            return TransientError(
                f"{who} did not answer in time ({said})", charged=True
            )
        case "unreadable":
            return TransientError(
                f"{who} sent an answer that cannot be read: {said}", charged=True
            )
        case "lost":
            return TransientError(
                f"{who} broke off the connection: {said}", charged=True
            )


def one_line(words: str, most: int = 300) -> str:
    """Return somebody else's words, fit for one line of a terminal."""
    # Control characters could move the cursor or change colours.
    characters: list[str] = []
    for character in words:
        characters.append(character if character.isprintable() else " ")
    line = " ".join("".join(characters).split())
    if len(line) <= most:
        return line
    return line[: most - 1] + "…"


def describe_text(text: str) -> str:
    """Say in words for a user what an answer is that is not JSON."""
    start = text.lstrip()[:200]
    shown = one_line(start, 80)
    if start[:1] == "<":
        return (
            f"returned a web page instead of an answer: "
            f"is the base URL complete (most end in /v1)? {shown}"
        )
    if start.startswith(("data:", "event:", ":")):
        return f"returned an event stream, which is not asked for: {shown}"
    return f"returned an answer that is not JSON: {shown}"
