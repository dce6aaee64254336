"""Facts about models before the first call, in words and as a record."""

from __future__ import annotations

import re

from tune.plan.model_table import UNKNOWN, facts_lines, facts_record, model_facts
from tune.providers.entries import Entry, read_entries
from tune.space import Space, Uniform


def lines_of(entry: Entry, stated: object = None) -> str:
    (facts,) = model_facts([entry], stated)
    return "\n".join(facts_lines(facts))


def test_a_model_is_shown_with_price_host_key_rules_and_end() -> None:
    shown = lines_of(Entry("o3", "o3"))
    assert "o3: o3 at api.openai.com (OPENAI_API_KEY)" in shown
    assert "$2.00 in, $8.00 out per million tokens" in shown
    assert "temperature  none is taken" in shown
    assert "low, medium, high" in shown
    assert "2026-12-11; then gpt-5.6-sol" in shown


def test_a_model_without_a_price_says_which_line_to_add() -> None:
    assert "--price gpt-9=IN/OUT" in lines_of(Entry("gpt-9", "gpt-9"))


def test_a_server_of_ones_own_has_no_known_rules() -> None:
    own = Entry("m", "m", base_url="http://127.0.0.1:9/v1")
    shown = lines_of(own, {"m": (0, 0)})
    assert UNKNOWN in shown
    assert "no key" in shown or "OPENAI_API_KEY" in shown


def test_one_answer_for_a_call_is_said_so() -> None:
    claude = Entry("c", "claude-sonnet-5-5", base_url="https://api.anthropic.com/v1")
    assert "one answer for one call" in lines_of(claude)


def test_the_searched_dimensions_are_those_of_the_space() -> None:
    space = Space(
        model="gpt-4o-mini",
        prompt="{text}",
        temperature=Uniform(0, 1, 0.5),
        max_tokens=64,
    )
    (facts,) = model_facts([Entry("gpt-4o-mini", "gpt-4o-mini")], None, space)
    record = facts_record(facts)
    assert record["searched"] == {
        "prompt": "plain",
        "max_tokens": "64",
        "n": "1",
        "stop": "(none)",
        "aggregate": "first",
        "temperature": "0 to 1 in steps of 0.5",
    }


def test_each_place_of_a_model_is_shown_with_what_is_sent_there() -> None:
    listed = [
        {
            "model": "m",
            "base_url": "http://a/v1",
            "api_key": "sk-planted-0123456789abcdef",
        },
        {"model": "m", "base_url": "http://b/v1", "key_env": "B_KEY"},
    ]
    (facts,) = model_facts(read_entries(listed).values(), {"m": "1/2"})
    assert facts_lines(facts)[:2] == [
        "m: m at a (the one in your config list)",
        "m: m at b (B_KEY)",
    ]


def test_the_price_has_its_entry_and_its_date() -> None:
    words = lines_of(Entry("o3", "o3"))
    assert re.search(r"\(genai-prices [\d.]+: openai/o3\), \d{4}-\d\d-\d\d", words)
