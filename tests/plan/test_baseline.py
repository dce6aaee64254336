"""The configuration that a user has today."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.order import order
from tune.errors import SpaceError
from tune.plan.baseline import read_baseline
from tune.space import Config

PLAN = order(space={"stop": [["\n"], ["."]]})


def baseline(given: Any) -> Config:
    return read_baseline(given, PLAN.space, PLAN.prompts)


def test_without_one_it_is_the_first_model_with_the_shortest_template() -> None:
    found = baseline(None)
    assert (found.model, found.prompt, found.n, found.max_tokens) == (
        "small",
        "short",
        1,
        64,
    )


def test_settings_that_are_given_stay() -> None:
    found = baseline({"model": "large", "n": 3, "aggregate": "vote", "stop": "END"})
    assert (found.model, found.n, found.aggregate, found.stop) == (
        "large",
        3,
        "vote",
        ("END",),
    )


def test_of_one_answer_every_aggregate_is_the_first() -> None:
    assert baseline({"n": 1, "aggregate": "vote"}) == baseline({"n": 1})


def test_an_exported_file_has_it_under_config(tmp_path: Path) -> None:
    file = tmp_path / "best.json"
    file.write_text(json.dumps({"config": {"model": "large"}, "provenance": {}}))
    assert baseline(str(file)).model == "large"
    assert baseline('{"model": "large"}').model == "large"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"model": "other"}, "the model 'other'"),
        ({"prompt": "other"}, "the prompt 'other'"),
        ({"aggregate": "any"}, "knows the target"),
        ({"n": 0}, "n=0"),
        ("[]", "a JSON object of settings"),
        ("nowhere.json", "the baseline 'nowhere.json' cannot be read"),
    ],
)
def test_a_baseline_that_cannot_be_is_refused(given: Any, words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        baseline(given)
