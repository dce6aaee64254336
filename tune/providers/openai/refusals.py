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
            one.
        low: the smallest value that the model takes, where the refusal says it.
        high: the largest value that the model takes, where the refusal says it.
        beside: the other parameter, where the model does not take the two together.
        while_reasoning: the model refuses it while it reasons, and says so.
    """

    parameter: str
    value_only: bool
    low: float | None = None
    high: float | None = None
    beside: str | None = None
    while_reasoning: bool = False


def read_refusal(error: object, sent: Collection[str] = PARAMETERS) -> Refusal | None:
    """Read from the body of a 400 or 422 which parameter it is about.

    Understands the forms of OpenAI and Azure (`param`, "Unsupported parameter: 'x'"), vLLM and
    other servers that validate by pydantic (`loc`), llama.cpp, Groq, xAI, Gemini, Mistral and
    Anthropic's compatible endpoint.

    Args:
        error: the decoded body, or its `error` object, or plain text.
        sent: the names that the request carried: no other is looked for in prose.

    Returns:
        The refusal, or None where it does not seem to be about one of the parameters sent. Model
        and prompt do not count as parameters.
    """
    text = error_words(error)
    sent = set(sent) - {"model", "messages", "prompt"}
    named = _named(error) or _quoted_location(text) or _in_prose(text, sent)
    if named not in sent:
        # A server may call max_tokens by its newer name, or the other way round.
        named = REPLACEMENTS.get(named or "")
    if named is None or named not in sent:
        return None
    low, high = read_bounds(text)
    if named == "n":
        return _refused_n(text, high)
    bounded = low is not None or high is not None
    return Refusal(
        named,
        bounded or _value_only(error, text),
        low,
        high,
        beside=_other_of_two(text, named, sent),
        while_reasoning=bool(_WHILE_REASONING.search(text)),
    )


# "may only be set to 1 when thinking is enabled", "not supported with this model when reasoning
# effort is not 'none'", "only supported with reasoning effort none"
_WHILE_REASONING = re.compile(
    r"(?:when|while|if|unless) (?:using )?(?:extended )?(?:thinking|reasoning)(?:[ _.]effort)?"
    r"(?: mode)? is (?:enabled|on\b|active|not|other|set)"
    r"|only (?:supported|allowed|available) (?:with|when|if) (?:the )?reasoning[ _.]?effort"
    r"|(?:in|with) thinking mode|while (?:thinking|reasoning)\b",
    re.IGNORECASE,
)

_TOGETHER = re.compile(r"\bboth\b|\btogether\b|\bonly one of\b", re.IGNORECASE)


def _other_of_two(text: str, named: str, sent: Collection[str]) -> str | None:
    """Return the parameter that cannot be combined with the named one, or None."""
    if not _TOGETHER.search(text):
        return None
    for name in sorted(set(sent) - {named}):
        if re.search(_marked(name), text):
            return name
    return None


def _refused_n(text: str, high: float | None) -> Refusal:
    """Return the meaning of a refusal of n.

    It means one answer for each call, or a few, or (with greedy sampling) nothing new: a refusal of
    n = 3 beside temperature 0 says nothing about n = 3 at other temperatures.
    """
    if re.search(r"greedy|temperature", text, re.IGNORECASE):
        return Refusal("n", value_only=True)
    if high is not None and high >= 2:
        return Refusal("n", value_only=True, high=high)
    return Refusal("n", value_only=False)


_NUMBER = r"`?(-?\d+(?:\.\d+)?)`?"

# "the supported range is from 1 (inclusive) to 9 (exclusive)", "range: 0..1", "range: -1 or 0..1",
# "the valid range of max_tokens is [1, 8192]", "between 0 and 2", "in [0, 2]", "0 <= value <= 2"
_RANGES = (
    re.compile(
        rf"from {_NUMBER} \(inclusive\) to {_NUMBER} \((?P<open>exclusive|inclusive)\)",
        re.IGNORECASE,
    ),
    re.compile(
        r"range:? (?:of \w+ )?(?:is )?(?:of )?(?:from )?(?:-?\d+ or )?"
        rf"[\[(]?{_NUMBER}(?:\.\.| ?[-,\u2013] ?| to ){_NUMBER}",
        re.IGNORECASE,
    ),
    re.compile(
        rf"between {_NUMBER}(?: and |,? ?-+ ?|, ?| to ){_NUMBER}", re.IGNORECASE
    ),
    re.compile(rf"in [\[(]{_NUMBER}, ?{_NUMBER}[\])]", re.IGNORECASE),
    re.compile(
        rf"{_NUMBER} ?(?:<=|\u2264) ?(?:value|[a-z_]+) ?(?:<=|\u2264) ?{_NUMBER}",
        re.IGNORECASE,
    ),
    # "must be > 0.0 and < 1.0"
    re.compile(rf">=? ?{_NUMBER} and <=? ?{_NUMBER}", re.IGNORECASE),
)

# The last form is Anthropic's: "max_tokens: 99999 > 64000, which is the maximum allowed number of
# output tokens".
_MOST = re.compile(
    r"(?:less than or equal to|at most|<=|\u2264|no (?:more|greater|larger) than"
    r"|maximum(?: value)? (?:of|is|:)|maximum allowed(?: value)?(?: is| of|:)?"
    rf"|limited to|cannot exceed|must not exceed|up to) ?{_NUMBER}"
    rf"|> ?{_NUMBER},? which is the maximum",
    re.IGNORECASE,
)
_LEAST = re.compile(
    r"(?:greater than or equal to|at least|>=|\u2265|no (?:less|smaller) than"
    rf"|minimum(?: value)? (?:of|is|:)) ?{_NUMBER}"
    # "in range (0, +inf)"
    rf"|range [\[(]{_NUMBER}, ?\+?(?:inf|infinity|\u221e)",
    re.IGNORECASE,
)
_ONLY = re.compile(
    rf"only the default \({_NUMBER}\)"
    rf"|may only be set to {_NUMBER}"
    rf"|(?:must|has to|can only) be (?:set to |equal to )?{_NUMBER}"
    r"(?! ?(?:<|\u2264|and|to|or|\.\.))"
    rf"|only (?:the value |\w+ ?= ?)?{_NUMBER} is (?:supported|allowed)",
    re.IGNORECASE,
)


def read_bounds(text: str) -> tuple[float | None, float | None]:
    """Return the smallest and the largest value that a refusal allows; None where it names none."""
    for pattern in _RANGES:
        if found := pattern.search(text):
            return _range(found)
    if found := _ONLY.search(text):
        value = float(next(group for group in found.groups() if group))
        return value, value
    most, least = _MOST.search(text), _LEAST.search(text)
    # The patterns have two forms, each with its own group.
    low = float(least[1] or least[2]) if least else None
    high = float(most[1] or most[2]) if most else None
    return low, high


def _range(found: re.Match[str]) -> tuple[float, float]:
    low, high = float(found[1]), float(found[2])
    exclusive = found.groupdict().get("open") == "exclusive"
    if exclusive and high.is_integer():
        high -= 1
    return low, high


def error_words(error: object) -> str:
    """Return the words of an error body, whatever its form."""
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
    """Return the words, and those of the vendor behind a router.

    OpenRouter keeps the vendor's words in `error.metadata.raw`.
    """
    raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
    if not isinstance(raw, str) or not raw.strip():
        return words
    try:
        vendor = error_words(json.loads(raw))
    except (ValueError, RecursionError):
        # It is plain text, or nested too deeply to be read.
        vendor = raw
    return f"{words}: {vendor}"


def error_codes(error: object) -> str:
    """Return every code and type that an error body names, in one lowercase string."""
    if isinstance(error, list):
        return " ".join(map(error_codes, error))
    if not isinstance(error, Mapping):
        return ""
    codes: list[str] = []
    for name in ("code", "type", "status"):
        if error.get(name) is not None:
            codes.append(str(error[name]))
    for name in ("error", "innererror", "metadata"):
        if name in error:
            codes.append(error_codes(error[name]))
    return " ".join(codes).lower()


def _named(error: object) -> str | None:
    """Return the name in a field that is made for it (`param`, or pydantic's `loc`)."""
    if isinstance(error, list):
        return _first_named(error)
    if not isinstance(error, Mapping):
        return None
    param = error.get("param")
    if isinstance(param, str) and param:
        return _request_name(param)
    location = error.get("loc")
    if isinstance(location, list | tuple) and location:
        path = ".".join(str(part) for part in location if part != "body")
        return _request_name(path)
    return _first_named([error.get(key) for key in ("error", "detail", "message")])


def _first_named(errors: list[object]) -> str | None:
    for error in errors:
        if name := _named(error):
            return name
    return None


# Names of the services behind a gateway (Gemini, Cohere, Hugging Face, Bedrock, OpenAI's
# responses), and ours.
_ALIASES: Mapping[str, str] = {
    "candidate_count": "n",
    "num_generations": "n",
    "num_return_sequences": "n",
    "max_new_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "stop_sequences": "stop",
}
# The same names as they stand in prose.
_OTHER_NAMES = re.compile(
    r"\b(?:(?i:max_?(?:new|output)_?tokens|stop_?sequences)"
    r"|maxTokens|topP|topK|presencePenalty|frequencyPenalty)\b"
)


def _request_name(name: str) -> str:
    """Return our name of a parameter.

    An error may name it by a path, in camel case or as the service behind a gateway does.
    """
    if name.startswith("reasoning.effort"):
        return "reasoning_effort"
    name = re.sub(
        r"^(?:body|text|parameters|\w+_?config)\.", "", name, flags=re.IGNORECASE
    )
    name = re.split(r"[.\[]", name, maxsplit=1)[0]
    name = re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()
    return _ALIASES.get(name, name)


def _quoted_location(text: str) -> str | None:
    """Return the name in a `loc` of pydantic that was turned into text."""
    found = re.search(r"'loc': \('body', '(\w+)'", text)
    if found is None:
        return None
    return found[1]


# Sentences that name a parameter outright.
_STATED = re.compile(
    r"unsupported parameters passed: *(?P<l>\w+)"
    r"|(?:unsupported|unknown|unrecognized|unexpected|invalid|deprecated) "
    r"(?:parameter|argument|field|name|value|request argument supplied|property)s?"
    r":? *[\"'`]*(?P<a>[\w.]+)"
    r"|does not support (?:the )?parameters?:? *[\"'`{]*(?P<b>[\w.]+)"
    r"|argument not supported on this model: *[\"'`]*(?P<c>[\w.]+)"
    r"|property [\"'`](?P<d>[\w.]+)[\"'`] is unsupported"
    r"|\([\"'`](?P<e>[\w.]+)[\"'`] (?:was|were) unexpected\)"
    r"|invalid value for [\"'`](?P<f>[\w.]+)[\"'`]"
    r"|extraneous key \[(?P<g>[\w.]+)\]"
    # A path in the request, of DashScope ("parameter.enable_thinking must be"), of Bedrock
    # ("#/temperature: expected type: Number") and of Azure ("'$.stop' is invalid").
    r"|\bparameters?\.(?P<h>\w+) must"
    r"|#/(?P<i>\w+): expected"
    r"|[\"'`]\$\.(?P<j>\w+)[\"'`] is invalid"
    # Zhipu: "the parameter is not legal".
    r"|(?P<k>[A-Za-z_]+) ?\u53c2\u6570(?:\u975e\u6cd5|\u4e0d\u5408\u6cd5|\u9519\u8bef)",
    re.IGNORECASE,
)

# An effort that is named by its level alone: 'level "max" not supported, valid levels: low, ...'.
_ABOUT_EFFORT = re.compile(
    r"\b(?:effort|thinking|reasoning)?[ _]?level\b.{0,60}\bvalid levels\b",
    re.IGNORECASE,
)

# Words without which a sentence is not about a parameter that is refused.
_ABOUT = re.compile(
    r"support|allow|permit|unexpected|unknown|unrecogni|deprecated|must|should|may only|range"
    r"|invalid|at most|cannot|greater|less|extra inputs|not available|expected",
    re.IGNORECASE,
)

# Refusals of n by Gemini, js-genai#1609, dspy#1087, Bedrock, Groq and older llama.cpp: some do not
# say `n`, and the others say it in passing.
_ABOUT_N = re.compile(
    r"(?:only (?:one|1|a single)|multiple|several|more than one|more than 1|number of) "
    r"(?:completion|candidate|choice|response|answer|generation|sample|output)s?\b(?! tokens)|"
    r"candidate_?count|num_?generations|num_?return_?sequences|value (?:of|for) [\"'`]?n\b|"
    r"(?<![\w.\\])n[\"'`]? ?"
    r"(?:[=<>≤≥:]|(?:must be|has to be|can only be|should be|cannot|is limited|is too)\b)|"
    r"best_of must be",
    re.IGNORECASE,
)


# vLLM repeats all settings of the request behind some refusals, and none of them is to blame.
_REPEATED = re.compile(
    r"(?:supplied params: )?SamplingParams\(.*", re.DOTALL | re.IGNORECASE
)


def _in_prose(text: str, sent: Collection[str]) -> str | None:
    """Return the parameter that a sentence is about, among those that were sent."""
    text = _REPEATED.sub("", text)
    for found in _STATED.finditer(text):
        name = _request_name(next(group for group in found.groups() if group))
        if name in sent:
            return name
    if "n" in sent and _ABOUT_N.search(text):
        return "n"
    if "reasoning_effort" in sent and _ABOUT_EFFORT.search(text):
        return "reasoning_effort"
    if not _ABOUT.search(text):
        return None
    text = _OTHER_NAMES.sub(lambda found: _request_name(found[0]), text)
    marked: list[tuple[int, str]] = []
    for name in sent:
        if place := re.search(_marked(name), text):
            marked.append((place.start(), name))
    if not marked:
        return None
    # Of two that cannot be combined the second is taken: "`temperature` and `top_p` cannot both be
    # specified".
    together = len(marked) > 1 and re.search(r"\bboth\b|\btogether\b", text)
    _, name = max(marked) if together else min(marked)
    return name


def _marked(name: str) -> str:
    """Return a pattern for a parameter's name in prose.

    Short everyday words ("n", "stop", "seed") count only where they are marked as names.
    """
    plain = re.escape(name)
    quoted = rf"[\"'`](?:\w+\.)?{plain}[\"'`]"
    at_start = rf"(?:^|[:;] ){plain}(?=:| must| is | does |$)"
    if "_" not in name and name not in ("temperature", "verbosity", "logprobs"):
        return f"{quoted}|{at_start}"
    # A service writes "Temperature must be ..." at the beginning of a sentence.
    return rf"{quoted}|{at_start}|(?<![\w.])(?i:{plain})(?![\w.])"


# Words about a value that is out of range.
_VALUE = re.compile(
    r"too (?:large|small|high|low|big|long)|at (?:most|least)|(?:must|should|may only) be|range"
    r"|less than|greater than|≤|≥|<=|>=|maximum|minimum|between|invalid value|is invalid"
    r"|expected type|\u53c2\u6570\u975e\u6cd5",
    re.IGNORECASE,
)

# Words about a parameter that is refused whatever its value.
_WHOLE = re.compile(
    r"unsupported|not support|only the default|extra inputs|unknown|unrecogni|deprecated",
    re.IGNORECASE,
)


# Words that are about one value, whatever else the refusal says.
_ONE_VALUE = re.compile(
    r"(?:supported|valid|allowed) (?:values|levels)(?: are)?|\bexpected one of\b"
    r"|\bboth\b|\btogether\b|only the default|unsupported value",
    re.IGNORECASE,
)


def _value_only(error: object, text: str) -> bool:
    """Tell whether a refusal is about a value of a parameter, and not about the whole parameter."""
    if _ONE_VALUE.search(text):
        return True
    codes = error_codes(error)
    if "unsupported" in codes or "extra_forbidden" in codes or _WHOLE.search(text):
        return False
    return "_value" in codes or bool(_VALUE.search(text))
