"""What models were seen to refuse: plain data that endpoints consult before a call and fill after a refusal."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from tune.errors import TransientError

REPLACEMENTS: Mapping[str, str] = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}
"""Names that mean the same; a model takes at least one of the two."""

PARAMETERS = frozenset({
    "best_of", "frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "min_p", "n",
    "presence_penalty", "reasoning", "reasoning_effort", "repetition_penalty", "seed", "service_tier", "stop",
    "temperature", "thinking", "top_k", "top_logprobs", "top_p", "verbosity",
})  # fmt: skip
"""Names that a refusal may be about where nothing says which were sent."""


class Adapted(TransientError):
    """A refusal was understood, and the next attempt will be sent in another form.

    Nothing was charged and nothing is wrong with the service: the attempt is to be made anew at once, through
    the same gates as any other (a slot, a reservation), and is no retry that anybody should count.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, charged=False, retry_after=0.0)


class Capabilities:
    """Which parameters each model refuses, by service and model.

    Args:
        refused: triples (service, model, parameter).
    """

    def __init__(self, refused: Iterable[tuple[str, str, str]] = ()) -> None:
        self._refused = set(refused)

    def refuses(self, service: str, model: str, parameter: str) -> bool:
        """Whether this model of this service was seen to refuse a parameter."""
        return (service, model, parameter) in self._refused

    def learn(self, service: str, model: str, parameter: str) -> bool:
        """Note a refusal; whether it is news."""
        news = not self.refuses(service, model, parameter)
        self._refused.add((service, model, parameter))
        return news

    def refused(self, service: str, model: str) -> frozenset[str]:
        """Every parameter that this model of this service refuses."""
        return frozenset(p for s, m, p in self._refused if (s, m) == (service, model))

    def spelling(self, service: str, model: str, parameter: str) -> str | None:
        """The name under which a model takes a parameter: itself, its replacement, or None where both are refused."""
        for name in (parameter, REPLACEMENTS.get(parameter)):
            if name is not None and not self.refuses(service, model, name):
                return name
        return None

    def to_dict(self) -> dict[str, dict[str, list[str]]]:
        """Parameters by model by service, sorted, as plain data for JSON."""
        record: dict[str, dict[str, list[str]]] = {}
        for service, model, parameter in sorted(self._refused):
            record.setdefault(service, {}).setdefault(model, []).append(parameter)
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Mapping[str, Iterable[str]]]) -> Capabilities:
        """The inverse of `to_dict`."""
        return cls((s, m, p) for s, models in record.items() for m, names in models.items() for p in names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Capabilities) and self._refused == other._refused

    __hash__ = None  # type: ignore[assignment]  # it grows

    def __repr__(self) -> str:
        return f"Capabilities({sorted(self._refused)})"


class Refusal(NamedTuple):
    """What a 400 says about a parameter.

    Attributes:
        parameter: its name, as the request has it (`reasoning.effort` is `reasoning_effort`).
        value_only: the model takes the parameter, but not this value of it, or not beside another one.
    """

    parameter: str
    value_only: bool


def read_refusal(error: object, sent: Collection[str] = PARAMETERS) -> Refusal | None:
    """Read from the body of a 400 or 422 which parameter it is about.

    Understands the forms of OpenAI and Azure (`param`, "Unsupported parameter: 'x'"), vLLM and other servers that
    validate by pydantic (`loc`), llama.cpp, Groq, xAI, Gemini, Mistral and Anthropic's compatible endpoint.

    Args:
        error: the decoded body, or its `error` object, or plain text.
        sent: the names that the request carried: no other is looked for in prose.

    Returns:
        What it says, or None where it is not seen to be about one of the parameters sent; model and prompt are none.
    """
    text = error_text(error)
    sent = set(sent) - {"model", "messages", "prompt"}
    named = _named(error) or _quoted_location(text) or _in_prose(text, sent)
    if named is None or named not in sent:
        return None
    return Refusal(named, value_only=_value_only(error, text))


def error_text(error: object) -> str:
    """The words of an error body, whatever its form."""
    if isinstance(error, str):
        return error
    if isinstance(error, Mapping):
        for name in ("error", "message", "detail", "msg", "error_description"):
            if error.get(name):
                return error_text(error[name])
    if isinstance(error, list) and error:
        return "; ".join(error_text(part) for part in error)
    return "" if error is None else json.dumps(error, ensure_ascii=False, default=str)


def error_codes(error: object) -> str:
    """Every code and type that an error body names, in one lowercase string."""
    if not isinstance(error, Mapping):
        return ""
    own = [str(error[name]) for name in ("code", "type", "status") if error.get(name) is not None]
    inner = [error_codes(error[name]) for name in ("error", "innererror", "metadata") if name in error]
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
    return next((n for n in (_named(error.get(k)) for k in ("error", "detail", "message")) if n), None)


def _plain(name: str) -> str:
    """A request's own name for what an error calls by a path or in camel case."""
    if name.startswith("reasoning.effort"):
        return "reasoning_effort"
    name = name.removeprefix("body.").removeprefix("text.")
    name = re.split(r"[.\[]", name, maxsplit=1)[0]
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()


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
    r"|invalid value for [\"'`](?P<f>[\w.]+)[\"'`]",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"support|allow|permit|unexpected|unknown|unrecogni|deprecated|must|range|invalid|"
    r"at most|cannot|greater|less|extra inputs|not available",
    re.IGNORECASE,
)


def _in_prose(text: str, sent: Collection[str]) -> str | None:
    for found in _STATED.finditer(text):
        name = _plain(next(group for group in found.groups() if group))
        if name in sent:
            return name
    if re.search(r"only one completion choice", text, re.IGNORECASE):
        return "n"
    if not _ABOUT.search(text):
        return None
    # Short everyday words ("n", "stop", "seed") count only where they are marked as names.
    marked = [(m.start(), name) for name in sent if (m := re.search(_marked(name), text))]
    # Of two that cannot be combined the second is taken: "`temperature` and `top_p` cannot both be specified".
    together = len(marked) > 1 and re.search(r"\bboth\b|\btogether\b", text)
    return (max(marked) if together else min(marked))[1] if marked else None


def _marked(name: str) -> str:
    plain = re.escape(name)
    alone = rf"|(?<![\w.]){plain}(?![\w.])" if "_" in name or name in ("temperature", "verbosity", "logprobs") else ""
    return rf"[\"'`]{plain}[\"'`]|(?:^|[:;] ){plain}(?=:| must| is | does ){alone}"


_VALUE = re.compile(
    r"too (?:large|small|high|low|big|long)|at (?:most|least)|(?:must|should) be|range|less than|greater than|"
    r"≤|≥|<=|>=|maximum|minimum|between|invalid value",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    r"unsupported|not support|only the default|extra inputs|unknown|unrecogni|deprecated", re.IGNORECASE
)


def _value_only(error: object, text: str) -> bool:
    if re.search(r"supported values are|\bboth\b|\btogether\b", text, re.IGNORECASE):
        return True
    codes = error_codes(error)
    if "unsupported" in codes or "extra_forbidden" in codes or _WHOLE.search(text):
        return False
    return "_value" in codes or bool(_VALUE.search(text))
