"""Spaces without what their models are known to refuse, and sentences about models that end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from tune.plan.reasoning_space import (
    reasons_unseen,
    search_reasoning,
    warn_of_small_cap,
)
from tune.pricing.price_table import today
from tune.providers.entries import Entry
from tune.providers.model_rules import (
    PENALTIES,
    SAMPLING_SETTINGS,
    ModelRules,
    endpoint_rules,
    find_rules,
)
from tune.space import Choice, Space
from tune.space.domain import grid_values
from tune.space.values import Value

NOTICE_DAYS = 120
"""A model's end is told so many days before."""


def adapt_space(
    space: Space, entries: Mapping[str, Entry], *, is_default: bool = False
) -> tuple[Space, list[str]]:
    """Return the space without settings that its models are known to refuse.

    A domain of a model's own, under `when`, is the user's word and stays as it is.

    Args:
        space: as it is given.
        entries: of its models.
        is_default: no user wrote the space, so models that reason get the domains that they need.

    Returns:
        A space of its own, and sentences about what is left out of it.
    """
    adapted, notes = space.copied(), []
    for name in space.models:
        # Of the given space: what is left out becomes a domain of the model's own, too.
        stated = frozenset(space.when.get(name, {}))
        rules = endpoint_rules(entries[name])
        if is_default and reasons_unseen(entries[name], rules, None):
            notes.append(search_reasoning(adapted, name, rules))
        if rules is not None:
            notes += _adapt_model(adapted, name, rules, stated)
        effort = adapted.domain("reasoning_effort", name)
        if reasons_unseen(entries[name], rules, effort):
            adapted.conditions.pay_for_caps(name)
            notes += warn_of_small_cap(adapted, name)
    return adapted, notes


def _adapt_model(
    space: Space, name: str, rules: ModelRules, stated: Collection[str]
) -> list[str]:
    """Adapt a space to one model, and return sentences about it."""
    source = rules.source or "the entry of the model"
    notes = []
    lost = _leave_out(space, name, rules, stated)
    if lost:
        notes.append(
            f"{name} takes no {', '.join(lost)}, so this is not searched ({source}); "
            f"a domain under [when.{name}] searches it all the same"
        )
    tied = _tie_to_effort(space, name, rules, stated)
    if tied:
        notes.append(
            f"{name} takes {', '.join(tied)} only with reasoning_effort none ({source})"
        )
    pair = ("temperature", "top_p")
    if not rules.both and all(space.domain(each, name) for each in pair):
        space.conditions.allow_one_of(name, pair)
        notes.append(
            f"{name} takes temperature or top_p, not both: where a configuration has both, "
            f"top_p is left out ({source})"
        )
    return notes


def model_notes(entries: Mapping[str, Entry]) -> list[str]:
    """Return sentences about models that have ended, end soon, or answer no chat completions."""
    notes = []
    for name, entry in entries.items():
        rules = find_rules(entry)
        if rules is None:
            continue
        if not rules.chat:
            notes.append(
                f"{name} is not served by chat completions, which is all that tune asks"
                f"{_elsewhere(rules)} ({rules.source})"
            )
        notes += _end_note(name, rules)
    return notes


def _elsewhere(rules: ModelRules) -> str:
    """Return a clause that says where a model is served instead."""
    return f": it is served by {', '.join(rules.served)}" if rules.served else ""


