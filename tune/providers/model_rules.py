"""Rules of hosted models, known before the first call: what each takes, and when it ends.

Three sources, and the later one wins: what a vendor's own endpoint takes (`VENDORS`, with the
vendor's page), what one model of it takes (`model_rules.json`, made by `.ci/rules` from two public
lists, which it names), and what the user says in an entry (`takes`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeAlias

from tune.providers.entries import Entry

Sampling: TypeAlias = Literal["yes", "without reasoning", "no"]
"""When a model takes temperature and the like: always, only with effort "none", or never."""

SAMPLING_SETTINGS = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
)
"""The settings that models refuse while they reason."""

PENALTIES = ("presence_penalty", "frequency_penalty")
"""The settings that `ModelRules.penalties` is about."""

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""The levels of `reasoning_effort` that vendors name, from the least to the most."""


@dataclass(frozen=True, slots=True)
class VendorRules:
    """Settings that every model of a vendor's own endpoint takes.

    Attributes:
        name: the vendor, as `model_rules.json` calls it.
        hosts: of its endpoint.
        source: where the vendor says so.
        takes: fields of `ModelRules`; what is not among them is not known.
    """

    name: str
    hosts: tuple[str, ...]
    source: str
    takes: Mapping[str, Any] = field(default_factory=dict)


_JSON = ("json_object", "json_schema")

VENDORS = (
    VendorRules(
        "openai",
        ("api.openai.com", "eu.api.openai.com", "us.api.openai.com"),
        "https://platform.openai.com/docs/api-reference/chat/create",
        {
            "temperature": (0, 2),
            "top_p": (0, 1),
            "most_n": 128,
            "most_stops": 4,
            "seed": True,
            "penalties": True,
            "logprobs": True,
            "hidden": "inside",
        },
    ),
    # The endpoint ignores what it does not know: such settings are not worth a search.
    VendorRules(
        "anthropic",
        ("api.anthropic.com",),
        "https://docs.claude.com/en/api/openai-sdk",
        {
            "temperature": (0, 1),
            "top_p": (0, 1),
            "most_n": 1,
            "seed": False,
            "efforts": (),
            "verbosity": (),
            "penalties": False,
            "logprobs": False,
            "formats": (),
            "hidden": "inside",
        },
    ),
    VendorRules(
        "gemini",
        ("generativelanguage.googleapis.com",),
        "https://ai.google.dev/api/generate-content",
        {
            "temperature": (0, 2),
            "top_p": (0, 1),
            "most_n": 8,
            "most_stops": 5,
            "verbosity": (),
            "formats": _JSON,
            "cap": "max_tokens",
            "hidden": "inside",
        },
    ),
    VendorRules(
        "deepseek",
        ("api.deepseek.com",),
        "https://api-docs.deepseek.com/api/create-chat-completion",
        {
            "temperature": (0, 2),
            "top_p": (0, 1),
            "most_n": 1,
            "most_stops": 16,
            "verbosity": (),
            "formats": ("json_object",),
            "cap": "max_tokens",
            "hidden": "inside",
        },
    ),
    VendorRules(
        "xai",
        ("api.x.ai",),
        "https://docs.x.ai/docs/api-reference",
        {
            "temperature": (0, 2),
            "top_p": (0, 1),
            "most_stops": 4,
            "seed": True,
            "verbosity": (),
            "formats": _JSON,
            "hidden": "inside",
        },
    ),
    VendorRules(
        "mistral",
        ("api.mistral.ai",),
        "https://docs.mistral.ai/api",
        {
            "temperature": (0, 1.5),
            "top_p": (0, 1),
            # It calls a seed random_seed, and refuses names that it does not know.
            "seed": False,
            "verbosity": (),
            "penalties": True,
            "logprobs": False,
            "formats": _JSON,
            "cap": "max_tokens",
        },
    ),
    VendorRules(
        "groq",
        ("api.groq.com",),
        "https://console.groq.com/docs/openai",
        {
            "temperature": (0, 2),
            "top_p": (0, 1),
            "most_n": 1,
            "most_stops": 4,
            "seed": True,
            "verbosity": (),
            "logprobs": False,
            "formats": _JSON,
        },
    ),
    VendorRules(
        "moonshot",
        ("api.moonshot.ai", "api.moonshot.cn"),
        "https://platform.moonshot.ai/docs/api/chat",
        {
            "temperature": (0, 1),
            "top_p": (0, 1),
            "most_n": 5,
            "most_stops": 5,
            "verbosity": (),
            "cap": "max_tokens",
            "hidden": "inside",
        },
    ),
    VendorRules(
        "cohere",
        ("api.cohere.ai", "api.cohere.com"),
        "https://docs.cohere.com/docs/compatibility-api",
        {
            "temperature": (0, 1),
            "top_p": (0, 1),
            "most_n": 1,
            "most_stops": 5,
            "seed": True,
            "verbosity": (),
            "formats": _JSON,
            "cap": "max_tokens",
        },
    ),
)


