"""Spaces without what their models are known to refuse, and sentences about models that end."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from tune.pricing.price_table import today
from tune.providers.entries import Entry
from tune.providers.model_rules import SAMPLING_SETTINGS, ModelRules, find_rules
from tune.space import Space
from tune.space.domain import grid_values

NOTICE_DAYS = 120
"""A model's end is told so many days before."""


def adapt_space(space: Space, entries: Mapping[str, Entry]) -> tuple[Space, list[str]]:
    """Return the space without settings that its models are known to refuse.

    A domain of a model's own, under `when`, is the user's word and stays as it is.

    Returns:
        A space of its own, and sentences about what is left out of it.
    """
    adapted, notes = space.copied(), []
    for name in space.models:
        rules = find_rules(entries[name])
        if rules is None:
            continue
        source = rules.source or rules.vendor.source
        # Of the given space: what is left out becomes a domain of the model's own, too.
        stated = frozenset(space.when.get(name, {}))
        lost = _leave_out(adapted, name, rules, stated)
        if lost:
            notes.append(
                f"{name} takes no {', '.join(lost)}, so this is not searched ({source}); "
                f"a domain under [when.{name}] searches it all the same"
            )
        tied = _tie_to_effort(adapted, name, rules, stated)
        if tied:
            notes.append(
                f"{name} takes {', '.join(tied)} only with reasoning_effort none ({source})"
            )
    return adapted, notes


def model_notes(entries: Mapping[str, Entry]) -> list[str]:
    """Return sentences about models that have ended, end soon, or answer no chat completions."""
    notes = []
    for name, entry in entries.items():
        rules = find_rules(entry)
        if rules is None:
            continue
        if not rules.chat:
            notes.append(
                f"{name} is not served by chat completions, which is all that tune asks "
                f"({rules.source or rules.vendor.source})"
            )
        if rules.ends is not None:
            notes += _end_note(name, rules, rules.ends)
    return notes


def _end_note(name: str, rules: ModelRules, ends: date) -> list[str]:
    """Return a sentence if a model's end is near or past."""
    left = (ends - today()).days
    if left > NOTICE_DAYS:
        return []
    when = f"is shut down on {ends}"
    if left < 0:
        when = f"was to be shut down on {ends}"
    instead = f"; its successor is {rules.successor}" if rules.successor else ""
    return [f"{name} {when}{instead} ({rules.source or rules.vendor.source})"]


def _leave_out(
    space: Space, model: str, rules: ModelRules, stated: Collection[str]
) -> list[str]:
    """Take out of the space what a model refuses, and return the names and values of it.

    Args:
        space: loses it.
        model: by its name in the space.
        rules: of the model.
        stated: the dimensions for which the user gave the model a domain of its own.
    """
    lost: list[str] = []
    for name in _refused_settings(space, model, rules):
        if name in stated or space.domain(name, model) is None:
            continue
        space.drop(model, name)
        lost.append(name)
    if "reasoning_effort" not in stated and rules.efforts:
        lost += _narrow_efforts(space, model, rules.efforts)
    if "temperature" not in stated:
        lost += _narrow_temperature(space, model, rules.vendor.temperature)
    return lost


def _tie_to_effort(
    space: Space, model: str, rules: ModelRules, stated: Collection[str]
) -> list[str]:
    """Allow sampling settings only where a model does not reason, and return their names."""
    if rules.sampling != "without reasoning":
        return []
    names = []
    for name in SAMPLING_SETTINGS:
        if name not in stated and space.domain(name, model) is not None:
            names.append(name)
    if not names or space.domain("reasoning_effort", model) is None:
        return []
    space.allow_only_with(model, names, "reasoning_effort", _efforts_off(rules))
    return names


def _efforts_off(rules: ModelRules) -> tuple[str | None, ...]:
    """Return the efforts with which a model does not reason; None is its own default."""
    return ("none",) if rules.reasoning == "by default" else ("none", None)


def _refused_settings(space: Space, model: str, rules: ModelRules) -> list[str]:
    refused: list[str] = []
    if _refuses_sampling(space, model, rules):
        refused += SAMPLING_SETTINGS
    # An empty list says that it takes no effort at all; None, that nobody knows.
    if rules.efforts == ():
        refused.append("reasoning_effort")
    return refused


def _refuses_sampling(space: Space, model: str, rules: ModelRules) -> bool:
    """Tell whether no configuration of a model could have a temperature."""
    if rules.sampling != "without reasoning":
        return rules.sampling == "no"
    effort = space.domain("reasoning_effort", model)
    # Where no effort is searched, none is sent, and the model's own default holds.
    searched = (None,) if effort is None else grid_values(effort)
    return not set(searched) & set(_efforts_off(rules))


def _narrow_efforts(space: Space, model: str, efforts: tuple[str, ...]) -> list[str]:
    domain = space.domain("reasoning_effort", model)
    if domain is None:
        return []
    refused = []
    for value in grid_values(domain):
        if value is not None and value not in efforts:
            refused.append(value)
    for value in refused:
        space.narrow(model, "reasoning_effort", value, None, None)
    return [f"reasoning_effort {value}" for value in refused]


def _narrow_temperature(space: Space, model: str, most: float) -> list[str]:
    domain = space.domain("temperature", model)
    if domain is None:
        return []
    values = [value for value in grid_values(domain) if value is not None]
    above = [value for value in values if float(value) > most]  # type: ignore[arg-type]
    if not above:
        return []
    space.narrow(model, "temperature", above[0], 0.0, most)
    return [f"temperature above {most:g}"]
