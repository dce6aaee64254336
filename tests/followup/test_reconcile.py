"""What a provider billed takes the place of what nobody knew, in the ledger, in the report and for
what follows.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.test_tuner_survival import (
    QUICK,
    ROWS,
    SPACE,
    WORLD,
    balance,
    hungry,
    options,
    run_and_stop,
)
from tune.commands.cli import main
from tune.errors import BudgetError, InputError, StudyError
from tune.fakes.faults import Fault
from tune.fakes.server import Server, fail_sometimes
from tune.followup.reconcile import reconcile
from tune.plan.read_options import read_options
from tune.pricing.prices import to_dollars, to_picodollars
from tune.store.database import Database
from tune.store.journal import Journal, read_events
from tune.tuner import run_study

PATIENT = replace(QUICK, silence=10.0)
"""On a busy machine every answer may be lost for a while: that is no endpoint that is down."""

LOST = fail_sometimes(
    0.2,
    [Fault("status", status=500), Fault("reset", billed=True), Fault("garbage")],
    seed=4,
)


def greedy_space() -> tune.Space:
    return tune.Space.from_mapping(SPACE)


def run(
    server: Server, folder: Path, *, budget: float = 0.004, **more: Any
) -> tune.Study:
    given: Any = options(server, folder, min_gain=0, **more)
    return run_study(
        read_options(
            data=WORLD.examples(ROWS), space=greedy_space(), budget=budget, **given
        ),
        retry=PATIENT,
    )


@pytest.fixture(scope="module")
def lossy_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server that loses answers, and a study of it with charges of unknown outcome."""
    with Server(world=WORLD, plan=LOST) as server:
        yield server, run(server, tmp_path_factory.mktemp("lossy"))


@pytest.fixture
def lossy(lossy_once: Any, tmp_path: Path) -> Any:
    """The server and the study, with a copy of its folder in this test's own."""
    shutil.copytree(lossy_once[1].folder, tmp_path / "study")
    return lossy_once


def test_the_ledger_the_report_and_the_summary_say_what_was_billed(
    lossy: Any, tmp_path: Path
) -> None:
    server, before = lossy
    assert before.record.money.uncertain > 0
    billed = to_dollars(server.bill)
    study = reconcile(tmp_path / "study", billed=billed)
    money = study.record.money
    assert (money.spent, money.settled, money.uncertain, money.spent_now) == (
        billed,
        billed,
        0.0,
        0.0,
    )
    assert money.left == pytest.approx(money.budget - billed)
    assert balance(tmp_path / "study").settled == server.bill
    assert balance(tmp_path / "study").uncertain == 0
    assert tune.Study.load(tmp_path / "study").summary() == study.summary()
    assert study.best.config == before.best.config
    best = json.loads((tmp_path / "study" / "best.json").read_text())
    assert "uncertain" not in json.dumps(best) or best.get("uncertain", 0) == 0


def test_it_can_be_done_again_with_a_better_figure(lossy: Any, tmp_path: Path) -> None:
    server, _ = lossy
    reconcile(tmp_path / "study", billed=0.001)
    assert balance(tmp_path / "study").settled == to_picodollars(0.001)
    reconcile(tmp_path / "study", billed=to_dollars(server.bill))
    assert balance(tmp_path / "study").settled == server.bill
    assert [e["event"] for e in read_events(tmp_path / "study" / "study.jsonl")].count(
        "reconciled"
    ) == 2


def test_a_bill_above_the_budget_is_booked_and_reported(
    lossy: Any, tmp_path: Path
) -> None:
    _, before = lossy
    study = reconcile(tmp_path / "study", billed=0.005)
    assert study.record.money.settled == 0.005
    assert study.record.money.left == 0.0
    assert study.record.money.overshoot == pytest.approx(
        0.005 - before.record.money.spent
    )


