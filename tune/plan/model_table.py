"""Facts about models before the first call: price, host and key, rules, and what is searched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tune.errors import PriceError
from tune.plan.models import find_prices
from tune.providers.entries import Entry
from tune.providers.model_rules import ModelRules, endpoint_rules, find_rules
from tune.providers.trusted_hosts import sent_secrets
from tune.space import Space
from tune.space.domain import Domain
from tune.space.domain_spec import dump_domain

UNKNOWN = "not known: tune learns them from the endpoint's refusals"


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts that are known of one model.

    Attributes:
        entry: where it is, and which variable's key goes there.
        price: in words, or why there is none.
        rules: of this model, else of its endpoint; None where none are known.
        is_listed: the model itself is in the table.
        searched: the dimensions that a run would search for it, in words; empty without a space.
    """

    entry: Entry
    price: str
    rules: ModelRules | None
    is_listed: bool
    searched: Mapping[str, str]


def model_facts(
    entries: Iterable[Entry], stated: Any = None, space: Space | None = None
) -> list[ModelFacts]:
    """Return what is known of each model.

    Args:
        entries: the models.
        stated: prices, as the option `price` takes them.
        space: what a run would search, if there is one.
    """
    found = []
    for entry in entries:
        searched: dict[str, str] = {}
        if space is not None:
            for name, domain in space.dimensions(entry.name).items():
                if name != "model":
                    searched[name] = _in_words(domain)
        facts = ModelFacts(
            entry=entry,
            price=_price(entry, stated),
            rules=endpoint_rules(entry),
            is_listed=find_rules(entry) is not None,
            searched=searched,
        )
        found.append(facts)
    return found


def facts_lines(facts: ModelFacts) -> list[str]:
    """Return what is known of a model as lines of text."""
    entry = facts.entry
    lines = []
    for place in entry.places:
        sent = ", ".join(sent_secrets(place)) or "no key"
        lines.append(f"{entry.name}: {place.model} at {place.host} ({sent})")
    lines.append(f"  price        {facts.price}")
    for title, words in rule_words(facts.rules, is_listed=facts.is_listed).items():
        lines.append(f"  {title:12s} {words}")
    if facts.searched:
        lines.append("  searched")
    for name, values in facts.searched.items():
        lines.append(f"    {name:18s} {values}")
    return lines


def facts_record(facts: ModelFacts) -> dict[str, object]:
    """Return what is known of a model in JSON's types."""
    entry = facts.entry
    return {
        "name": entry.name,
        "model": entry.model,
        "host": entry.host,
        "variables": list(entry.variables),
        "price": facts.price,
        "rules": rule_words(facts.rules, is_listed=facts.is_listed),
        "searched": dict(facts.searched),
    }


def rule_words(rules: ModelRules | None, *, is_listed: bool) -> dict[str, str]:
    """Return the rules of a model in words, by their title.

    Args:
        rules: of the model, or of its endpoint.
        is_listed: the model itself is in the table.
    """
    if rules is None:
        return {"rules": UNKNOWN}
    words = _sampling_words(rules)
    words["n"] = _most(rules.most_n, "answer", "for one call")
    if rules.most_n is not None:
        words["n"] += "; more take several calls, and the prompt is paid for each"
    words["stop"] = _most(rules.most_stops, "string", "for one call")
    words["seed"] = _taken(rules.seed)
    if rules.reasoning:
        words["reasoning"] = rules.reasoning
    for title, levels in (
        ("effort", rules.efforts),
        ("verbosity", rules.verbosity),
        ("formats", rules.formats),
    ):
        if levels is not None:
            words[title] = ", ".join(levels) or "none is taken"
    words |= _output_words(rules)
    if not rules.chat:
        words["served"] = f"{_served(rules)}, not by chat completions"
    if rules.ends is not None:
        then = f"; then {rules.successor}" if rules.successor else ""
        words["shut down"] = f"{rules.ends}{then}"
    if not is_listed:
        words["model"] = "not in the table: these are the rules of the endpoint"
    return words | {"source": rules.source or "the entry of the model"}


def _sampling_words(rules: ModelRules) -> dict[str, str]:
    """Return temperature, top_p, penalties and logprobs in words."""
    words: dict[str, str] = {}
    for title, span in (("temperature", rules.temperature), ("top_p", rules.top_p)):
        words[title] = "not known"
        if rules.sampling == "no":
            words[title] = "none is taken"
        elif span is not None:
            words[title] = f"{span[0]:g} to {span[1]:g}"
    if not rules.both and rules.sampling != "no":
        words["top_p"] += ", not beside a temperature"
    for title, takes in (("penalties", rules.penalties), ("logprobs", rules.logprobs)):
        words[title] = "none" if rules.sampling == "no" else _taken(takes)
    if rules.sampling == "without reasoning":
        for title in ("temperature", "top_p", "penalties", "logprobs"):
            words[title] += ", only with reasoning_effort none"
    return words


def _output_words(rules: ModelRules) -> dict[str, str]:
    """Return the cap's name and bounds in words."""
    words: dict[str, str] = {}
    if rules.cap is not None:
        words["cap"] = f"sent as {rules.cap}"
    if rules.most_output is not None:
        words["output"] = f"{rules.least_output or 1:,} to {rules.most_output:,} tokens"
        if rules.hidden == "inside":
            words["output"] += ", hidden reasoning inside"
    if rules.hidden == "beside":
        words["hidden"] = "reasoning comes on top of the cap"
    return words


def _served(rules: ModelRules) -> str:
    return f"by {', '.join(rules.served)}" if rules.served else "elsewhere"


def _taken(takes: bool | None) -> str:
    if takes is None:
        return "not known"
    return "taken" if takes else "none is taken"


def _price(entry: Entry, stated: Any) -> str:
    """Return the price in words, or the sentence that says why there is none."""
    try:
        price = find_prices([entry], stated)[entry.name]
    except PriceError as error:
        return str(error)
    return f"{price.describe()}, {price.date}" if price.date else price.describe()


def _most(most: int | None, what: str, where: str) -> str:
    if most is None:
        return "not known"
    if most == 0:
        return "none is taken"
    return f"one {what} {where}" if most == 1 else f"at most {most} {what}s {where}"


def _in_words(domain: Domain) -> str:
    """Return the values of a dimension: a list, or a range with its step."""
    dumped = dump_domain(domain)
    if isinstance(dumped, Mapping):
        step = f" in steps of {dumped['step']:g}" if dumped.get("step") else ""
        return f"{dumped['low']:g} to {dumped['high']:g}{step}"
    shown = [_value_in_words(one) for one in dumped]
    return ", ".join(shown)


def _value_in_words(value: Any) -> str:
    if value is None:
        return "(the service's own)"
    if value == []:
        return "(none)"
    return str(value)
