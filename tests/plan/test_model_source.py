"""Sources of models: files, environment variables, lists, and what is chosen of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.order import ROWS
from tune.errors import InputError
from tune.plan.make import make_plan
from tune.plan.model_source import is_config_list, read_models
from tune.plan.plan import Plan
from tune.plan.read_options import read_options
from tune.plan.search_space import LOCAL_MODEL

KEY = "sk-planted-0123456789abcdef"
LISTED: list[dict[str, Any]] = [
    {"model": "a", "base_url": "http://h/v1", "api_key": KEY, "tags": ["cheap"]},
    {"model": "b", "base_url": "http://h/v1", "tags": ["best"]},
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "OAI_CONFIG_LIST"
    path.write_text(json.dumps(LISTED))
    return path


def test_a_list_is_read_from_python_a_file_and_a_variable(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = read_models(LISTED)
    assert read_models(file) == read_models(str(file)) == expected
    monkeypatch.setenv("OAI_CONFIG_LIST", json.dumps(LISTED))
    assert read_models("OAI_CONFIG_LIST") == expected
    # As in AutoGen, the variable may hold the path of a file.
    monkeypatch.setenv("OAI_CONFIG_LIST", str(file))
    assert read_models("OAI_CONFIG_LIST") == expected
    assert read_models("OAI_CONFIG_LIST")["a"].api_key == KEY
    monkeypatch.setenv("OAI_CONFIG_LIST", "[]")
    monkeypatch.chdir(file.parent)
    assert read_models(Path("OAI_CONFIG_LIST")) == expected, "a path is no variable"
    assert read_models(None) == {}


def test_a_path_is_relative_to_the_file_that_names_it(file: Path) -> None:
    assert set(read_models("OAI_CONFIG_LIST", base=file.parent)) == {"a", "b"}
    assert is_config_list("OAI_CONFIG_LIST", base=file.parent)
    assert not is_config_list({"a": {}})


def test_entries_are_chosen_by_their_fields() -> None:
    assert set(read_models(LISTED, {"tags": ["cheap"]})) == {"a"}
    assert set(read_models(LISTED, '{"model": ["b"]}')) == {"b"}
    with pytest.raises(InputError, match="so it needs models"):
        read_models(None, {"tags": ["cheap"]})
    with pytest.raises(InputError, match="a table by name"):
        read_models({"a": {}}, {"tags": ["cheap"]})
    with pytest.raises(InputError, match="gives each field"):
        read_models(LISTED, "[1]")


def test_a_key_stands_in_no_command_line_and_in_no_space_file() -> None:
    with pytest.raises(InputError, match="put the list into a file"):
        read_models(json.dumps(LISTED))
    with pytest.raises(InputError, match="put the list into a file"):
        read_models(LISTED, in_space=True)


@pytest.mark.parametrize("text", [f'[{{"api_key": "{KEY}"', f'{{"{KEY}'])
def test_what_is_no_json_is_not_repeated(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_LIST", text)
    for given in (text, "MY_LIST"):
        with pytest.raises(InputError, match="is no JSON") as caught:
            read_models(given)
        assert "planted" not in str(caught.value)
    with pytest.raises(InputError, match="cannot be read"):
        read_models("NO_SUCH_LIST")
    with pytest.raises(InputError, match="but got int"):
        read_models(5)


def planned(**given: Any) -> Plan:
    table = {"space": {"prompt": "Label this: {text}"}, **given.pop("space", {})}
    options = {"data": ROWS, "space": table, "target": "label", **given}
    return make_plan(read_options(**options))


def test_the_entries_of_a_list_are_the_models_where_no_others_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed = [{**record, "price": [0, 0]} for record in LISTED]
    assert planned(models=listed).space.models == ("a", "b")
    assert planned(models=listed, filter_dict={"tags": ["best"]}).space.models == ("b",)
    assert planned(models=listed, model="a").space.models == ("a",)
    monkeypatch.setenv("MY_LIST", json.dumps(listed))
    inside = planned(space={"models": "MY_LIST"})
    assert inside.space.models == ("a", "b")
    assert inside.entries["a"].api_key == KEY
    # Models by name may belong to a judge, so nothing follows from them.
    assert planned(models={"a": {}}, budget=1).space.models == (LOCAL_MODEL,)


def test_the_baseline_has_the_settings_of_its_entry() -> None:
    listed = [
        {
            "model": "a",
            "base_url": "http://h/v1",
            "price": [0, 0],
            "temperature": 0.3,
            "max_tokens": 64,
            "response_format": {"type": "json_object"},
        }
    ]
    plan = planned(models=listed)
    assert dict(plan.baseline) == {
        **dict(plan.baseline),
        "temperature": 0.3,
        "max_tokens": 64,
        "response_format": "json_object",
    }
    assert plan.identity["models"]["a"]["settings"]["temperature"] == [0.3]
