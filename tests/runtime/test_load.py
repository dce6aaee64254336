"""What cannot be loaded is refused in one sentence, before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.support.checks import export
from tune.errors import InputError, PriceError, StudyError
from tune.fakes.server import Server
from tune.providers.trusted_hosts import remember_hosts
from tune.runtime.recorded import Given, read_config


@pytest.fixture(autouse=True)
def own_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))


def foreign(server: Server, folder: Path, old: str, new: str) -> Path:
    path = export(folder, server)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_a_file_or_its_folder_is_loaded_and_nothing_is_sent(
    server: Server, tmp_path: Path
) -> None:
    path = export(tmp_path, server)
    for place in (path, str(path), path.parent, [path, path]):
        tune.load(place)
    assert server.requests == []
    assert sorted(one.name for one in path.parent.iterdir()) == ["best.json"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeout": 0}, "timeout > 0"),
        ({"attempts": 0}, "attempts > 0"),
        ({"daily_budget": -1.0}, "daily budget"),
        ({"daily_budget": float("nan")}, "daily budget"),
        ({"temperature": 1.0}, "there is no option 'temperature'"),
        ({"config_list": []}, "config_list has no entry"),
        (
            {"config_list": '[{"model": "m", "api_key": "x"}]'},
            "a key stands in the list",
        ),
        ({"config_list": "nowhere.json"}, "nowhere.json"),
    ],
)
def test_an_option_that_cannot_be_is_refused(
    server: Server, tmp_path: Path, options: Any, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        tune.load(export(tmp_path, server), **options)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="cannot be read"):
        tune.load(tmp_path / "best.json")
    with pytest.raises(InputError, match="nothing to load"):
        tune.load([])


def test_a_missing_key_is_named_when_it_is_loaded(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = export(tmp_path, server)
    monkeypatch.delenv("VLLM_KEY", raising=False)
    mine: Any = {"key_env": "VLLM_KEY", "allow_host": ["127.0.0.1"]}
    with pytest.raises(InputError, match="set the environment variable VLLM_KEY"):
        tune.load(path, **mine)
    monkeypatch.setenv("VLLM_KEY", "v-1")
    tune.load(path, **mine)


def test_the_host_in_somebody_elses_file_is_confirmed_once(
    server: Server, tmp_path: Path
) -> None:
    host = server.base_url.removeprefix("http://").partition("/")[0]
    path = foreign(server, tmp_path, server.base_url, "https://elsewhere.example/v1")
    assert host not in path.read_text()
    with pytest.raises(InputError, match=r"what it is asked to elsewhere\.example"):
        tune.load(path)
    asked: list[str] = []

    def agree(question: str) -> bool:
        asked.append(question)
        return True

    tune.load(path, confirm=agree)
    tune.load(path, confirm=agree)
    assert len(asked) == 1


def test_a_host_that_the_user_names_needs_no_question(
    server: Server, tmp_path: Path
) -> None:
    path = foreign(server, tmp_path, server.base_url, "https://elsewhere.example/v1")
    tune.load(path, base_url=server.base_url)
    tune.load(path, [{"model": "small", "base_url": server.base_url}])
    remember_hosts([read_config(path, Given()).entry])
    tune.load(path)


def test_a_daily_budget_needs_a_price(server: Server, tmp_path: Path) -> None:
    path = export(tmp_path, server)
    entry = {"model": "other", "base_url": server.base_url}
    tune.load(path, [entry])
    # The recorded model has its recorded price.
    tune.load(path, [entry | {"model": "small"}], daily_budget=1.0)
    with pytest.raises(PriceError, match="a daily budget needs one"):
        tune.load(path, [entry], daily_budget=1.0)
    tune.load(path, [entry | {"price": [0.0001, 0.0004]}], daily_budget=1.0)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("interrupted", True, "was interrupted"),
        ("keeps_limit", False, "keeps its limits"),
    ],
)
def test_what_a_user_must_not_miss_is_a_warning(
    server: Server, tmp_path: Path, field: str, value: bool, words: str
) -> None:
    path = export(tmp_path, server)
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, field: value}))
    with pytest.warns(UserWarning, match=words):
        tune.load([path, path])


def test_a_config_list_may_be_a_file_or_a_variable_as_everywhere(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = export(tmp_path, server)
    listed = tmp_path / "OAI_CONFIG_LIST"
    entry = {"model": "small", "base_url": server.base_url, "api_key": "in-memory-1"}
    listed.write_text(json.dumps([entry]))
    monkeypatch.setenv("MY_LIST", str(listed))
    for given in (listed, str(listed), "MY_LIST"):
        with tune.load(path, given) as tuned:
            tuned(text="Ticket")
    assert "in-memory-1" not in repr(tuned)
    assert all("authorization" in one.headers for one in server.requests)


@pytest.mark.parametrize("path", [None, 5, [None], {"best.json": 1}])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(InputError, match="or a results folder is wanted"):
        tune.load(path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"concurrency": "many"}, "`concurrency > 0` must hold"),
        ({"daily_budget": "5"}, "daily budget is a number"),
        ({"accept": "module:check"}, "a callable that takes an answer"),
        ({"price": 3}, "IN/OUT"),
    ],
)
def test_an_option_of_another_kind_is_refused_in_one_sentence(
    server: Server, tmp_path: Path, options: Any, words: str
) -> None:
    with pytest.raises(InputError, match=words) as refused:
        tune.load(export(tmp_path, server), **options)
    assert "damaged" not in str(refused.value)


def test_another_format_and_the_oracle_are_refused_before_anything_is_sent(
    server: Server, tmp_path: Path
) -> None:
    path = export(tmp_path, server, n=5, aggregate="any")
    with pytest.raises(InputError, match="knows the right answers"):
        tune.load(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(StudyError, match="has format 99, and this version of tune"):
        tune.load(path)
    assert server.requests == []
