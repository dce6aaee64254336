"""Entries, prices and prompts in JSON's types, and back.

Templates are written in pieces, with few-shot examples in place, so that braces in the data never
look like fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tune.pricing.prices import Price
from tune.providers.base_url import public_url
from tune.providers.entries import LISTED_KEY, Entry
from tune.providers.model_rules import find_rules
from tune.task.callables import found_again
from tune.task.prompt import Prompt
from tune.task.prompt_call import PromptCall
from tune.task.template import Template


def dump_entry(entry: Entry, prices: Mapping[str, Price]) -> dict[str, Any]:
    """Return a model's entry and its price. It holds the name of a key's variable, never a key."""
    return {
        "name": entry.name,
        "model": entry.model,
        # A query or a user name in an address may be a secret.
        "base_url": public_url(entry.base_url),
        # A key in a config list stays in memory. Whoever calls the model again has to give it.
        "key_env": LISTED_KEY if entry.api_key else entry.key_env,
        "headers": dict(entry.headers),
        "query": dict(entry.query),
        "allow_http": entry.allow_http,
        "alias": entry.alias,
        "price_as": entry.price_as,
        "timeout": entry.timeout,
        "requests_per_minute": entry.requests_per_minute,
        "tokens_per_minute": entry.tokens_per_minute,
        "max_output": entry.max_output,
        "takes": dict(entry.takes),
        "price": asdict(prices[entry.name]),
    }


def load_entry(record: Mapping[str, Any]) -> tuple[Entry, Price]:
    """Return the entry and the price that `dump_entry` wrote."""
    fields = dict(record)
    price = _load_price(fields.pop("price"))
    takes = {}
    for name, value in fields.pop("takes").items():
        # JSON has no tuples, and rules are compared.
        takes[name] = tuple(value) if isinstance(value, list) else value
    entry = Entry(**fields, takes=takes)
    # Raises here where the file is damaged, and not when the model is first called.
    find_rules(entry)
    return entry, price


def _load_price(record: Mapping[str, Any]) -> Price:
    # Long prompts may have a price of their own, which is a price again.
    longer = []
    for start, price in record.get("long", ()):
        longer.append((int(start), _load_price(price)))
    return Price(**{**record, "long": tuple(longer)})


def dump_prompt(prompt: Prompt) -> dict[str, Any]:
    """Return a prompt with its few-shot examples in place.

    A function that makes it is named; its "spec" is null where another process does not find it.
    """
    if prompt.call is not None:
        call = {
            "spec": found_again(prompt.call.function),
            "name": prompt.call.path,
            "identity": prompt.call.identity,
        }
        return {"name": prompt.name, "raw": prompt.raw, "turns": [], "call": call}
    turns = []
    for role, template in prompt.turns:
        turns.append({"role": role, "parts": _dump_template(template)})
    return {"name": prompt.name, "raw": prompt.raw, "turns": turns}


def load_prompt(
    record: Mapping[str, Any],
    *,
    call: PromptCall | None = None,
    inputs: Sequence[str] = (),
) -> Prompt:
    """Return the prompt that `dump_prompt` wrote. It has no spec, as it is never written again.

    Args:
        record: what was written.
        call: the function that makes it, where the record names one.
        inputs: the input columns, which such a function reads.
    """
    turns = []
    fields: set[str] = set()
    for turn in record["turns"]:
        template = _load_template(turn["parts"])
        turns.append((str(turn["role"]), template))
        fields.update(template.names)
    if call is not None:
        fields.update(inputs)
    return Prompt(
        name=str(record["name"]),
        raw=bool(record["raw"]),
        fields=frozenset(fields),
        turns=tuple(turns),
        spec=None,
        call=call,
    )


def _dump_template(template: Template) -> list[Any]:
    """Return texts, and `{"field": name}` where an example's input goes."""
    parts: list[Any] = [template.literals[0]]
    # One more literal than there are names: the first stands before all of them.
    for name, literal in zip(template.names, template.literals[1:], strict=True):
        parts += [{"field": name}, literal]
    return [part for part in parts if part != ""]


def _load_template(parts: Sequence[Any]) -> Template:
    literals = [""]
    names: list[str] = []
    for part in parts:
        if isinstance(part, Mapping):
            names.append(str(part["field"]))
            # A template has a text behind each field, even an empty one.
            literals.append("")
        else:
            literals[-1] += str(part)
    return Template(tuple(literals), tuple(names))
