"""Settings in an entry: fixed for its model, in the space and in the baseline."""

from __future__ import annotations

import pytest

from tune.errors import SpaceError
from tune.plan.fixed_settings import fix_settings
from tune.providers.entries import read_entries
from tune.space import Space, Uniform


def space(**more: object) -> Space:
    return Space(model=["a", "b"], prompt="{text}", temperature=Uniform(0, 1), **more)  # type: ignore[arg-type]


def test_an_entry_fixes_settings_for_its_model_alone() -> None:
    entries = read_entries(
        [
            {
                "model": "a",
                "temperature": 0.3,
                "max_tokens": 64,
                "stop": ["x", "y"],
                "response_format": {"type": "json_object"},
                "extra_body": {"provider": {"sort": "price"}},
            },
            {"model": "b"},
        ]
    )
    given = space()
    fixed = fix_settings(given, entries)
    assert fixed.domain("temperature", "a").values == (0.3,)  # type: ignore[union-attr]
    assert fixed.cap({"model": "a"}) == 64
    assert fixed.common_stop({"model": "a"}) == ("x", "y")
    assert fixed.domain("response_format", "a").values == ("json_object",)  # type: ignore[union-attr]
    assert fixed.named.value("provider", "value 1") == {"sort": "price"}
    assert fixed.domain("temperature", "b") == Uniform(0, 1)
    assert given.when == {}, "the user's own space stays as it is"


def test_entries_that_differ_make_a_choice() -> None:
    entries = read_entries(
        [
            {"model": "a", "temperature": 0.3, "n": 5},
            {"model": "a", "temperature": 0.9},
            {"model": "b"},
        ]
    )
    fixed = fix_settings(space(), entries)
    assert fixed.domain("temperature", "a").values == (0.3, 0.9)  # type: ignore[union-attr]
    assert fixed.domain("n", "a").values == (5, 1)  # type: ignore[union-attr]


def test_the_users_own_domain_for_the_model_goes_first() -> None:
    entries = read_entries([{"model": "a", "temperature": 0.3}, {"model": "b"}])
    fixed = fix_settings(space(when={"a": {"temperature": [0.7]}}), entries)
    assert fixed.domain("temperature", "a").values == (0.7,)  # type: ignore[union-attr]


def test_a_setting_that_cannot_be_sent_names_its_entry() -> None:
    entries = read_entries([{"model": "a", "temprature": 0.3}, {"model": "b"}])
    with pytest.raises(SpaceError, match=r"entry of model 'a': .*temperature"):
        fix_settings(space(), entries)
