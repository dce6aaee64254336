"""Entries, prices and prompts survive the way through JSON."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tune.pricing.prices import Price
from tune.providers.entries import Entry
from tune.runtime.json_forms import (
    _dump_template,
    _load_template,
    dump_entry,
    dump_prompt,
    load_entry,
    load_prompt,
)
from tune.task.prompt import Prompt
from tune.task.template import Template

names = st.sampled_from(["text", "label", "a"])
parts = st.lists(st.tuples(names, st.text(max_size=8)), max_size=4)


@given(st.text(max_size=8), parts)
def test_any_template_survives_the_way_through_json(
    begin: str, rest: list[tuple[str, str]]
) -> None:
    template = Template(
        (begin, *(text for _, text in rest)), tuple(name for name, _ in rest)
    )
    assert _load_template(json.loads(json.dumps(_dump_template(template)))) == template


def test_an_entry_comes_back_with_a_price_that_has_steps_and_without_secrets() -> None:
    price = Price(
        1,
        2,
        cached_input=0.5,
        source="list",
        date="2026-01-01",
        long=((1000, Price(3, 4)),),
    )
    entry = Entry(
        "small",
        "qwen",
        base_url="http://user:secret@h:1/v1?key=x",
        key_env="K",
        headers={"X-Team": {"env": "TEAM"}},
        requests_per_minute=60,
        tokens_per_minute=9000,
        max_output=4096,
        takes={"most_n": 4, "temperature": (0.0, 1.0)},
    )
    text = json.dumps(dump_entry(entry, {"small": price, "other": Price(9, 9)}))
    assert "secret" not in text
    assert "key=x" not in text
    back, back_price = load_entry(json.loads(text))
    assert (back.name, back.model, back.key_env) == ("small", "qwen", "K")
    assert back.base_url == "http://h:1/v1"
    assert back.headers == {"X-Team": {"env": "TEAM"}}
    assert back_price == price
    assert (back.requests_per_minute, back.tokens_per_minute) == (60, 9000)
    assert (back.max_output, back.takes) == (4096, entry.takes)


def test_a_prompt_comes_back_with_its_turns_and_the_fields_that_they_name() -> None:
    turns = (
        ("system", Template(("Be brief.",), ())),
        ("user", Template(("", " for ", "{x}"), ("text", "label"))),
    )
    prompt = Prompt("chat", False, frozenset({"text", "label"}), turns, spec=None)
    back = load_prompt(json.loads(json.dumps(dump_prompt(prompt))))
    assert back == prompt
    assert back.turns[1][1].fill({"text": "a", "label": "b"}) == "a for b{x}"
