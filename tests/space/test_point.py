"""Points and configs: equal by their values, and complete."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.json_values import json_values
from tune.errors import SpaceError
from tune.space import (
    Config,
    Point,
)


def test_points_are_equal_when_their_values_are() -> None:
    one = Point({"model": "m", "temperature": 1, "stop": ("a",)})
    other = Point({"stop": ["a"], "temperature": 1.0, "model": "m"})  # type: ignore[dict-item]
    assert one == other
    assert hash(one) == hash(other)
    assert one.key == '{"model":"m","stop":["a"],"temperature":1}'
    assert other["stop"] == ("a",)
    assert Point(json.loads(json.dumps(dict(one)))) == one
    assert one != Point({**one, "temperature": True})
    assert one != dict(one)
    assert repr(one) == 'Point({"model":"m","stop":["a"],"temperature":1})'
    assert len(one) == 3


def test_a_point_contains_the_names_that_it_has_values_for() -> None:
    point = Point({"model": "m", "seed": None})
    assert "model" in point
    assert "seed" in point
    assert "prompt" not in point
    assert 1 not in point


def test_a_config_fills_in_what_is_usual() -> None:
    config = Config(
        {
            "model": "m",
            "prompt": "p",
            "max_tokens": 64.0,
            "temperature": 0.5,
            "top_p": None,
        }
    )
    assert (config.model, config.prompt, config.n, config.max_tokens) == (
        "m",
        "p",
        1,
        64,
    )
    assert (config.stop, config.aggregate, config.settings) == (
        (),
        "first",
        {"temperature": 0.5},
    )
    assert (
        Config({**config, "stop": "\n"}).stop
        == Config({**config, "stop": ["\n"]}).stop
        == ("\n",)
    )
    assert Config({**config, "stop": None}) == config


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": None}, "a config needs a value for 'model'"),
        ({"max_tokens": None}, "a config needs a value for 'max_tokens'"),
        ({"n": 0}, "`1 <= n` must hold, but got n=0"),
        ({"n": "3"}, "n is a number, but got '3'"),
        ({"max_tokens": 1.5}, "max_tokens is a whole number"),
        ({"temperature": "hot"}, "temperature is a number, but got 'hot'"),
        ({"stop": [3]}, "stop is a text, a list of texts"),
        ({"aggregate": 1}, "aggregate is a name"),
        (
            {"response_format": {"type": "json"}},
            "response_format has a value that is a table or a list",
        ),
    ],
)
def test_a_config_that_cannot_be_is_refused(
    changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpaceError, match=message):
        Config({"model": "m", "prompt": "p", "max_tokens": 64, **changed})


@given(
    st.dictionaries(
        st.sampled_from(
            ["n", "max_tokens", "stop", "aggregate", "temperature", "other"]
        ),
        json_values,
    )
)
def test_any_values_are_a_config_or_are_refused_in_a_sentence(
    values: dict[str, Any],
) -> None:
    try:
        config = Config({"model": "m", "prompt": "p", "max_tokens": 9, **values})
    except SpaceError:
        return
    assert config.n >= 1
    assert config.max_tokens >= 1
    assert all(isinstance(text, str) for text in config.stop)
    assert Config(json.loads(json.dumps(dict(config)))) == config
