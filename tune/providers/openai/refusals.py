"""Read from an error body which parameter a service refuses, and which values it would take."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

from tune.providers.capabilities import PARAMETERS, REPLACEMENTS
from tune.providers.openai.error_body import error_words
from tune.providers.openai.refused_values import TOGETHER, is_about_value, read_bounds


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
    sent = set(sent) - _NO_PARAMETERS
    named = _refused_name(error, text, sent)
    if named is None:
        return None
    # Bedrock lists all that it does not like, and bounds among them are of other names.
    if f"extraneous key [{named}]" in text:
        return Refusal(named, value_only=False)
    low, high = read_bounds(text, whole=named in WHOLE_NUMBERS)
    if named == "n":
        return _refused_n(text, high)
    bounded = low is not None or high is not None
    # "Unknown parameter: 'response_format.schema'" is about a field of this value, and
    # "Unsupported service_tier: flex" about the value itself.
    plain = re.escape(named)
    this_value = re.search(
        rf"\b{plain}\.[a-z]|unsupported {plain}: ", text, re.IGNORECASE
    )
    # The effort decides whether the model reasons, so reasoning is no condition of it.
    conditional = named not in _REASONING and _WHILE_REASONING.search(text)
    return Refusal(
        named,
        bounded or bool(this_value) or is_about_value(error, text),
        low,
        high,
        beside=_other_of_two(text, named, sent),
        while_reasoning=bool(conditional),
    )


WHOLE_NUMBERS = frozenset(
    {"max_completion_tokens", "max_tokens", "n", "stop", "top_k", "top_logprobs"}
)
"""Parameters that are whole numbers, or have a whole number of items."""

_NO_PARAMETERS = frozenset({"model", "messages", "prompt"})
"""Fields of a request that no setting of ours decides."""


def _refused_name(error: object, text: str, sent: Collection[str]) -> str | None:
    """Return the parameter that a refusal names, as the request has it; None for no such."""
    named = _named(error) or _quoted_location(text)
    if named in _NO_PARAMETERS:
        return None
    # Some services put a word of their own there ("validation_error"): then the prose counts.
    for name in (named, _in_prose(text, sent)):
        if name in sent:
            return name
        # A server may call max_tokens by its newer name, or the other way round.
        other = REPLACEMENTS.get(name or "")
        if other in sent:
            return other
    return None


# "may only be set to 1 when thinking is enabled", "not supported with this model when reasoning
# effort is not 'none'", "only supported with reasoning effort none"
_WHILE_REASONING = re.compile(
    r"(?:when|while|if|unless) (?:using )?(?:extended )?(?:thinking|reasoning)(?:[ _.]effort)?"
    r"(?: mode)? is (?:enabled|on\b|active|not|other|set)"
    r"|only (?:supported|allowed|available) (?:with|when|if) (?:the )?reasoning[ _.]?effort"
    r"|(?:in|with) thinking mode|with (?:thinking|reasoning) enabled"
    r"|while (?:thinking|reasoning)\b",
    re.IGNORECASE,
)

_REASONING = frozenset({"reasoning_effort", "reasoning", "thinking"})
"""Settings that decide whether a model reasons."""

_TOGETHER = re.compile(TOGETHER, re.IGNORECASE)


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
    # Gemini's endpoint makes one of these of an effort.
    "thinking_budget": "reasoning_effort",
    "thinking_level": "reasoning_effort",
    # Cohere's names, also behind Bedrock
    "p": "top_p",
    "k": "top_k",
}
# The same names as they stand in prose.
_OTHER_NAMES = re.compile(
    r"\b(?:(?i:max(?:imum)?[_ ]?(?:number of )?(?:new[_ ]?|output[_ ]?|completion )?tokens"
    r"|stop[_ ]?sequences"
    r"|thinking[_ ]?(?:budget|level)|reasoning\.effort|text\.verbosity)"
    r"|maxTokens|topP|topK|presencePenalty|frequencyPenalty|reasoningEffort)\b"
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
    name = re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).replace(" ", "_").lower()
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
    r"(?:parameter|argument|field|name|value|request argument supplied|property)(?:s|\(s\))?"
    r":? *[\"'`]*(?P<a>[\w.]+(?:[\"'`]*, ?[\"'`]*[\w.]+)*)"
    r"|does not support (?:the )?parameters?:? *[\"'`{\[]*(?P<b>[\w.]+)"
    r"|argument not supported on this model: *[\"'`]*(?P<c>[\w.]+)"
    r"|property [\"'`](?P<d>[\w.]+)[\"'`] is unsupported"
    r"|\([\"'`](?P<e>[\w.]+)[\"'`] (?:was|were) unexpected\)"
    r"|invalid value for [\"'`](?P<f>[\w.]+)[\"'`]"
    r"|extraneous key \[(?P<g>[\w.]+)\]"
    # A path in the request, of DashScope ("parameter.enable_thinking must be"), of Bedrock
    # ("#/temperature: expected type: Number") and of Azure ("'$.stop' is invalid").
    r"|\bparameters?\.(?P<h>\w+) must"
    r"|#/(?P<i>\w+): "
    r"|[\"'`]\$\.(?P<j>\w+)[\"'`] is invalid"
    # Moonshot ("invalid thinking: only type=enabled is allowed") and Cohere ("p must be")
    r"|\binvalid (?P<l2>\w+): |(?:^|(?<=: ))(?P<m>[pk]) must be"
    # Ollama and other servers in Go
    r"|struct field \w*\.(?P<o>\w+) of type"
    # Zhipu: "the parameter is not legal", in either order of the words.
    r"|(?P<k>[A-Za-z_]+) ?\u53c2\u6570(?:\u975e\u6cd5|\u4e0d\u5408\u6cd5|\u9519\u8bef)"
    r"|\u53c2\u6570 ?[\"'`]*(?P<n>[A-Za-z_]+)",
    re.IGNORECASE,
)

# An effort that is named by its level alone: 'level "max" not supported, valid levels: low, ...',
# 'think value "high" is not supported for this model' (Ollama).
_ABOUT_EFFORT = re.compile(
    r"\b(?:effort|thinking|reasoning)?[ _]?level\b.{0,60}\bvalid levels\b"
    r"|\bthink value\b|\bdoes not support thinking\b|\bthinking(?: mode)? is not supported\b"
    r"|\bonly works in thinking mode\b"
    r"|\b(?:thinking|reasoning)\b.{0,40}\b(?:cannot|can not|can't) be (?:disabled|turned off)",
    re.IGNORECASE,
)

# Words without which a sentence is not about a parameter that is refused.
_ABOUT = re.compile(
    r"support|allow|permit|unexpected|unknown|unrecogni|deprecated|must|should|may only|range"
    r"|invalid|illegal|at most|cannot|greater|less|extra inputs|not available|expected|incompatible"
    r"|enabled|unavailable|limited|too many|exceed|maximum|minimum|only one of"
    r"|\u6700[\u5927\u591a]",
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


# "Length of stop ([2, 16]) exceeds the limit" (FastDeploy): the word counts only beside these.
ABOUT_STOP = re.compile(r"\b(?:length|number) of stop\b", re.IGNORECASE)
"""Words about stop strings, which are too many or too long."""

# "Json mode is not enabled for models/gemini-pro"
_ABOUT_FORMAT = re.compile(r"\bjson(?: mode|_mode|_object|_schema)\b", re.IGNORECASE)

# Words that tell which parameter is meant, without its name as a name.
_TELLING = (
    ("n", _ABOUT_N),
    ("reasoning_effort", _ABOUT_EFFORT),
    ("thinking", _ABOUT_EFFORT),
    ("stop", ABOUT_STOP),
    ("response_format", _ABOUT_FORMAT),
)

# vLLM repeats all settings of the request behind some refusals, and none of them is to blame.
_REPEATED = re.compile(
    r"(?:supplied params: )?SamplingParams\(.*", re.DOTALL | re.IGNORECASE
)


# The beginning of a path in the request: "body.reasoning_effort: Input should be ...".
_PATHS = re.compile(r"\b(?:body|parameters|params|request)\.(?=[a-z])")


def _in_prose(text: str, sent: Collection[str]) -> str | None:
    """Return the parameter that a sentence is about, among those that were sent."""
    text = _REPEATED.sub("", text)
    for found in _STATED.finditer(text):
        stated = next(group for group in found.groups() if group)
        # Of a list of names, the first one that was sent.
        for each in re.findall(r"[\w.]+", stated):
            name = _request_name(each)
            if name in sent:
                return name
    for name, words in _TELLING:
        if name in sent and words.search(text):
            return name
    if not _ABOUT.search(text):
        return None
    text = _PATHS.sub("", text)
    text = _OTHER_NAMES.sub(lambda found: _as_sent(found[0], sent), text)
    # Some call the cap by the name that was not sent.
    newer = {REPLACEMENTS[name] for name in sent if name in REPLACEMENTS}
    marked: list[tuple[int, str]] = []
    for name in {*sent, *newer}:
        if place := re.search(_marked(name), text):
            marked.append((place.start(), name))
    if not marked:
        return _penalty(text, sent)
    # Of two that cannot be combined the second is taken: "`temperature` and `top_p` cannot both be
    # specified".
    together = len(marked) > 1 and _TOGETHER.search(text)
    _, name = max(marked) if together else min(marked)
    return name


def _as_sent(theirs: str, sent: Collection[str]) -> str:
    """Return the name that the request has for a service's name, marked as a name."""
    plain = theirs.replace(" ", "_").lower()
    if plain.startswith("max") and plain.endswith("tokens") and plain not in sent:
        return "'max_tokens'"
    return f"'{plain if plain in sent else _request_name(theirs)}'"


def _penalty(text: str, sent: Collection[str]) -> str | None:
    """Return the penalty that is meant by "Penalty is not enabled for this model" (Gemini)."""
    if not re.search(r"\bpenalty\b", text, re.IGNORECASE):
        return None
    found = [name for name in sorted(sent) if name.endswith("_penalty")]
    return found[0] if found else None


def _marked(name: str) -> str:
    """Return a pattern for a parameter's name in prose.

    Short everyday words ("n", "stop", "seed") count only where they are marked as names.
    """
    # "Frequency penalty must satisfy p > 0."
    plain = re.escape(name).replace("_", "[_ ]")
    quoted = rf"[\"'`](?:\w+\.)?{plain}[\"'`]"
    at_start = rf"(?:^|[:;] ){plain}(?=:| must| is | does |$)"
    if "_" not in name and name not in ("temperature", "verbosity", "logprobs"):
        return f"{quoted}|{at_start}"
    # A service writes "Temperature must be ..." at the beginning of a sentence.
    return rf"{quoted}|{at_start}|(?<![\w.])(?i:{plain})(?!\w|\.\w)"
