"""Options that a journal keeps: an equal plan comes back, and no secret is among them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tune
from tune.errors import InputError
from tune.plan.kept_options import kept_options, read_kept
from tune.plan.make import make_plan
from tune.plan.read_options import read_options

ROWS = [{"text": f"t{i}", "label": "yes" if i % 3 else "no"} for i in range(40)]


def again(**given: Any) -> tuple[Any, Any, dict[str, Any]]:
    """The plan of some options, the plan of what is kept of them, and that."""
    options = read_options(budget=1.0, target="label", **given)
    plan = make_plan(options)
    event = {"kept": json.loads(json.dumps(kept_options(plan, options)))}
    told = {"data": given["data"]} if event["kept"]["missing"] else {}
    found = read_kept(event, Path("results/x"), told)
    found.pop("store", None)
    return plan, make_plan(read_options(**found, budget=1.0)), event["kept"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    place = tmp_path / "tickets.jsonl"
    place.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return place


SPACE = {"model": "m", "prompt": {"p": "Label: {text}"}, "temperature": [0, 1]}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"seed": 7, "holdout": 0.5, "by": "text", "goal": "cheapest", "margin": 0.1},
        {"metric": {"name": "contains", "ignore_case": False}},
        {"baseline": {"model": "m", "prompt": "p", "temperature": 1.0}},
        {"free": "none", "trials": 3, "max_cost_per_request": 0.5},
    ],
)
def test_an_equal_plan_comes_back(data: Path, more: dict[str, Any]) -> None:
    if "metric" in more:
        more = {"metric": "contains"}
    plan, found, _ = again(
        data=data, space=tune.Space(**SPACE), price="m=1/2+0.01", **more
    )
    assert found.identity == plan.identity
    assert found.by == plan.by
    assert found.content == plan.content


def test_a_file_is_found_from_every_folder(
    data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(data.parent)
    _, _, kept = again(data=data.name, space=tune.Space(**SPACE), price="m=1/2")
    assert kept["options"]["data"] == str(data.resolve())


def test_data_in_memory_is_missing_and_must_be_given_again(data: Path) -> None:
    plan, found, kept = again(data=ROWS, space=tune.Space(**SPACE), price="m=1/2")
    assert kept["missing"] == ["data"]
    assert found.identity == plan.identity
    with pytest.raises(InputError, match="say data again"):
        read_kept({"kept": kept}, Path("x"), {})


def test_no_secret_part_of_an_address_is_kept(data: Path) -> None:
    url = "https://user:secret-word@host.example/v1?key=secret-word"
    _, _, kept = again(
        data=data, space=tune.Space(**SPACE), price="m=1/2", base_url=url
    )
    assert "secret-word" not in json.dumps(kept)
    assert "host.example" in json.dumps(kept)


def test_a_journal_without_them_is_of_another_version() -> None:
    with pytest.raises(InputError, match="another version"):
        read_kept({}, Path("x"), {})


def make_prompt(row: dict[str, str]) -> str:
    return f"Label: {row['text']}"


def test_a_prompt_of_a_module_comes_back_and_a_lambda_must_be_given_again(
    data: Path,
) -> None:
    space = tune.Space(model="m", prompt=make_prompt)
    plan, found, kept = again(data=data, space=space, price="m=1/2")
    assert found.identity == plan.identity
    assert kept["missing"] == []
    space = tune.Space(model="m", prompt=lambda row: f"Label: {row['text']}")
    options = read_options(
        budget=1.0, target="label", data=data, space=space, price="m=1/2"
    )
    event = {"kept": kept_options(make_plan(options), options)}
    assert event["kept"]["missing"] == ["space"]
    assert "space" not in event["kept"]["options"]
    with pytest.raises(InputError, match="does not keep: say space again"):
        read_kept(event, Path("results/x"), {})
    assert read_kept(event, Path("results/x"), {"space": space})["space"] is space
