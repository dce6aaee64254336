"""Facts about models before the first call: price, host and key, rules, and what is searched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tune.errors import PriceError
from tune.plan.models import find_prices
from tune.providers.entries import Entry
from tune.providers.model_rules import ModelRules, VendorRules, find_rules, find_vendor
from tune.space import Space
from tune.space.domain import Domain
from tune.space.domain_spec import dump_domain

UNKNOWN = "not known: tune learns them from the endpoint's refusals"


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of one model.

    Attributes:
        entry: where it is, and which variable's key goes there.
        price: in words, or why there is none.
        rules: of this model, or None where none are known.
        vendor: whose own endpoint it is at, or None.
        searched: the dimensions that a run would search for it, in words; empty without a space.
    """

    entry: Entry
    price: str
    rules: ModelRules | None
    vendor: VendorRules | None
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
            rules=find_rules(entry),
            vendor=find_vendor(entry),
            searched=searched,
        )
        found.append(facts)
    return found


def facts_lines(facts: ModelFacts) -> list[str]:
    """Return what is known of a model as lines of text."""
    entry = facts.entry
    sent = ", ".join(entry.variables) or "no key"
    lines = [f"{entry.name}: {entry.model} at {entry.host} ({sent})"]
    lines.append(f"  price        {facts.price}")
    for title, words in rule_words(facts.rules, facts.vendor).items():
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
        "rules": rule_words(facts.rules, facts.vendor),
        "searched": dict(facts.searched),
    }


def rule_words(rules: ModelRules | None, vendor: VendorRules | None) -> dict[str, str]:
    """Return the rules of a model in words, by their title."""
    if vendor is None:
        return {"rules": UNKNOWN}
    words = {
        "temperature": f"0 to {vendor.temperature:g}",
        "n": _most(vendor.most_n, "answer", "for one call"),
        "stop": _most(vendor.most_stops, "string", "for one call"),
    }
    if rules is None:
        words["model"] = "not in the table: these are the rules of the endpoint"
        return words | {"source": vendor.source}
    words |= _reasoning_words(rules, words["temperature"])
    if rules.most_output is not None:
        words["output"] = f"at most {rules.most_output:,} tokens, reasoning inside"
    if not rules.chat:
        words["served"] = "not by chat completions, which is all that tune asks"
    if rules.ends is not None:
        then = f"; then {rules.successor}" if rules.successor else ""
        words["shut down"] = f"{rules.ends}{then}"
    return words | {"source": rules.source or vendor.source}


def _reasoning_words(rules: ModelRules, temperature: str) -> dict[str, str]:
    """Return what a model's reasoning means for its settings."""
    words: dict[str, str] = {}
    if rules.sampling == "no":
        words["temperature"] = "none, and no top_p, penalties or logprobs"
    elif rules.sampling == "without reasoning":
        words["temperature"] = f"{temperature}, only with reasoning_effort none"
    if rules.reasoning:
        words["reasoning"] = rules.reasoning
    if rules.efforts is not None:
        words["effort"] = ", ".join(rules.efforts) or "none is taken"
    return words


def _price(entry: Entry, stated: Any) -> str:
    """Return the price in words, or the sentence that says why there is none."""
    try:
        return find_prices([entry], stated)[entry.name].describe()
    except PriceError as error:
        return str(error)


def _most(most: int | None, what: str, where: str) -> str:
    if most is None:
        return "not known"
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
