"""Where the models of a space are, what they cost, and how long their answers are said to be."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tune.errors import InputError, PriceError
from tune.plan.options import Options
from tune.plan.values import as_names, read_json_value
from tune.pricing.lookup import check_stated, find_price
from tune.pricing.prices import Price, is_pair, parse_price, read_price
from tune.providers.entries import Entry, read_entries
from tune.space import Space
from tune.task.metrics import Metric

EVERY_ANSWER = ""
"""The name under which a length is kept that was stated for all answers."""


def find_entries(
    space: Space, metric: Metric, table: Any, options: Options
) -> tuple[dict[str, Entry], Entry | None]:
    """An entry for every model of the space, and for the metric's judge: the user's, else one of
    that very name.
    """
    given = read_json_value(options.models, "the list of models") or {}
    stated = read_entries(table or {}) | read_entries(given)

    def entry(name: str) -> Entry:
        own = Entry(name, name, base_url=options.base_url, key_env=options.key_env)
        found = stated.get(name, own)
        return replace(found, allow_http=True) if options.allow_http else found

    entries = {name: entry(name) for name in space.models}
    judge = entry(metric.model) if metric.costs else None
    return entries, judge


def find_prices(entries: Sequence[Entry], given: Any) -> dict[str, Price]:
    """A price for every model: stated for it, else notional where it runs in process, else
    published.

    Raises:
        PriceError: a model has no price, or one that is so low that it is more likely a mistake.
    """
    stated = read_prices(given, [entry.name for entry in entries])
    found: dict[str, Price] = {}
    for entry in entries:
        if entry.name in stated or entry.model in stated:
            found[entry.name] = stated.get(entry.name) or stated[entry.model]
        elif entry.price is not None:
            found[entry.name] = entry.price
        elif entry.local:
            from tune.providers.local.endpoint import NOTIONAL_PRICE

            found[entry.name] = NOTIONAL_PRICE
        else:
            found[entry.name] = find_price(entry.model, {}, base_url=entry.base_url)
        if not entry.local:
            check_stated(entry.model, found[entry.name], base_url=entry.base_url)
    return found


def read_prices(given: Any, models: Sequence[str]) -> dict[str, Price]:
    """Read the prices that a user states, in dollars per million tokens.

    Args:
        given: "MODEL=IN/OUT", several of them, or a mapping from model to a `Price`, "IN/OUT" or
        (IN, OUT). Where
            there is one model alone, its name may be left out.
        models: the names of the models that are asked.

    Raises:
        PriceError: a price has another form; the message shows the right one.
    """
    if isinstance(given, Mapping):
        return {str(model): read_price(str(model), price) for model, price in given.items()}
    if isinstance(given, Price) or is_pair(given):
        return {_only(models, given): read_price(_only(models, given), given)}
    found: dict[str, Price] = {}
    for text in as_names(given):
        named = "=" in str(text)
        model, price = parse_price(text if named else f"{_only(models, text)}={text}")
        found[model] = price
    return found


def _only(models: Sequence[str], given: Any) -> str:
    """Return the name of the one model that there is."""
    if len(models) != 1:
        raise PriceError(
            f"a price names its model where there are several, as {models[0]}=IN/OUT, but got {given!r}"
        )
    return models[0]


def length_names(model: str, prompt: str) -> tuple[str, ...]:
    """The names by which a length may be stated for a model's answers to a prompt; the first that
    is there holds.
    """
    return f"{model}/{prompt}", prompt, model, EVERY_ANSWER


def read_lengths(given: Any, models: Collection[str], prompts: Collection[str]) -> dict[str, float]:
    """Tokens that answers are said to have, by one of their `length_names`.

    Args:
        given: a number, "N", "NAME=N" (a prompt, a model, or MODEL/PROMPT), several of them, or a
        mapping. models: of the space, by name. prompts: likewise.

    Raises:
        InputError: a length is no number above 0, or the name is that of no prompt or model.
    """
    known = {name for model in models for prompt in prompts for name in length_names(model, prompt)}
    if isinstance(given, Mapping):
        stated = dict(given)
    else:
        texts = [str(given)] if isinstance(given, int | float) else as_names(given)
        stated = {name: value for name, _, value in (text.rpartition("=") for text in texts)}
    for name, value in stated.items():
        if name not in known:
            listed = sorted([*models, *prompts])
            raise InputError(
                f"output_tokens names {name!r}, but the prompts and models are {listed}, or MODEL/PROMPT"
            )
        if isinstance(value, bool) or not _is_length(value):
            raise InputError(
                f"output_tokens is a number of tokens above 0, or NAME=N, but got {value!r}"
            )
    return {str(name): float(value) for name, value in stated.items()}


def _is_length(value: Any) -> bool:
    try:
        return 0 < float(value) < math.inf
    except (TypeError, ValueError):
        return False
