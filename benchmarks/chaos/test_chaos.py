"""A few chaos runs keep every promise, and a broken promise would be noticed."""

from __future__ import annotations

import json
import random
import urllib.request
from pathlib import Path

import pytest

from benchmarks.chaos import __main__ as chaos
from benchmarks.chaos.chaos_run import (
    AMPLE,
    TASKS,
    ChaosRun,
    Kill,
    StoreState,
    Verdict,
    _Meter,
    carry_out,
)
from tune.fakes.faults import Fault
from tune.fakes.server import Server
from tune.store.ledger_table import Balance

pytestmark = pytest.mark.filterwarnings("ignore")


def test_a_few_studies_keep_every_promise() -> None:
    rows = chaos.chaos(
        1, 6, 0, cuts=2, workers=1, tasks=chaos.QUICK_TASKS, kinds=chaos.QUICK_KINDS
    )
    kept = [row for row in rows if row.run.kind != chaos.OVERBILLED]
    for row in kept:
        verdict = row.verdict
        assert verdict.overshoot <= 0, row
        assert verdict.beyond == 0, row
        assert not row.did_not_end, row
        assert not row.other_best, row
        assert not row.failed, row
        assert verdict.wrong == [], row
        assert verdict.again <= verdict.unknown, row
        assert verdict.unknown >= verdict.in_flight, row
    assert sum(row.verdict.kills for row in kept) >= 3
    assert sum(row.verdict.cuts for row in kept) >= 1
    assert sum(row.verdict.faults for row in kept) >= 10
    assert len({row.run.kind for row in kept}) == len(chaos.QUICK_KINDS) + 1


def test_the_plan_follows_from_the_seed_and_has_all_kinds_and_widths() -> None:
    calls = dict.fromkeys(TASKS, 250)
    plans = [
        chaos.draw_plan(330, 170, 70, random.Random(seed), calls, tuple(chaos.KINDS))
        for seed in (0, 0, 1)
    ]
    assert plans[0] == plans[1] != plans[2]
    runs = [run for _, run in plans[0]]
    assert len(runs) >= 300
    assert sum(chaos.VENDOR in run.kind for run in runs) >= 60
    assert sum(kill.cut for run in runs for kill in run.kills) >= 60
    assert {run.kind for run in runs} == set(chaos.KINDS)
    assert {run.concurrency for run in runs} == set(chaos.WIDTHS)
    assert 150 <= sum(not kill.cut for run in runs for kill in run.kills) <= 220
    assert all(run.budgets == (AMPLE,) for run in runs if run.kind in chaos.SAME_BEST)
    assert {run.task for run in runs if not run.vendor} == set(TASKS.values())


def test_the_meter_notices_what_is_paid_again() -> None:
    with Server(TASKS["grid"].models) as server:
        meter = _Meter(server, {})
        post(server, 1)
        post(server, 2)
        meter.read(stored(1))
        assert (meter.again, meter.beyond) == (0, 0)
        post(server, 2)  # it was under way when the process was killed
        meter.read(stored(1, 2))
        assert (meter.again, meter.beyond) == (1, 0)
        post(server, 1)  # it was held
        post(server, 3)
        post(server, 3)  # by one process
        meter.read(stored(1, 2, 3))
        assert (meter.again, meter.beyond) == (3, 2)
        assert meter.worth_of_held() * 2 == server.bill


def test_lost_answers_that_are_billed_are_no_draws_paid_again() -> None:
    lost = Fault("truncated")
    with Server(
        TASKS["grid"].models, plan=lambda number, _: lost if number == 0 else None
    ) as server:
        meter = _Meter(server, {0: lost})
        post(server, 1)
        post(server, 1)
        meter.read(stored(1))
        assert (meter.again, meter.beyond) == (0, 0)


def stored(*seeds: int) -> StoreState:
    return StoreState(Balance(10**12, 0, 0, 0, 0, 0), set(), 0, set(seeds), sound=True)


def post(server: Server, seed: int) -> None:
    body = {
        "model": "small",
        "messages": [{"role": "user", "content": "Ticket #1"}],
        "max_tokens": 4,
        "seed": seed,
    }
    request = urllib.request.Request(
        f"{server.base_url}/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        answer.read()


@pytest.mark.parametrize(
    ("verdict", "sound"),
    [
        (Verdict("calm", ended=["finished"]), True),
        (Verdict("calm", ended=["finished"], overshoot=1), False),
        (Verdict("calm", ended=["finished"], beyond=1), False),
        (Verdict("calm", ended=["killed"]), False),
        (Verdict("calm", ended=["EndpointError: down"]), False),
        (Verdict("calm", ended=["finished"], wrong=["a traceback"]), False),
    ],
)
def test_a_row_is_sound_only_if_everything_is(verdict: Verdict, sound: bool) -> None:
    run = ChaosRun("calm", TASKS["grid"])
    assert chaos.Row(0, "grid", run, verdict, other_best=False).sound == sound
    assert not chaos.Row(0, "grid", run, verdict, other_best=True).sound


def test_a_process_that_never_ends_is_noticed_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.chaos.chaos_run.LONGEST", 1.0)
    verdict = carry_out(ChaosRun("stuck", TASKS["grid"], seconds=2.0), tmp_path)
    assert verdict.wrong[0] == "a process did not end within 1 s"
    assert verdict.ended == ["killed"]


def test_a_kill_comes_at_its_request(tmp_path: Path) -> None:
    verdict = carry_out(
        ChaosRun(
            "killed",
            TASKS["full"],
            kills=(Kill(0), Kill(30)),
            concurrency=4,
            seconds=0.01,
        ),
        tmp_path,
    )
    assert verdict.kills == 2
    assert verdict.ended[:2] == ["killed", "killed"]
    assert verdict.wrong == []


def test_the_result_is_written_with_all_its_tables(tmp_path: Path) -> None:
    kinds = (*chaos.KINDS, chaos.OVERBILLED)
    rows = [
        chaos.Row(
            i,
            "grid",
            ChaosRun(kind, TASKS["grid"]),
            Verdict(kind, ended=["money"], bill=10**9),
            other_best=False,
        )
        for i, kind in enumerate(kinds)
    ]
    chaos.write_result(tmp_path / "chaos.md", rows, "--seed 0", 60.0)
    text = (tmp_path / "chaos.md").read_text()
    assert all(f"| {kind} |" in text for kind in chaos.KINDS)
    assert (
        f"{len(chaos.KINDS)} of {len(chaos.KINDS)} studies kept every promise" in text
    )
    assert "| **studies whose bill was above the budget at any time** | 0 |" in text
