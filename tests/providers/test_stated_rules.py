"""What a user says of a model in its entry: read into rules, or refused in one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from tune.errors import InputError
from tune.providers.entries import read_entries
from tune.providers.model_rules import endpoint_rules
from tune.providers.stated_rules import read_takes

ALL: dict[str, Any] = {
    "sampling": "yes",
    "temperature": [0, 1],
    "top_p": [0.1, 1],
    "both": False,
    "n": 4,
    "stop": 0,
    "seed": False,
    "reasoning_effort": ["low", "high"],
    "verbosity": [],
    "penalties": True,
    "logprobs": False,
    "response_format": ["json_object"],
    "cap": "max_completion_tokens",
    "max_tokens": [16, 4096],
    "hidden": "beside",
    "reasoning": "never",
}


def test_all_that_may_be_said_becomes_the_rules_of_the_model() -> None:
    (entry,) = read_entries(
        {"own": {"base_url": "http://127.0.0.1:9/v1", "takes": ALL}}
    ).values()
    rules = endpoint_rules(entry)
    assert rules is not None
    assert (rules.temperature, rules.top_p, rules.both) == ((0, 1), (0.1, 1), False)
    assert (rules.most_n, rules.most_stops, rules.seed) == (4, 0, False)
    assert (rules.efforts, rules.verbosity) == (("low", "high"), ())
    assert (rules.penalties, rules.logprobs) == (True, False)
    assert (rules.formats, rules.cap) == (("json_object",), "max_completion_tokens")
    assert (rules.least_output, rules.most_output) == (16, 4096)
    assert (rules.hidden, rules.reasoning) == ("beside", "")


def test_one_number_is_the_largest_cap() -> None:
    assert read_takes("m", {"max_tokens": 4096}) == {"most_output": 4096}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("n = 4", "is a table such as"),
        ({"m": 4}, "has 'm', but it has only"),
        ({"n": 0}, "n in takes of model 'own' is the most answers of one call"),
        ({"n": True}, "but got True"),
        ({"temperature": [1, 0]}, "the smallest and the largest one"),
        ({"temperature": 1}, "the smallest and the largest one"),
        ({"seed": "no"}, "true or false"),
        ({"reasoning_effort": "low"}, "a list of names"),
        ({"cap": "tokens"}, "one of ['max_tokens', 'max_completion_tokens']"),
        ({"max_tokens": [9, 1]}, "the largest one, or [smallest, largest]"),
    ],
)
def test_anything_else_is_refused_in_one_sentence(given: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read_entries({"own": {"takes": given}})
    assert words in str(caught.value)
