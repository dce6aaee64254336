"""The identity of a study: everything that makes another study when it differs; and its places."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tune.plan.options import Options, identity_names
from tune.plan.plan import Plan
from tune.pricing.prices import Price
from tune.providers.base_url import public_url
from tune.task.callables import import_path
from tune.task.extract import extractor_identity


def study_identity(plan: Plan, options: Options) -> dict[str, Any]:
    """Return the identity of a study in JSON's types, with the entries that the options declare.

    Args:
        plan: everything read and checked, but for its identity.
        options: with the strategy that was chosen where the user named none.
    """
    models: dict[str, dict[str, Any]] = {}
    for entry in plan.entries.values():
        # A URL may hold a key, and the identity is written to disk: only its public part stays.
        url = public_url(entry.base_url)
        models[entry.name] = {
            "model": entry.model,
            "base_url": url,
            "alias": entry.alias,
        }
        # Most entries fix nothing, and their identity stays short.
        if entry.settings:
            models[entry.name]["settings"] = dict(entry.settings)
    values: dict[str, Any] = {
        "data": plan.data.fingerprint,
        # The split and the order hang on the inputs of each example.
        "input": list(plan.data.inputs),
        "space": plan.space.to_mapping(),
        "prompts": {name: prompt.identity for name, prompt in plan.prompts.items()},
        "models": models,
        "prices": {name: _rates(price) for name, price in plan.prices.items()},
        "metric": plan.metric.identity,
        "answer": extractor_identity(plan.space.answer),
        "baseline": dict(plan.baseline),
        "free": list(plan.free),
        "searcher": _name(options.searcher),
        "strategy": _name(options.strategy),
        "verifier": _name(options.verifier),
        # A column that splits the examples takes the place of the share.
        "holdout": options.split or options.holdout,
        "group": options.group,
        "seed": plan.seed,
        "trials": plan.trials,
        "max_cost_per_request": plan.max_cost,
        "max_seconds_per_request": plan.max_seconds,
        "goal": plan.goal,
        "min_quality": plan.min_quality,
        "margin": plan.margin,
        "warm_start": plan.warm_start,
    }
    # JSON has no tuples: what is compared later is read from a file, so both sides are made alike.
    return {name: json.loads(json.dumps(values[name])) for name in identity_names()}


def study_paths(plan: Plan, options: Options) -> tuple[Path, str]:
    """Return the folder of a study, and the place of its store."""
    given = options.results
    canonical = json.dumps(plan.identity, sort_keys=True)
    mark = hashlib.sha256(canonical.encode()).hexdigest()[:8]
    folder = Path("results") / f"{plan.data.name}-{mark}"
    if given is not None:
        folder = Path(given)
    beside = folder if given is not None else folder.parent
    return folder, options.store or str(beside / "draws.db")


def _name(value: Any) -> str | None:
    """Return the name of a thing that a user gives by name or as a callable."""
    if value is None or isinstance(value, str):
        return value
    return import_path(value)


def _rates(price: Price) -> list[float]:
    # Only if there is one, so that most identities stay short.
    # Most prices have no fee, and their identity stays a pair.
    fees = [price.request] if price.request else []
    return [price.input, price.output, *fees]
