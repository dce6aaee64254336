"""Whole runs against services that bill as real ones do: the ledger equals the bill, and the bill
stays in the budget.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.support.fixtures import PROMPTS
from tune.fakes.faults import Fault, Model
from tune.fakes.server import Server, fail_every
from tune.fakes.world import LabelledWorld
from tune.pricing.prices import to_picodollars
from tune.store.database import Database
from tune.store.journal import read_events
from tune.store.ledger_table import Balance, read_balance

WORLD = LabelledWorld(models={"small": 0.6})
SPACE: dict[str, Any] = {
    "space": {
        "model": ["small"],
        "prompt": PROMPTS,
        "n": [1, 3],
        "max_tokens": [64],
        "aggregate": ["first", "vote"],
    },
    "answer": {"labels": list(WORLD.labels)},
}
BUDGET = 0.002


def run(
    model: Model, folder: Path, plan: Any = None
) -> tuple[tune.Study, Balance, int]:
    """A study with this model, what its ledger says, and the server's own bill."""
    with Server({"small": model}, world=WORLD, plan=plan) as server:
        entry = {
            "base_url": server.base_url,
            "alias": "the service",
            "price": [0.1, 0.4],
        }
        study = tune.tune(
            WORLD.examples(16),
            tune.Space.from_mapping(SPACE),
            budget=BUDGET,
            target="label",
            models={"small": entry},
            results=folder / "study",
            searcher="random",
        )
        bill = server.bill
    with contextlib.closing(Database(folder / "study" / "draws.db")) as db:
        found = read_balance(db, read_events(folder / "study" / "study.jsonl")[0]["id"])
    assert found is not None
    return study, found, bill


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (Model(reasoning=20), ""),
        (
            Model(reasoning=20, counts="beside"),
            "read as the larger bill: total tokens are",
        ),
        (
            Model(reasoning=20, counts="total"),
            "read as the larger bill: total tokens are",
        ),
        (Model(own_bill="cost"), ""),
        (Model(own_bill="cost_in_usd_ticks"), ""),
        (Model(own_bill="cost", markup=2), "the larger bill is booked: it bills $"),
        (
            Model(own_bill="cost_in_usd_ticks", markup=2),
            "the larger bill is booked: it bills $",
        ),
        # Priority is billed at twice the price, and nothing but the tier says so.
        (
            Model(tier="priority", markup=2),
            "the larger bill is booked: the tier 'priority' answered, at $0.20 in, $0.80 out",
        ),
    ],
    ids=str,
)
def test_the_ledger_equals_the_bill_of_every_way_of_counting(
    model: Model, told: str, tmp_path: Path
) -> None:
    study, balance, bill = run(model, tmp_path)
    assert balance.settled == bill <= to_picodollars(BUDGET)
    assert (balance.uncertain, balance.overshoot) == (0, 0)
    said = " ".join(study.record.notices)
    assert told in said
    assert ("bill" in said) == bool(told)


@pytest.mark.parametrize("billed", [True, False])
def test_refused_prompts_that_may_be_billed_are_shown_apart(
    billed: bool, tmp_path: Path
) -> None:
    _, balance, bill = run(
        Model(), tmp_path, fail_every(7, Fault("refused_content", billed=billed))
    )
    assert balance.uncertain > 0
    assert (
        balance.settled
        <= bill
        <= balance.settled + balance.uncertain
        <= to_picodollars(BUDGET)
    )
    assert (balance.settled == bill) == (not billed)


def test_a_server_that_cuts_prompts_is_told_once(tmp_path: Path) -> None:
    study, balance, bill = run(Model(reads=5), tmp_path)
    assert balance.settled == bill
    told = [
        notice
        for notice in study.record.notices
        if "read only a part of what was sent" in notice
    ]
    assert len(told) == 1
    assert "was counted as 5 tokens" in told[0]
    assert "num_ctx" in told[0]


def test_a_service_that_counts_the_first_choice_alone_never_bills_more_than_is_booked(
    tmp_path: Path,
) -> None:
    study, balance, bill = run(Model(fault=Fault("first_usage")), tmp_path)
    assert bill <= balance.settled <= to_picodollars(BUDGET)
    assert "the first choice alone" in " ".join(study.record.notices)
