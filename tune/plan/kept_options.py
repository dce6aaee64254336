"""The options that a study's journal keeps: by them its folder alone is enough to read it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tune.errors import InputError
from tune.plan.options import Options
from tune.plan.plan import Plan
from tune.pricing.prices import USER, Price
from tune.providers.base_url import public_url
from tune.task.callables import found_again

PLAIN = (
    "input",
    "target",
    "allow_code",
    "holdout",
    "split",
    "group",
    "by",
    "model",
    "max_cost_per_request",
    "max_seconds_per_request",
    "goal",
    "min_quality",
    "margin",
    "seed",
    "splits",
    "trials",
    "warm_start",
    "fresh",
    "no_content",
    "free",
    "store",
)
"""Options that are kept as they are given."""

KEPT_PRICE = "as the study recorded it"
"""The source of a price that a user stated: it was checked when it was stated."""


def kept_options(plan: Plan, options: Options) -> dict[str, Any]:
    """Return what makes an equal plan again, in JSON's types, without keys and secret addresses.

    What lives in memory alone (a table, a callable) is left out; `read_kept` says so.
    """
    kept: dict[str, Any] = {}
    for name in PLAIN:
        kept[name] = getattr(options, name)
    kept["data"] = _place(options.data)
    kept["space"] = _place(options.space)
    # A space that was made in Python is kept with the identity.
    if options.space is not None and kept["space"] is None:
        kept["space"] = plan.identity["space"]
    kept["metric"] = plan.metric_spec
    for name in ("verifier", "searcher", "strategy"):
        kept[name] = plan.identity[name]
    if plan.baseline_given:
        baseline = dict(plan.identity["baseline"])
        if not plan.baseline_cap_given:
            del baseline["max_tokens"]
        kept["baseline"] = baseline
    models: dict[str, Any] = {}
    for entry in plan.called_entries:
        fields = {
            "model": entry.model,
            "base_url": public_url(entry.base_url),
            "alias": entry.alias,
        }
        models[entry.name] = {
            key: value for key, value in fields.items() if value is not None
        }
    kept["models"] = models
    kept["price"] = {name: _price(price) for name, price in plan.prices.items()}
    missing = _in_memory(plan, options)
    found: dict[str, Any] = {}
    for name, value in kept.items():
        if value is None or value == () or name in missing:
            continue
        try:
            found[name] = json.loads(json.dumps(value))
        except (TypeError, ValueError):
            missing.append(name)
    return {"options": found, "missing": missing}


def read_kept(
    event: Mapping[str, Any], folder: Path, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the options that a study's first event keeps.

    Args:
        event: the first of its journal.
        folder: of the study, for messages.
        given: options that a user states now; they come first.

    Raises:
        InputError: some can not be read again, and were not given.
    """
    kept = event.get("kept")
    if not isinstance(kept, Mapping):
        raise InputError(
            f"the study in {str(folder)!r} was written by another version of tune, which did not "
            "keep its options"
        )
    missing = [name for name in kept["missing"] if given.get(name) is None]
    if missing:
        raise InputError(
            f"the study in {str(folder)!r} was given its {' and '.join(missing)} as objects in "
            f"Python, which its journal does not keep: say {missing[0]} again"
        )
    stated = {name: value for name, value in given.items() if value is not None}
    found = {**kept["options"], **stated}
    # A column takes the place of the share.
    if found.get("split"):
        found.pop("holdout", None)
    return found


def _in_memory(plan: Plan, options: Options) -> list[str]:
    """Return the names of options that no other process can read again: data, and a space."""
    missing = []
    # Data that was given in Python has no place that it could be read from again.
    if options.data is not None and _place(options.data) is None:
        missing.append("data")
    if _place(options.space) is None:
        calls = [prompt.call for prompt in plan.prompts.values()]
        # A prompt that is a lambda is in no module.
        if any(call and found_again(call.function) is None for call in calls):
            missing.append("space")
    return missing


def _place(value: Any) -> str | None:
    """Return where a file is, whatever folder a later command is run in; None if it is no file."""
    if not isinstance(value, str | Path):
        return None
    text = str(value)
    # Names such as hf:org/name stay as they are.
    if Path(text).exists():
        return str(Path(text).resolve())
    return text


def _price(price: Price) -> dict[str, Any]:
    source = price.source
    if source == USER:
        source = KEPT_PRICE
    return {
        "input": price.input,
        "output": price.output,
        "cached_input": price.cached_input,
        "cache_write": price.cache_write,
        "request": price.request,
        "source": source,
        "matched": price.matched,
        "date": price.date,
    }
