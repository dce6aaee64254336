"""Rules of hosted models, known before the first call: what each takes, and when it ends.

`model_rules.json` is made by `.ci/rules` from two public lists, which it names. What stands here
holds for a vendor's own endpoint, with the vendor's own page as its source.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
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


EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""The levels of `reasoning_effort` that vendors name, from the least to the most."""


@dataclass(frozen=True, slots=True)
class VendorRules:
    """What every model of a vendor's own endpoint takes.

    Attributes:
        name: the vendor, as `model_rules.json` calls it.
        hosts: of its endpoint.
        temperature: the largest one; the smallest is 0 everywhere.
        most_n: answers for one call; None where the vendor does not say.
        most_stops: stop strings of one call; None where the vendor does not say.
        source: where the vendor says so.
    """

    name: str
    hosts: tuple[str, ...]
    temperature: float
    most_n: int | None
    most_stops: int | None
    source: str


VENDORS = (
    VendorRules(
        "openai",
        ("api.openai.com", "eu.api.openai.com", "us.api.openai.com"),
        2,
        128,
        4,
        "https://platform.openai.com/docs/api-reference/chat/create",
    ),
    VendorRules(
        "anthropic",
        ("api.anthropic.com",),
        1,
        1,
        None,
        "https://docs.claude.com/en/api/openai-sdk",
    ),
    VendorRules(
        "gemini",
        ("generativelanguage.googleapis.com",),
        2,
        8,
        5,
        "https://ai.google.dev/api/generate-content",
    ),
    VendorRules(
        "deepseek",
        ("api.deepseek.com",),
        2,
        1,
        16,
        "https://api-docs.deepseek.com/api/create-chat-completion",
    ),
    VendorRules(
        "xai", ("api.x.ai",), 2, None, 4, "https://docs.x.ai/docs/api-reference"
    ),
    VendorRules(
        "mistral", ("api.mistral.ai",), 1.5, None, None, "https://docs.mistral.ai/api"
    ),
    VendorRules(
        "groq",
        ("api.groq.com",),
        2,
        1,
        4,
        "https://console.groq.com/docs/openai",
    ),
    VendorRules(
        "moonshot",
        ("api.moonshot.ai", "api.moonshot.cn"),
        1,
        5,
        5,
        "https://platform.moonshot.ai/docs/api/chat",
    ),
    VendorRules(
        "cohere",
        ("api.cohere.ai", "api.cohere.com"),
        1,
        1,
        5,
        "https://docs.cohere.com/docs/compatibility-api",
    ),
)


@dataclass(frozen=True, slots=True)
class ModelRules:
    """What one model takes at its vendor's own endpoint.

    Attributes:
        name: the model, as the vendor calls it.
        vendor: what all models of the vendor take.
        chat: whether it answers chat completions; False where it is served otherwise only.
        sampling: when it takes temperature, top_p, penalties and logprobs.
        efforts: the levels of `reasoning_effort` that it takes; None where they are not known.
        reasoning: "always", "by default", "on request", or "" where nothing is known of it.
        most_output: the most tokens of an answer, with those of reasoning; None if unknown.
        ends: the day on which it is shut down, where one is set.
        successor: the model that the vendor recommends in its place.
        source: the page that says so.
    """

    name: str
    vendor: VendorRules
    chat: bool = True
    sampling: Sampling = "yes"
    efforts: tuple[str, ...] | None = None
    reasoning: str = ""
    most_output: int | None = None
    ends: date | None = None
    successor: str | None = None
    source: str | None = None


def find_rules(entry: Entry) -> ModelRules | None:
    """Return the rules of a model at its vendor's endpoint, or None where none are known.

    Another host may serve a model of the same name under rules of its own.
    """
    vendor = find_vendor(entry)
    if vendor is None:
        return None
    # Gemini lists its models as models/NAME, and takes both.
    name = entry.model.removeprefix("models/")
    record = _records().get(f"{vendor.name}/{name}")
    return None if record is None else _rules(name, vendor, record)


def find_vendor(entry: Entry) -> VendorRules | None:
    """Return the vendor whose own endpoint an entry names, or None."""
    if entry.local:
        return None
    host = entry.host.partition(":")[0]
    return next((vendor for vendor in VENDORS if host in vendor.hosts), None)


def _rules(name: str, vendor: VendorRules, record: Mapping[str, Any]) -> ModelRules:
    efforts = record.get("efforts")
    ends = record.get("ends")
    # An empty list says something else than none: the model takes no effort at all.
    if efforts is not None:
        efforts = tuple(efforts)
    return ModelRules(
        name=name,
        vendor=vendor,
        chat=record.get("chat", True),
        sampling=record.get("sampling", "yes"),
        efforts=efforts,
        reasoning=record.get("reasoning", ""),
        most_output=record.get("most_output"),
        ends=None if ends is None else date.fromisoformat(ends),
        successor=record.get("successor"),
        source=record.get("source"),
    )


@cache
def _records() -> Mapping[str, Mapping[str, Any]]:
    text = files("tune.providers").joinpath("model_rules.json").read_text("utf-8")
    models: Mapping[str, Mapping[str, Any]] = json.loads(text)["models"]
    return models