def test_what_was_freed_is_spent_by_the_same_command_where_money_had_ended_the_study(
    tmp_path: Path,
) -> None:
    with Server(world=WORLD) as server:
        server.plan = LOST
        study = run(server, tmp_path, budget=0.0015, strategy=hungry)
        assert study.stopped == "money"
        calls = len(server.posts)
        assert (
            run(server, tmp_path, budget=0.0015, strategy=hungry).record.money.spent_now
            == 0
        )
        assert len(server.posts) == calls
        freed = to_picodollars(study.record.money.spent) - server.bill
        assert freed > 0
        reconcile(tmp_path / "study", billed=to_dollars(server.bill))
        server.plan = lambda number, body: None
        more = run(server, tmp_path, budget=0.0015, strategy=hungry)
        assert more.record.money.spent_now > 0
        assert server.bill <= to_picodollars(0.0015)
        assert server.bill == to_picodollars(more.record.money.settled)
        calls = len(server.posts)
        assert (
            run(server, tmp_path, budget=0.0015, strategy=hungry).record.money.spent_now
            == 0
        )
        assert len(server.posts) == calls


def test_an_interrupted_study_is_reconciled_and_still_resumes(tmp_path: Path) -> None:
    with Server(world=WORLD, plan=LOST) as server:
        cut = run_and_stop(
            server, tmp_path, lambda progress: True, budget=0.004, min_gain=0
        )
        assert cut.stopped == "interrupted"
        reconcile(tmp_path / "study", billed=to_dollars(server.bill))
        bill = server.bill
        study = run(server, tmp_path)
        assert study.stopped != "interrupted"
        assert to_picodollars(study.record.money.spent) >= server.bill > bill


@pytest.mark.parametrize("billed", [-1.0, math.nan, math.inf])
def test_a_figure_that_cannot_be_is_refused(tmp_path: Path, billed: float) -> None:
    (tmp_path / "study.jsonl").write_text("")
    with pytest.raises(BudgetError, match="a bill is a number of dollars from 0 on"):
        reconcile(tmp_path, billed=billed)
    with pytest.raises(StudyError, match="there is no study in"):
        reconcile(tmp_path / "nowhere", billed=1.0)


def test_a_bill_of_millions_is_refused_and_changes_nothing(
    lossy: Any, tmp_path: Path
) -> None:
    before = balance(tmp_path / "study")
    with pytest.raises(BudgetError, match="1,000,000"):
        reconcile(tmp_path / "study", billed=1e9)
    assert balance(tmp_path / "study") == before


