"""Where the models of a space are, what they cost, and how long their answers are said to be."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tune.errors import InputError
from tune.metrics import Metric
from tune.plan.options import Options, names
from tune.pricing import Price, find_price, parse_price
from tune.providers.services import Entry, read_entries
from tune.space import Space

EVERY = ""
"""The name under which a length is kept that was stated for all answers."""


def find_entries(space: Space, metric: Metric, table: Any, options: Options) -> tuple[dict[str, Entry], Entry | None]:
    """An entry for every model of the space, and for the metric's judge: the user's, else one of that very name."""
    stated = read_entries(table or {}) | read_entries(options.get("models") or {})

    def entry(name: str) -> Entry:
        return stated.get(name) or Entry(name, name, base_url=options.get("base_url"))

    return {name: entry(name) for name in space.models}, entry(metric.model) if metric.costs else None


def find_prices(entries: Sequence[Entry], given: Any) -> dict[str, Price]:
    """A price for every model: stated for it, else notional where it runs in process, else published."""
    stated = given if isinstance(given, Mapping) else dict(parse_price(text) for text in names(given))
    found: dict[str, Price] = {}
    for entry in entries:
        if entry.name in stated or entry.model in stated:
            found[entry.name] = stated.get(entry.name) or stated[entry.model]
        elif entry.price is not None:
            found[entry.name] = entry.price
        elif entry.local:
            from tune.providers.local import NOTIONAL_PRICE

            found[entry.name] = NOTIONAL_PRICE
        else:
            found[entry.name] = find_price(entry.model, {}, base_url=entry.base_url)
    return found


def length_names(model: str, prompt: str) -> tuple[str, ...]:
    """The names by which a length may be stated for a model's answers to a prompt; the first that is there holds."""
    return f"{model}/{prompt}", prompt, model, EVERY


def read_lengths(given: Any, models: Collection[str], prompts: Collection[str]) -> dict[str, float]:
    """Tokens that answers are said to have, by one of their `length_names`.

    Args:
        given: a number, "N", "NAME=N" (a prompt, a model, or MODEL/PROMPT), several of them, or a mapping.
        models: of the space, by name.
        prompts: likewise.

    Raises:
        InputError: a length is no number above 0, or the name is that of no prompt or model.
    """
    known = {name for model in models for prompt in prompts for name in length_names(model, prompt)}
    if isinstance(given, Mapping):
        stated = dict(given)
    else:
        texts = [str(given)] if isinstance(given, int | float) else names(given)
        stated = {name: value for name, _, value in (text.rpartition("=") for text in texts)}
    for name, value in stated.items():
        if name not in known:
            listed = sorted([*models, *prompts])
            raise InputError(f"output_tokens names {name!r}, but the prompts and models are {listed}, or MODEL/PROMPT")
        if isinstance(value, bool) or not _is_length(value):
            raise InputError(f"output_tokens is a number of tokens above 0, or NAME=N, but got {value!r}")
    return {str(name): float(value) for name, value in stated.items()}


def _is_length(value: Any) -> bool:
    try:
        return 0 < float(value) < math.inf
    except (TypeError, ValueError):
        return False
