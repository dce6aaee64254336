"""The identity of a study: it changes with exactly the options that declare it."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from tune.plan.identity import study_identity
from tune.plan.make import make_plan
from tune.plan.options import Options, identity_names
from tune.plan.plan import Plan
from tune.plan.read_options import read_options
from tune.pricing.prices import Price

ROWS = [
    {
        "id": str(i),
        "text": f"ticket {i}",
        "title": f"title {i}",
        "label": "ab"[i % 2],
        "kind": "ba"[i % 2],
        "customer": f"c{i // 4}",
        "side": ("train", "test")[i % 2],
    }
    for i in range(40)
]
SPACE: dict[str, Any] = {
    "space": {
        "model": ["m", "other"],
        "prompt": {"short": "{text}", "long": "Please label this ticket: {text}"},
        "temperature": {"low": 0.0, "high": 1.0},
        "max_tokens": [8, 16],
    }
}
GIVEN: dict[str, Any] = {
    "data": ROWS,
    "space": SPACE,
    "budget": 1.0,
    "target": "label",
    "price": {"m": Price(1.0, 2.0), "other": Price(1.0, 2.0)},
}


def judge(answer: str, example: object) -> float:
    """A verifier of the user's own."""
    return float(len(answer))


OTHER: dict[str, dict[str, Any]] = {
    "budget": {"budget": 2.0},
    "data": {"data": ROWS[:-4]},
    "input": {"input": ["text", "title"]},
    "target": {"target": "kind"},
    "metric": {"metric": "contains"},
    "allow_code": {"allow_code": True},
    "holdout": {"holdout": 0.3},
    "split": {"split": "side"},
    "group": {"group": "customer"},
    "by": {"by": "customer"},
    "space": {"space": {"space": {**SPACE["space"], "max_tokens": [8, 32]}}},
    "model": {"model": ["m"]},
    "models": {"models": {"m": {"model": "m-2", "price": [3, 4]}}},
    "filter_dict": {
        "models": [{"model": "m", "temperature": 0.5, "tags": ["t"]}, {"model": "m"}],
        "filter_dict": {"tags": ["t"]},
    },
    "base_url": {"base_url": "http://127.0.0.1:9/v1"},
    "key_env": {"key_env": "OTHER_KEY"},
    "allow_http": {"allow_http": True},
    "price": {"price": {"m": Price(1.0, 3.0), "other": Price(1.0, 2.0)}},
    "output_tokens": {"output_tokens": 12},
    "max_cost_per_request": {"max_cost_per_request": 0.1},
    "max_seconds_per_request": {"max_seconds_per_request": 3.0},
    "goal": {"goal": "frontier"},
    "min_quality": {"goal": "cheapest", "min_quality": 0.5},
    "margin": {"goal": "cheapest", "margin": 0.1},
    "baseline": {"baseline": {"prompt": "long"}},
    "searcher": {"searcher": "grid"},
    "strategy": {"strategy": "full"},
    "free": {"free": ["n"]},
    "verifier": {"verifier": judge},
    "seed": {"seed": 1},
    "concurrency": {"concurrency": 3},
    "time_limit": {"time_limit": 60.0},
    "min_gain": {"min_gain": 1.0},
    "splits": {"splits": 10},
    "trials": {"trials": 7},
    "results": {"results": "elsewhere"},
    "store": {"store": "elsewhere.db"},
    "warm_start": {"warm_start": True},
    "fresh": {"fresh": True},
    "keep_going": {"keep_going": True},
    "no_content": {"no_content": True},
    "explain": {"explain": True},
    "quiet": {"quiet": True},
    "log_format": {"log_format": "json"},
    "observer": {"observer": print},
}
"""For each option another value, with the other options that it needs."""

IDENTITY = {one.name: one.metadata["about"].identity for one in fields(Options)}


def plan(**given: Any) -> Plan:
    return make_plan(read_options(**{**GIVEN, **given}))


def test_every_option_is_tried() -> None:
    assert set(OTHER) == set(IDENTITY)


@pytest.mark.parametrize("name", OTHER)
def test_the_identity_changes_with_the_options_that_declare_it(name: str) -> None:
    before, after = plan().identity, plan(**OTHER[name]).identity
    changed = {entry for entry in before if before[entry] != after[entry]}
    if not IDENTITY[name]:
        assert changed == set()
    else:
        assert changed & set(IDENTITY[name])


def test_the_identity_has_the_declared_entries_and_no_other() -> None:
    made = plan()
    options = read_options(**GIVEN)
    assert tuple(made.identity) == identity_names()
    assert study_identity(made, options).keys() == made.identity.keys()


def test_the_identity_is_in_the_types_of_json() -> None:
    identity = dict(plan(verifier=judge, searcher="grid").identity)
    assert json.loads(json.dumps(identity)) == identity
    assert identity["verifier"] == f"{__name__}:judge"


def test_another_verifier_in_the_same_folder_is_another_study(tmp_path: Path) -> None:
    class Verifier:
        def __call__(self, answer: str, example: object) -> float:
            return 0.0

    one, other = plan(verifier=judge).identity, plan(verifier=Verifier()).identity
    assert one["verifier"] != other["verifier"]
    assert str(other["verifier"]).endswith("Verifier")


def test_the_goal_suggests_a_strategy() -> None:
    assert plan().identity["strategy"] == "knowledge_gradient"
    assert plan(goal="cheapest", margin=0.1).identity["strategy"] == "halving"
    assert (
        plan(goal="cheapest", margin=0.1, strategy="full").identity["strategy"]
        == "full"
    )


def test_a_fee_of_a_request_is_part_of_the_price() -> None:
    prices = {"m": Price(1.0, 2.0, request=0.001), "other": Price(1.0, 2.0)}
    assert plan(price=prices).identity["prices"] == {
        "m": [1.0, 2.0, 0.001],
        "other": [1.0, 2.0],
    }
