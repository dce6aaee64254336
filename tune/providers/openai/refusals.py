"""Read from an error body which parameter a service refuses, and which values it would take."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

from tune.providers.capabilities import PARAMETERS, REPLACEMENTS


class Refusal(NamedTuple):
    """A refused parameter, as a 400 names it.

    Attributes:
        parameter: its name, as the request has it (`reasoning.effort` is `reasoning_effort`).
        value_only: the model takes the parameter, but not this value of it, or not beside another
        one. low: the smallest value that the model takes, where the refusal says it. high: the
        largest value, likewise.
    """

    parameter: str
    value_only: bool
    low: float | None = None
    high: float | None = None


def read_refusal(error: object, sent: Collection[str] = PARAMETERS) -> Refusal | None:
    """Read from the body of a 400 or 422 which parameter it is about.

    Understands the forms of OpenAI and Azure (`param`, "Unsupported parameter: 'x'"), vLLM and
    other servers that validate by pydantic (`loc`), llama.cpp, Groq, xAI, Gemini, Mistral and
    Anthropic's compatible endpoint.

    Args:
        error: the decoded body, or its `error` object, or plain text.
        sent: the names that the request carried: no other is looked for in prose.

    Returns:
        What it says, or None where it is not seen to be about one of the parameters sent; model and
        prompt are none.
    """
    text = error_words(error)
    sent = set(sent) - {"model", "messages", "prompt"}
    named = _named(error) or _quoted_location(text) or _in_prose(text, sent)
    if named not in sent:
        named = REPLACEMENTS.get(named or "")
    if named is None or named not in sent:
        return None
    low, high = read_bounds(text)
    if named == "n":
        return _refused_n(text, high)
    return Refusal(named, _value_only(error, text) or (low, high) != (None, None), low, high)


def _refused_n(text: str, high: float | None) -> Refusal:
    """Return what a refusal of n means: one answer for each call, or so many, or (with greedy
    sampling) nothing new.

    A refusal of n = 3 beside temperature 0 says nothing about n = 3 at other temperatures.
    """
    if re.search(r"greedy|temperature", text, re.IGNORECASE):
        return Refusal("n", value_only=True)
    if high is not None and high >= 2:
        return Refusal("n", value_only=True, high=high)
    return Refusal("n", value_only=False)


_NUMBER = r"`?(-?\d+(?:\.\d+)?)`?"
_ENDS = (
    # "the supported range is from 1 (inclusive) to 9 (exclusive)", "range: 0..1", "between 0 and
    # 2", "in [0, 2]"
    re.compile(
        rf"from {_NUMBER} \(inclusive\) to {_NUMBER} \((?P<open>exclusive|inclusive)\)",
        re.IGNORECASE,
    ),
    re.compile(
        rf"range:? (?:is )?(?:of )?(?:from )?[\[(]?{_NUMBER}(?:\.\.| ?[-,\u2013] ?| to ){_NUMBER}",
        re.IGNORECASE,
    ),
    re.compile(rf"between {_NUMBER}(?: and |,? ?-+ ?|, ?| to ){_NUMBER}", re.IGNORECASE),
    re.compile(rf"in [\[(]{_NUMBER}, ?{_NUMBER}[\])]", re.IGNORECASE),
    re.compile(
        rf"{_NUMBER} ?(?:<=|\u2264) ?(?:value|[a-z_]+) ?(?:<=|\u2264) ?{_NUMBER}", re.IGNORECASE
    ),
)
_MOST = re.compile(
    rf"(?:less than or equal to|at most|<=|\u2264|no (?:more|greater|larger) than|maximum(?: value)? (?:of|is|:)|"
    rf"maximum allowed(?: value)?(?: is| of|:)?|limited to|cannot exceed|must not exceed|up to) ?{_NUMBER}"
    # Anthropic: "max_tokens: 99999 > 64000, which is the maximum allowed number of output tokens"
    rf"|> ?{_NUMBER},? which is the maximum",
    re.IGNORECASE,
)
_LEAST = re.compile(
    rf"(?:greater than or equal to|at least|>=|\u2265|no (?:less|smaller) than|minimum(?: value)? (?:of|is|:)) ?"
    rf"{_NUMBER}",
    re.IGNORECASE,
)
_ONLY = re.compile(
    rf"only the default \({_NUMBER}\)|may only be set to {_NUMBER}|(?:must|has to|can only) be (?:set to |equal to )?"
    rf"{_NUMBER}(?! ?(?:<|\u2264|and|to|or|\.\.))|only (?:the value )?{_NUMBER} is (?:supported|allowed)",
    re.IGNORECASE,
)


def read_bounds(text: str) -> tuple[float | None, float | None]:
    """Return the smallest and the largest value that a refusal says a parameter may have; None
    where it does not.
    """
    for form in _ENDS:
        if found := form.search(text):
            low, high = float(found[1]), float(found[2])
            exclusive = found.groupdict().get("open") == "exclusive"
            return low, high - 1 if exclusive and high.is_integer() else high
    if found := _ONLY.search(text):
        value = float(next(group for group in found.groups() if group))
        return value, value
    most, least = _MOST.search(text), _LEAST.search(text)
    return float(least[1]) if least else None, float(most[1] or most[2]) if most else None


def error_words(error: object) -> str:
    """The words of an error body, whatever its form."""
    if isinstance(error, str):
        return error
    if isinstance(error, Mapping):
        for name in ("error", "message", "detail", "msg", "error_description"):
            if error.get(name):
                return _with_raw(error_words(error[name]), error.get("metadata"))
    if isinstance(error, list) and error:
        return "; ".join(error_words(part) for part in error)
    return "" if error is None else json.dumps(error, ensure_ascii=False, default=str)


def _with_raw(words: str, metadata: object) -> str:
    """Return the words, and those of the vendor behind a router: OpenRouter keeps them in
    `error.metadata.raw`.
    """
    raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
    if not isinstance(raw, str) or not raw.strip():
        return words
    try:
        vendor = error_words(json.loads(raw))
    except (ValueError, RecursionError):
        vendor = raw
    return f"{words}: {vendor}"


def error_codes(error: object) -> str:
    """Every code and type that an error body names, in one lowercase string."""
    if isinstance(error, list):
        return " ".join(error_codes(part) for part in error)
    if not isinstance(error, Mapping):
        return ""
    own = [str(error[name]) for name in ("code", "type", "status") if error.get(name) is not None]
    inner = [
        error_codes(error[name]) for name in ("error", "innererror", "metadata") if name in error
    ]
    return " ".join([*own, *inner]).lower()


def _named(error: object) -> str | None:
    """The name in a field that is made for it."""
    if isinstance(error, list):
        return next((name for name in map(_named, error) if name), None)
    if not isinstance(error, Mapping):
        return None
    param = error.get("param")
    if isinstance(param, str) and param:
        return _plain(param)
    location = error.get("loc")
    if isinstance(location, list | tuple) and location:
        return _plain(".".join(str(part) for part in location if part != "body"))
    return next(
        (n for n in (_named(error.get(k)) for k in ("error", "detail", "message")) if n), None
    )


_ALIASES: Mapping[str, str] = {
    "candidate_count": "n",
    "num_generations": "n",
    "num_return_sequences": "n",
    "max_new_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "stop_sequences": "stop",
}
"""Names of the services behind a gateway (Gemini, Cohere, Hugging Face, Bedrock, OpenAI's
responses), and ours.
"""


_OTHER_NAMES = re.compile(
    r"\b(?:(?i:max_?(?:new|output)_?tokens|stop_?sequences)|maxTokens|topP|topK|presencePenalty|frequencyPenalty)\b"
)


def _plain(name: str) -> str:
    """A request's own name for what an error calls by a path, in camel case or as the service
    behind a gateway.
    """
    if name.startswith("reasoning.effort"):
        return "reasoning_effort"
    name = re.sub(r"^(?:body|text|parameters|\w+_?config)\.", "", name, flags=re.IGNORECASE)
    name = re.split(r"[.\[]", name, maxsplit=1)[0]
    name = re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()
    return _ALIASES.get(name, name)


def _quoted_location(text: str) -> str | None:
    found = re.search(r"'loc': \('body', '(\w+)'", text)
    return found[1] if found else None


_STATED = re.compile(
    r"(?:unsupported|unknown|unrecognized|unexpected|invalid|deprecated) "
    r"(?:parameter|argument|field|name|value|request argument supplied|property)s?:? *[\"'`]*(?P<a>[\w.]+)"
    r"|does not support (?:the )?parameter:? *[\"'`]*(?P<b>[\w.]+)"
    r"|argument not supported on this model: *[\"'`]*(?P<c>[\w.]+)"
    r"|property [\"'`](?P<d>[\w.]+)[\"'`] is unsupported"
    r"|\([\"'`](?P<e>[\w.]+)[\"'`] (?:was|were) unexpected\)"
    r"|invalid value for [\"'`](?P<f>[\w.]+)[\"'`]"
    r"|extraneous key \[(?P<g>[\w.]+)\]",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"support|allow|permit|unexpected|unknown|unrecogni|deprecated|must|should|may only|range|invalid|"
    r"at most|cannot|greater|less|extra inputs|not available",
    re.IGNORECASE,
)


_ABOUT_N = re.compile(
    # Gemini, js-genai#1609, dspy#1087, Bedrock, Groq, older llama.cpp: none of them says `n`, or
    # all say it in passing.
    r"(?:only (?:one|1|a single)|multiple|several|more than one|more than 1|number of) "
    r"(?:completion|candidate|choice|response|answer|generation|sample|output)s?\b(?! tokens)|"
    r"candidate_?count|num_?generations|num_?return_?sequences|value (?:of|for) [\"'`]?n\b|"
    r"(?<![\w.\\])n[\"'`]? ?(?:[=<>≤≥:]|(?:must be|has to be|can only be|should be|cannot|is limited|is too)\b)|"
    r"best_of must be",
    re.IGNORECASE,
)


def _in_prose(text: str, sent: Collection[str]) -> str | None:
    for found in _STATED.finditer(text):
        name = _plain(next(group for group in found.groups() if group))
        if name in sent:
            return name
    if "n" in sent and _ABOUT_N.search(text):
        return "n"
    if not _ABOUT.search(text):
        return None
    text = _OTHER_NAMES.sub(lambda found: _plain(found[0]), text)
    # Short everyday words ("n", "stop", "seed") count only where they are marked as names.
    marked = [(m.start(), name) for name in sent if (m := re.search(_marked(name), text))]
    # Of two that cannot be combined the second is taken: "`temperature` and `top_p` cannot both be
    # specified".
    together = len(marked) > 1 and re.search(r"\bboth\b|\btogether\b", text)
    return (max(marked) if together else min(marked))[1] if marked else None


def _marked(name: str) -> str:
    plain = re.escape(name)
    long = "_" in name or name in ("temperature", "verbosity", "logprobs")
    # A service writes "Temperature must be ..." at the beginning of a sentence.
    alone = rf"|(?<![\w.])(?i:{plain})(?![\w.])" if long else ""
    return rf"[\"'`](?:\w+\.)?{plain}[\"'`]|(?:^|[:;] ){plain}(?=:| must| is | does |$){alone}"


_VALUE = re.compile(
    r"too (?:large|small|high|low|big|long)|at (?:most|least)|(?:must|should|may only) be|range|less than|greater than|"
    r"≤|≥|<=|>=|maximum|minimum|between|invalid value",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    r"unsupported|not support|only the default|extra inputs|unknown|unrecogni|deprecated",
    re.IGNORECASE,
)


def _value_only(error: object, text: str) -> bool:
    if re.search(
        r"supported values are|\bboth\b|\btogether\b|only the default|unsupported value",
        text,
        re.IGNORECASE,
    ):
        return True
    codes = error_codes(error)
    if "unsupported" in codes or "extra_forbidden" in codes or _WHOLE.search(text):
        return False
    return "_value" in codes or bool(_VALUE.search(text))
