"""Model entries as users write them."""

from __future__ import annotations

from typing import Any

import pytest

from tune.completion import Structured
from tune.errors import InputError, PriceError
from tune.pricing.prices import Price
from tune.providers.entries import Entry, read_entries


def test_entries_are_read_by_name_and_in_autogens_form() -> None:
    table = read_entries(
        {
            "a": {
                "model": "x",
                "base_url": "http://h/v1",
                "price": [1, 2],
                "requests_per_minute": 60,
            }
        }
    )
    assert table["a"] == Entry(
        "a", "x", base_url="http://h/v1", price=Price(1, 2), requests_per_minute=60
    )
    listed = read_entries(
        [
            {"model": "x", "tags": ["t"], "api_type": "openai"},
            {"model": "y", "name": "z"},
        ]
    )
    assert set(listed) == {"x", "z"}
    assert listed["z"].model == "y"


def test_a_price_is_a_pair_or_a_table() -> None:
    found = read_entries(
        {"a": {"price": {"input": 1.0, "output": 2.0, "cached_input": 0.1}}}
    )["a"].price
    assert found == Price(1.0, 2.0, cached_input=0.1)


@pytest.mark.parametrize(
    ("record", "error", "words"),
    [
        ({"a": {"api_key": "sk-planted"}}, InputError, "key_env"),
        ({"a": {"url": "x"}}, InputError, r"\['url'\]"),
        ({"a": {"price": 5}}, PriceError, "IN, OUT"),
        ({"a": {"price": {"in": 5}}}, PriceError, "cannot be read"),
        ({"a": {"price": [-1, 2]}}, PriceError, "input=-1"),
        (
            [{"model": "x", "name": "a"}, {"model": "y", "name": "a"}],
            InputError,
            "names that differ",
        ),
    ],
)
def test_an_entry_that_cannot_be_is_one_sentence_without_the_key(
    record: Any, error: type[InputError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        read_entries(record)
    assert "sk-planted" not in str(caught.value)


@pytest.mark.parametrize("most", [0, -1, 1.5, "8", True])
def test_a_largest_output_is_a_whole_number_of_tokens(most: Any) -> None:
    with pytest.raises(InputError, match="max_output of model 'a' is a whole number"):
        read_entries({"a": {"max_output": most}})
    assert read_entries({"a": {"max_output": 8}})["a"].max_output == 8


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Authorization", "Bearer x"),
        ("x-team", "sk-planted-0123456789abcdefghijklmnop"),
        ("x-team", {"env": "not a name"}),
        ("x-team", {"env": "A", "more": "B"}),
        ("x-team", 5),
    ],
)
def test_a_header_that_may_hold_a_secret_is_refused_and_not_shown(
    name: str, value: Any
) -> None:
    with pytest.raises(InputError, match="the header") as caught:
        Entry("a", "x", headers={name: value})
    assert "planted" not in str(caught.value)
    Entry("a", "x", headers={"x-team": "blue", "x-other": {"env": "VARIABLE"}})


def test_an_entry_says_where_calls_go_and_which_variables_are_sent() -> None:
    entry = Entry(
        "a",
        "x",
        base_url="http://me:pass@h:8000/v1",
        key_env="MY_KEY",
        headers={"x-team": {"env": "TEAM"}, "x-plain": "blue"},
    )
    assert (entry.host, entry.variables, entry.local) == (
        "h:8000",
        ("MY_KEY", "TEAM"),
        False,
    )
    local = Entry("l", "local:smollm2")
    assert (local.host, local.variables, local.local) == ("this process", (), True)


def test_a_price_in_autogens_list_is_per_thousand_tokens() -> None:
    (entry,) = read_entries([{"model": "x", "price": [0.0001, 0.0004]}]).values()
    assert entry.price == Price(0.1, 0.4)


def test_a_caller_that_searches_nothing_sends_what_the_entry_fixes() -> None:
    (entry,) = read_entries(
        [
            {
                "model": "m",
                "temperature": 0.2,
                "max_tokens": 9,
                "n": 3,
                "extra_body": {"provider": {"sort": "price"}},
            }
        ]
    ).values()
    assert entry.fixed_settings == {
        "temperature": 0.2,
        "provider": Structured.of({"sort": "price"}),
    }
