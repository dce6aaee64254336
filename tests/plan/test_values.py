"""Values of options as users give them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tune.errors import InputError, SpaceError
from tune.plan.values import as_callable, as_names, look_up, read_json_value


def test_names_are_one_several_or_none() -> None:
    assert as_names(None) == ()
    assert as_names("text") == ("text",)
    assert as_names(["a", "b"]) == ("a", "b")


def test_a_name_is_looked_up_and_a_callable_stays() -> None:
    table = {"length": len}
    assert look_up("length", table, "measure") is len
    assert look_up(sum, table, "measure") is sum
    assert look_up("math:sqrt", table, "measure")(9) == 3
    with pytest.raises(InputError, match=r"no measure 'size': there are \['length'\]"):
        look_up("size", table, "measure")


def test_a_callable_is_given_as_it_is_or_by_its_path() -> None:
    assert as_callable(None, "verifier") is None
    assert as_callable("math:sqrt", "verifier")(4) == 2
    with pytest.raises(InputError, match=r"the verifier is a callable, but got 3\.14"):
        as_callable("math:pi", "verifier")


def test_json_is_text_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "models.json"
    file.write_text(json.dumps([{"model": "m"}]))
    assert read_json_value('{"a": 1}', "the baseline") == {"a": 1}
    assert read_json_value(" [1]", "the list") == [1]
    assert read_json_value(file, "the list") == [{"model": "m"}]
    assert read_json_value(str(file), "the list") == [{"model": "m"}]
    assert read_json_value({"a": 1}, "the baseline") == {"a": 1}
    assert read_json_value(None, "the baseline") is None


def test_json_that_cannot_be_read_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match="the list of models 'nowhere' cannot be read"):
        read_json_value("nowhere", "the list of models")
    with pytest.raises(SpaceError, match=r"the baseline .\{. is no JSON"):
        read_json_value("{", "the baseline")