def _end_note(name: str, rules: ModelRules) -> list[str]:
    """Return a sentence if a model's end is near or past."""
    if rules.ends is None:
        return []
    left = (rules.ends - today()).days
    if left > NOTICE_DAYS:
        return []
    when = f"is shut down on {rules.ends}"
    if left < 0:
        when = f"was to be shut down on {rules.ends}"
    instead = f"; its successor is {rules.successor}" if rules.successor else ""
    return [f"{name} {when}{instead} ({rules.source})"]


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
        if name in stated or name in lost or space.domain(name, model) is None:
            continue
        # A stop that no config has is not searched, and nothing is lost with it.
        if name == "stop" and not _has_stop(space, model):
            continue
        space.drop(model, name)
        lost.append(name)
    if "stop" not in stated and rules.most_stops:
        lost += _narrow_stops(space, model, rules.most_stops)
    for name, levels in (
        ("reasoning_effort", rules.efforts),
        ("verbosity", rules.verbosity),
    ):
        if name not in stated and levels:
            lost += _narrow(space, model, name, levels.__contains__)
    for name, span in (("temperature", rules.temperature), ("top_p", rules.top_p)):
        if name not in stated and span is not None:
            lost += _narrow_range(space, model, name, *span)
    if "max_tokens" not in stated:
        lost += _narrow_cap(space, model, rules)
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
    space.conditions.allow_only_with(
        model, names, "reasoning_effort", _efforts_off(rules)
    )
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
    if rules.verbosity == ():
        refused.append("verbosity")
    if rules.penalties is False:
        refused += PENALTIES
    if rules.logprobs is False:
        refused += ("logprobs", "top_logprobs")
    if rules.formats == ():
        refused.append("response_format")
    if rules.most_stops == 0:
        refused.append("stop")
    return refused


def _refuses_sampling(space: Space, model: str, rules: ModelRules) -> bool:
    """Tell whether no configuration of a model could have a temperature."""
    if rules.sampling != "without reasoning":
        return rules.sampling == "no"
    effort = space.domain("reasoning_effort", model)
    # Where no effort is searched, none is sent, and the model's own default holds.
    searched = (None,) if effort is None else grid_values(effort)
    return not set(searched) & set(_efforts_off(rules))


def _has_stop(space: Space, model: str) -> bool:
    """Tell whether a model has stop strings with any prompt."""
    for prompt in space.prompts:
        domain = space.domain("stop", model, prompt)
        if domain is not None and any(domain.values):
            return True
    return False


def _narrow(
    space: Space, model: str, name: str, is_taken: Callable[[Value], bool]
) -> list[str]:
    """Take out of a domain the values that a model refuses, and return them in words."""
    domain = space.domain(name, model)
    if domain is None:
        return []
    refused = []
    for value in grid_values(domain):
        if value is not None and not is_taken(value):
            refused.append(value)
    for value in refused:
        space.narrow(model, name, value, None, None)
    return [f"{name} {value}" for value in refused]


def _narrow_range(
    space: Space, model: str, name: str, low: float, high: float
) -> list[str]:
    domain = space.domain(name, model)
    if domain is None:
        return []
    values = [value for value in grid_values(domain) if value is not None]
    outside = [value for value in values if not low <= float(value) <= high]  # type: ignore[arg-type]
    if not outside:
        return []
    space.narrow(model, name, outside[0], low, high)
    if min(map(float, outside)) < low:  # type: ignore[arg-type]
        return [f"{name} outside {low:g} to {high:g}"]
    return [f"{name} above {high:g}"]


def _narrow_stops(space: Space, model: str, most: int) -> list[str]:
    """Leave out the settings of stop that hold more strings than a model takes."""
    domain = space.domain("stop", model)
    if domain is None:
        return []
    left = [value for value in domain.values if len(_strings(value)) <= most]
    if len(left) == domain.size:
        return []
    if left:
        space.give(model, "stop", Choice(tuple(left)))
    else:
        space.drop(model, "stop")
    return [f"stop of more than {most} strings"]


def _strings(value: Value) -> tuple[str, ...]:
    """Return the strings of one setting of stop."""
    return value if isinstance(value, tuple) else ()


def _narrow_cap(space: Space, model: str, rules: ModelRules) -> list[str]:
    """Keep max_tokens within the smallest and the largest output of a model."""
    low, high = rules.least_output or 1, rules.most_output
    domain = space.domain("max_tokens", model)
    if domain is None or high is None:
        return []
    space.conditions.limit_caps(model, low, high)
    if space.domain("max_tokens", model) == domain:
        return []
    return [f"max_tokens outside {low:,} to {high:,}"]