def test_a_study_without_a_result_one_that_runs_and_one_of_another_store_are_refused(
    lossy: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    with (
        Journal(folder / "study.jsonl"),
        pytest.raises(StudyError, match="another process is running"),
    ):
        reconcile(folder, billed=0.001)
    with pytest.raises(
        StudyError, match=r"there is no store '.*gone.db': give the --store"
    ):
        reconcile(folder, billed=0.001, store=str(tmp_path / "gone.db"))
    assert not (tmp_path / "gone.db").exists()
    Database(tmp_path / "other.db").close()
    with pytest.raises(StudyError, match="has no ledger of the study"):
        reconcile(folder, billed=0.001, store=str(tmp_path / "other.db"))
    (folder / "study.jsonl").write_bytes(
        (folder / "study.jsonl").read_bytes().splitlines(keepends=True)[0]
    )
    with pytest.raises(StudyError, match="has no result yet: run its command again"):
        reconcile(folder, billed=0.001)


def named(names: Any) -> Any:
    """Answers that get lost on the way, from a service that names its calls; some are billed, and
    some are not.
    """
    faults = [
        Fault("status", status=500, names=names, billed=True),
        Fault("garbage", names=names),
        Fault("truncated", names=names),
    ]
    return fail_sometimes(0.2, faults, seed=4)


@pytest.mark.parametrize("names", ["openrouter", "litellm"])
def test_services_that_tell_the_bill_of_a_call_are_asked_for_it(
    tmp_path: Path, names: str
) -> None:
    with Server(world=WORLD, plan=named(names), keys=["the-key"]) as server:
        before = run(server, tmp_path, models={"small": entry(server)})
        assert before.record.money.uncertain > 0
        study = reconcile(tmp_path / "study", key_env="BILL_KEY")
        assert study.record.money.uncertain == 0
        assert balance(tmp_path / "study").settled == pytest.approx(
            server.bill, abs=100
        )
        assert "settled at $" in study.record.notices[-1]
        assert (
            reconcile(tmp_path / "study")
            .record.notices[-1]
            .endswith("there is nothing to settle.")
        )


def entry(server: Server) -> dict[str, Any]:
    return {
        "base_url": server.base_url,
        "alias": "the service",
        "price": [0.1, 0.4],
        "key_env": "BILL_KEY",
    }


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILL_KEY", "the-key")


def test_what_no_service_tells_stays_charged_and_it_is_said_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = fail_sometimes(
        0.3,
        [
            Fault("garbage"),
            Fault("garbage", names="openrouter"),
            Fault("garbage", names="litellm"),
        ],
        seed=4,
    )
    with Server(world=WORLD, plan=plan) as server:
        run(server, tmp_path)
        for name in list(server.bills)[::2]:
            del server.bills[name]
        charged = balance(tmp_path / "study")
        folder = str(tmp_path / "study")
        assert main(["reconcile", folder, "--json"]) == 0
        record = json.loads(capsys.readouterr().out)
        said = record["notices"][-1]
        assert "no name of the call came back" in said
        assert "the service does not know the call or its bill, or not yet" in said
        assert "tune reconcile STUDY --billed USD settles them" in said
        now = balance(tmp_path / "study")
        assert 0 < now.uncertain < charged.uncertain
        assert now.settled > charged.settled
        assert sum(each["calls"] for each in record["uncertain_reasons"]) > 0
        assert (
            main(["reconcile", folder, "--billed", f"{to_dollars(server.bill):.12f}"])
            == 0
        )
        assert balance(tmp_path / "study").settled == server.bill
        assert "Reconciled: " not in capsys.readouterr().out


def test_a_bill_above_its_ceiling_is_booked_in_full(tmp_path: Path) -> None:
    with Server(world=WORLD, plan=named("openrouter")) as server:
        run(server, tmp_path)
        server.bills |= dict.fromkeys(server.bills, 0.01)
        study = reconcile(tmp_path / "study")
        assert study.record.money.overshoot > 0.009
        assert study.record.money.left == 0.0


def test_a_key_that_the_user_names_goes_to_a_strange_host_only_when_that_is_allowed(
    tmp_path: Path,
) -> None:
    with Server(world=WORLD, plan=named("openrouter"), keys=["the-key"]) as server:
        run(server, tmp_path, models={"small": entry(server)})
        events = [
            {
                **e,
                "identity": {
                    **e["identity"],
                    "models": {
                        "small": {"model": "small", "base_url": EVIL, "alias": "x"}
                    },
                },
            }
            if e["event"] == "study"
            else e
            for e in read_events(tmp_path / "study" / "study.jsonl")
        ]
        lines = "".join(f"{json.dumps(event)}\n" for event in events)
        (tmp_path / "study" / "study.jsonl").write_text(lines)
        with pytest.raises(
            InputError,
            match=r"the names of calls and the value of BILL_KEY to evil\.test",
        ):
            reconcile(tmp_path / "study", key_env="BILL_KEY")


EVIL = "https://evil.test/v1"


def test_a_store_beside_the_folder_is_found(tmp_path: Path) -> None:
    with Server(world=WORLD, plan=LOST) as server:
        run(server, tmp_path, store=str(tmp_path / "draws.db"))
        study = reconcile(tmp_path / "study", billed=to_dollars(server.bill))
    assert study.record.money.uncertain == 0


def test_the_command_says_the_corrected_study_and_bad_figures_are_one_line(
    lossy: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server, _ = lossy
    folder = str(tmp_path / "study")
    assert (
        main(
            [
                "reconcile",
                folder,
                "--billed",
                f"{to_dollars(server.bill):.12f}",
                "--json",
            ]
        )
        == 0
    )
    record = json.loads(capsys.readouterr().out)
    assert to_picodollars(record["spent"]) == server.bill
    assert record["uncertain"] == 0
    assert main(["reconcile", folder, "--billed", "-3"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert shown.err.startswith("tune: a bill is")
