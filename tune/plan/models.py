"""The models of a space: their places, their prices, and the stated lengths of answers."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tune.errors import InputError, PriceError
from tune.plan.model_source import read_models
from tune.plan.options import Options
from tune.plan.values import as_names
from tune.pricing.lookup import base_url_or_default, check_stated, find_price
from tune.pricing.prices import Price, is_pair, parse_price, read_price
from tune.pricing.published import find_published, is_priced_host
from tune.providers.base_url import DEFAULT_BASE_URL
from tune.providers.entries import LOCAL, Entry
from tune.space import Space
from tune.task.metrics import Metric

EVERY_ANSWER = ""
"""The name of a length that is stated for all answers."""


def find_entries(
    space: Space, metric: Metric, table: Mapping[str, Entry], options: Options
) -> tuple[dict[str, Entry], Entry | None]:
    """Return an entry for every model of the space, and one for the model of a judge.

    An entry of the options goes before one of the space file. A model without an entry is called by
    its own name.

    Args:
        space: names the models.
        metric: may ask a model to judge.
        table: the entries of the space file.
        options: `models`, `base_url`, `key_env` and `allow_http` count.
    """
    entries = named_entries(space.models, table, options)
    if not metric.costs:
        return entries, None
    return entries, named_entries([metric.model], table, options)[metric.model]


def named_entries(
    names: Sequence[str], table: Mapping[str, Entry], options: Options
) -> dict[str, Entry]:
    """Return an entry for each of these models; see `find_entries` for the other arguments."""
    # The later ones win: the command line goes before the file.
    stated = {**table, **read_models(options.models, options.filter_dict)}
    entries: dict[str, Entry] = {}
    for name in names:
        entry = stated.get(name)
        if entry is None:
            _check_no_path(name, options.base_url)
            entry = Entry(
                name, name, base_url=options.base_url, key_env=options.key_env
            )
        entries[name] = replace(entry, allow_http=True) if options.allow_http else entry
    return entries


def _check_no_path(name: str, base_url: str | None) -> None:
    """Check that a model is not meant to run in this process.

    Raises:
        InputError: its name is a path here. A server that the user named may well call it so.
    """
    if base_url is not None or name.startswith(LOCAL):
        return
    path = Path(name).expanduser()
    begins_like_one = name.startswith(("./", "../", "/", "~"))
    # A folder may have the name of a hosted model by chance, so it has to hold a model.
    holds_model = any(path.glob("*.gguf")) or (path / "openvino_model.xml").exists()
    is_file = path.suffix == ".gguf" and path.is_file()
    if begins_like_one or is_file or holds_model:
        raise InputError(
            f"the model {name!r} is a path: name it {LOCAL}{name} to run it in this process, "
            f"or name the server that has it with --base-url"
        )


def find_prices(entries: Sequence[Entry], given: Any) -> dict[str, Price]:
    """Return a price for every model.

    A price that the user states comes first, then that of the entry. A model that runs in this
    process has a notional price; any other has its published one.

    Raises:
        PriceError: a model has no price, or one so low that it is more likely a mistake.
    """
    stated = read_prices(given, [entry.name for entry in entries])
    found: dict[str, Price] = {}
    unknown: dict[str, PriceError] = {}
    for entry in entries:
        # A price may be stated for the name in the space, or for the name that the service knows.
        price = stated.get(entry.name) or stated.get(entry.model) or entry.price
        if price is None:
            try:
                price = published_price(entry)
            except PriceError as error:
                unknown[entry.name] = error
                continue
        # A notional price of a local model is small by design.
        if not entry.local:
            check_stated(entry.priced_name, price, base_url=entry.base_url)
        found[entry.name] = price
    if unknown:
        first, *others = unknown
        also = ""
        # All at once: each of them is one more line to add.
        if others:
            also = f"; neither is one known for {', '.join(map(repr, others))}"
        raise PriceError(f"{unknown[first]}{also}")
    return found


def check_price_names(entries: Sequence[Entry], given: Any) -> None:
    """Check that no price that the user states is meant for a model with another name.

    A table of prices may have more models than a study calls. A published name is no misspelt one.

    Raises:
        PriceError: a name is close to that of a model without a stated price: it is misspelt, and
            its price would be ignored silently.
    """
    names = [entry.name for entry in entries]
    known = {*names, *(entry.model for entry in entries)}
    stated = read_prices(given, names)
    without = {
        entry.name: base_url_or_default(entry.base_url)
        for entry in entries
        if not {entry.name, entry.model} & stated.keys()
    }
    for name in sorted(stated.keys() - known):
        close = difflib.get_close_matches(name, without, n=1)
        if close and find_published(name, without[close[0]], "") is None:
            raise PriceError(
                f"a price names the model {name!r}, and model {close[0]!r} has none: "
                f"is {close[0]!r} meant?"
            )


def published_price(entry: Entry) -> Price:
    """Return the published price of a model, which is the same at each of its places.

    Raises:
        PriceError: it is not known, or the places have different ones.
    """
    price, *others = [_known_price(place) for place in entry.places]
    for other in others:
        if (other.input, other.output) != (price.input, price.output):
            raise PriceError(
                f"the entries of model {entry.name!r} have different published prices "
                f"({price.describe()}; {other.describe()}): state one price, or give them names "
                f"that differ"
            )
    return price


def _known_price(entry: Entry) -> Price:
    if entry.local:
        from tune.providers.local.endpoint import NOTIONAL_PRICE

        return NOTIONAL_PRICE
    if entry.price_as is None:
        return find_price(entry.model, {}, base_url=entry.base_url)
    # A gateway is in no price list of its own, and most of them stand before OpenAI's models.
    url = base_url_or_default(entry.base_url)
    if not is_priced_host(url):
        url = DEFAULT_BASE_URL
    return find_price(entry.price_as, {}, base_url=url)


def read_prices(given: Any, models: Sequence[str]) -> dict[str, Price]:
    """Read the prices that a user states, in dollars per million tokens.

    Args:
        given: "MODEL=IN/OUT", several of them, or a mapping from model to a `Price`, "IN/OUT" or
            (IN, OUT). Where there is only one model, its name may be left out.
        models: the names of the models that are called.

    Raises:
        PriceError: a price has another form; the message shows the right one.
    """
    if isinstance(given, Mapping):
        return {
            str(model): read_price(str(model), price) for model, price in given.items()
        }
    # One price without a name: fine as long as there is one model.
    if isinstance(given, Price) or is_pair(given):
        model = _only_model(models, given)
        return {model: read_price(model, given)}
    found: dict[str, Price] = {}
    for text in as_names(given):
        named = text if "=" in str(text) else f"{_only_model(models, text)}={text}"
        model, price = parse_price(named)
        found[model] = price
    return found


def _only_model(models: Sequence[str], given: Any) -> str:
    if len(models) != 1:
        raise PriceError(
            f"a price names its model where there are several, as {models[0]}=IN/OUT, but got "
            f"{given!r}"
        )
    return models[0]


def length_names(model: str, prompt: str) -> tuple[str, ...]:
    """Return the names under which a length may be stated; the first that is there counts."""
    return f"{model}/{prompt}", prompt, model, EVERY_ANSWER


def read_lengths(
    given: Any, models: Collection[str], prompts: Collection[str]
) -> dict[str, float]:
    """Return the stated lengths of answers in tokens, by one of their `length_names`.

    Args:
        given: a number, "N", "NAME=N" (a prompt, a model, or MODEL/PROMPT), several of them, or a
            mapping.
        models: the names of the models of the space.
        prompts: the names of its prompts.

    Raises:
        InputError: a length is not a number above 0, or no prompt or model has the name.
    """
    # A name that fits nothing is a spelling mistake, and would be ignored silently.
    known: set[str] = set()
    for model in models:
        for prompt in prompts:
            known.update(length_names(model, prompt))
    found = {}
    for name, value in _stated_lengths(given).items():
        if name not in known:
            listed = sorted([*models, *prompts])
            raise InputError(
                f"output_tokens names {name!r}, but the prompts and models are {listed}, or "
                f"MODEL/PROMPT"
            )
        if isinstance(value, bool) or not _is_length(value):
            raise InputError(
                f"output_tokens is a number of tokens above 0, or NAME=N, but got {value!r}"
            )
        found[str(name)] = float(value)
    return found


def _stated_lengths(given: Any) -> dict[str, Any]:
    if isinstance(given, Mapping):
        return dict(given)
    texts = [str(given)] if isinstance(given, int | float) else as_names(given)
    stated: dict[str, Any] = {}
    for text in texts:
        # The last "=" parts the two, because a name of a model may hold others.
        name, _, value = text.rpartition("=")
        stated[name] = value
    return stated


def _is_length(value: Any) -> bool:
    try:
        return 0 < float(value) < math.inf
    except (TypeError, ValueError):
        return False