@dataclass(frozen=True, slots=True)
class ModelRules:
    """Settings that one model takes at its endpoint. None says that nothing is known.

    Attributes:
        name: the model, as the service calls it.
        vendor: whose own endpoint it is at; "" for any other.
        chat: whether it answers chat completions; False where it is served otherwise only.
        served: the paths that serve it, where chat completions do not.
        sampling: when it takes temperature, top_p, penalties and logprobs.
        temperature: the smallest and the largest one.
        top_p: the smallest and the largest one.
        both: whether it takes temperature and top_p together.
        most_n: answers for one call; more take several calls.
        most_stops: stop strings of one call; 0 where it takes none.
        seed: whether it takes one.
        efforts: the levels of `reasoning_effort` that it takes.
        verbosity: the levels of `verbosity` that it takes.
        penalties: whether it takes presence_penalty and frequency_penalty.
        logprobs: whether it takes logprobs.
        formats: the types of `response_format` that it takes besides text.
        cap: the name of the cap, where it takes only one of the two.
        least_output: the smallest cap.
        most_output: the largest cap: the most tokens of an answer, with those of reasoning.
        hidden: "inside" where hidden tokens count towards the cap, "beside" where they do not.
        reasoning: "always", "by default", "on request", or "" where it does not or is not known to.
        ends: the day on which it is shut down, where one is set.
        successor: the model that the vendor recommends in its place.
        source: the page that says so.
    """

    name: str
    vendor: str = ""
    chat: bool = True
    served: tuple[str, ...] = ()
    sampling: Sampling = "yes"
    temperature: tuple[float, float] | None = None
    top_p: tuple[float, float] | None = None
    both: bool = True
    most_n: int | None = None
    most_stops: int | None = None
    seed: bool | None = None
    efforts: tuple[str, ...] | None = None
    verbosity: tuple[str, ...] | None = None
    penalties: bool | None = None
    logprobs: bool | None = None
    formats: tuple[str, ...] | None = None
    cap: str | None = None
    least_output: int | None = None
    most_output: int | None = None
    hidden: str | None = None
    reasoning: str = ""
    ends: date | None = None
    successor: str | None = None
    source: str = ""


def find_rules(entry: Entry) -> ModelRules | None:
    """Return the rules of a model at its endpoint, or None where none are known.

    Another host may serve a model of the same name under rules of its own; there, only what the
    user says in the entry is known.
    """
    vendor = find_vendor(entry)
    record = None if vendor is None else _record(entry.model, vendor)
    if vendor is None or record is None:
        if not entry.takes:
            return None
        return replace(_endpoint_rules(entry.model, vendor), **entry.takes)
    found = replace(_endpoint_rules(entry.model, vendor), **_read(record))
    return replace(found, **entry.takes)


def endpoint_rules(entry: Entry) -> ModelRules | None:
    """Return the rules of a model, those of its vendor where it is not in the table.

    A model that is newer than the table takes what its endpoint takes.
    """
    rules = find_rules(entry)
    vendor = find_vendor(entry)
    if rules is None and vendor is not None:
        return _endpoint_rules(entry.model, vendor)
    return rules


def find_vendor(entry: Entry) -> VendorRules | None:
    """Return the vendor whose own endpoint an entry names, or None."""
    if entry.local:
        return None
    host = entry.host.partition(":")[0]
    return next((vendor for vendor in VENDORS if host in vendor.hosts), None)


def _endpoint_rules(model: str, vendor: VendorRules | None) -> ModelRules:
    """Return what a vendor's endpoint takes of any model; nothing is known of other endpoints."""
    if vendor is None:
        return ModelRules(model)
    return ModelRules(model, vendor.name, source=vendor.source, **vendor.takes)


def _record(model: str, vendor: VendorRules) -> Mapping[str, Any] | None:
    """Return the record of a model in the table."""
    # Gemini lists its models as models/NAME, and takes both.
    name = model.removeprefix("models/")
    return _records().get(f"{vendor.name}/{name}")


def _read(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a record in their own types: JSON has neither tuples nor dates."""
    fields: dict[str, Any] = {}
    for name, value in record.items():
        fields[name] = tuple(value) if isinstance(value, list) else value
    if "ends" in record:
        fields["ends"] = date.fromisoformat(record["ends"])
    return fields


@cache
def _records() -> Mapping[str, Mapping[str, Any]]:
    text = files("tune.providers").joinpath("model_rules.json").read_text("utf-8")
    models: Mapping[str, Mapping[str, Any]] = json.loads(text)["models"]
    return models
