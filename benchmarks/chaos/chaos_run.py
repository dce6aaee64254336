"""One chaos run: a study whose server misbehaves and whose processes are killed.

The server's own bill shows what was really paid.

    reference = carry_out(ChaosRun("reference", TASKS["grid"], concurrency=8), folder)
    verdict = carry_out(ChaosRun("killed", TASKS["grid"], kills=(Kill(40),)), another)
    verdict.beyond        # draws that were paid again although the store held them: 0
    verdict.best == reference.best

A kill comes when its process has sent the given number of requests.
"""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.chaos.process import (
    AMPLE,
    LONGEST,
    TASKS,
    ChaosRun,
    Kill,
    StudyProcess,
    Task,
    answer_text,
)
from tune.completion import Message, Request
from tune.errors import TuneError
from tune.fakes.faults import Body, Fault
from tune.fakes.power_cut import cut_power
from tune.fakes.server import Server, fail_sometimes
from tune.pricing.prices import to_picodollars
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.journal import read_events
from tune.store.ledger_table import Balance, read_balance

__all__ = [
    "AMPLE",
    "TASKS",
    "ChaosRun",
    "Kill",
    "StoreState",
    "Task",
    "Verdict",
    "carry_out",
    "read_store",
]

LOST = frozenset(
    {"status", "hang", "reset", "garbage", "truncated", "no_choices", "error_in_200"}
)
"""Faults after which nobody has an answer, billed or not."""

DISHONEST = frozenset({"no_usage", "usage", "first_usage"})
"""Faults that misstate what is billed, so that the ledger holds bounds instead of the bill."""

QUIET = 0.1
"""Seconds in which a server gets no request any more, once those of a dead process are answered."""

SHORT = frozenset({"first_usage"})
"""The faults among them that state less than the bill, as some honest services do.

The ledger may then be below the bill.
"""


@dataclass
class Verdict:
    """The outcome of a run. Money is in picodollars.

    All but the ledger's own figures are from the server's bill.

    Attributes:
        cuts: kills with a power cut.
        torn: bytes of the store's log that the power cuts took.
        ended: the end of each process: why the study stopped, "killed", or the error's text.
        overshoot: the largest amount by which the bill was above the budget of the moment.
        again: draws that were billed and answered twice.
        in_flight: attempts that were under way when a process was killed, as the ledger has them.
        unknown: all attempts of unknown outcome: those under way at a kill, those that a second
            Ctrl-C gave up, and lost answers.
        beyond: draws that were paid again although the store held them, or twice by one process.
        best: the selected configuration.
        wrong: every other broken promise, as text.
    """

    kind: str
    ended: list[str] = field(default_factory=list)
    kills: int = 0
    cuts: int = 0
    torn: int = 0
    interrupts: int = 0
    requests: int = 0
    faults: int = 0
    peak: int = 0
    bill: int = 0
    budget: int = 0
    settled: int = 0
    uncertain: int = 0
    ledger_overshoot: int = 0
    overshoot: int = 0
    again: int = 0
    in_flight: int = 0
    unknown: int = 0
    beyond: int = 0
    best: dict[str, Any] | None = None
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


@dataclass
class StoreState:
    """The store of a study on disk: its balance, the numbers of the attempts under way, the seeds of
    its draws.
    """

    balance: Balance
    under_way: set[int]
    unknown: int
    seeds: set[int]
    sound: bool


def read_store(folder: Path) -> StoreState | None:
    """Read a store that nobody has open; None where there is none yet."""
    store, journal = folder / "study" / "draws.db", folder / "study" / "study.jsonl"
    events = read_events(journal) if journal.exists() else []
    if not store.exists() or not events:
        return None
    db = Database(store)
    try:
        balance = read_balance(db, events[0]["id"])
        states = dict(db.rows("SELECT state, count(*) FROM attempts GROUP BY state"))
        under_way = {
            number
            for (number,) in db.rows("SELECT id FROM attempts WHERE state = 'reserved'")
        }
        seeds = {
            _request(draw.request).seed(draw.number) for draw in Store(db).records()
        }
        sound = db.rows("PRAGMA integrity_check") == [("ok",)]
    finally:
        db.close()
    return (
        None
        if balance is None
        else StoreState(balance, under_way, states.get("uncertain", 0), seeds, sound)
    )


def _request(canonical: str) -> Request:
    record = json.loads(canonical)
    prompt = (
        record["text"]
        if "text" in record
        else tuple(Message(*each) for each in record["messages"])
    )
    settings = tuple(sorted(record.get("settings", {}).items()))
    return Request(
        record["service"],
        record["model"],
        prompt,
        record["max_tokens"],
        tuple(record.get("stop", ())),
        settings,
    )


class _Meter:
    """A meter that follows the server's bill from process to process."""

    def __init__(self, server: Server, met: dict[int, Fault]) -> None:
        self.server, self.met = server, met
        self._counted = 0
        self._answered: dict[int, int] = {}
        self._held: set[int] = set()
        # A process that is killed before it opens the store leaves the attempts of the one before
        # as they were.
        self.under_way: set[int] = set()
        self.again = self.beyond = 0

    def read(self, stored: StoreState | None) -> None:
        """Add what was charged since the last reading, and note which draws the store holds now."""
        bodies = {seen.number: seen.body for seen in self.server.posts}
        fresh: set[int] = set()
        for charge in self.server.charges[self._counted :]:
            seed = bodies[charge.number]["seed"]
            fault = self.met.get(charge.number)
            self.beyond += seed in self._held or seed in fresh
            if charge.delivered and not (fault and fault.kind in LOST):
                self.again += seed in self._answered
                self._answered[seed] = charge.picodollars
                fresh.add(seed)
        self._counted = len(self.server.charges)
        self._held = stored.seeds if stored is not None else set()
        if stored is not None:
            self.under_way |= stored.under_way

    def worth_of_held(self) -> int:
        """Return the picodollars that the server charged for the answers in the store."""
        return sum(cost for seed, cost in self._answered.items() if seed in self._held)


def carry_out(run: ChaosRun, folder: Path) -> Verdict:
    """Start one process after the other until the study has ended with its last budget."""
    folder.mkdir(parents=True, exist_ok=True)
    verdict, began = Verdict(run.kind), time.monotonic()
    met: dict[int, Fault] = {}
    rng = random.Random(run.seed)
    up = [run.outage is None]
    usual = fail_sometimes(run.share, run.faults, seed=run.seed, until=run.until)

    def plan(number: int, body: Body) -> Fault | None:
        down = run.outage is not None and not up[0] and number >= run.outage
        fault = Fault("status", status=503) if down else usual(number, body)
        if fault is not None:
            met[number] = fault
        return fault

    with Server(
        run.task.models, world=answer_text, plan=plan, seconds=run.seconds
    ) as server:
        meter, kills = _Meter(server, met), iter(run.kills)
        for budget in run.budgets:
            verdict.budget = to_picodollars(budget)
            for process in _processes(run, budget, server, folder):
                kill = next(kills, None)
                _wait(process, kill, server, verdict)
                if kill is not None and kill.cut and process.code == -signal.SIGKILL:
                    verdict.cuts += 1
                    verdict.torn += cut_power(folder / "study" / "draws.db", rng)
                stored = _compare_with_bill(folder, server, meter, verdict)
                if (
                    _study_ended(process, verdict)
                    or verdict.wrong
                    or len(verdict.ended) > len(run.kills) + 4
                ):
                    break
                up[0] = up[0] or not verdict.ended[-1].startswith("killed")
        verdict.requests, verdict.peak, verdict.faults = (
            len(server.posts),
            server.peak,
            len(met),
        )
        verdict.bill, verdict.again, verdict.beyond = (
            server.bill,
            meter.again,
            meter.beyond,
        )
        verdict.in_flight = len(meter.under_way)
        verdict.wrong += _broken_promises(run, folder, verdict, meter, stored)
    verdict.seconds = time.monotonic() - began
    return verdict


def _processes(
    run: ChaosRun, budget: float, server: Server, folder: Path
) -> Iterator[StudyProcess]:
    while True:
        yield StudyProcess(run, budget, server.base_url, folder)


def _wait(
    process: StudyProcess, kill: Kill | None, server: Server, verdict: Verdict
) -> None:
    """Wait until a process ends, and kill it when its kill is due."""
    began, before = time.monotonic(), len(server.requests)
    while process.code is None and time.monotonic() - began < LONGEST:
        if kill is not None and len(server.requests) - before >= kill.at:
            time.sleep(kill.after)
            process.send(kill.signal)
            if kill.twice:
                time.sleep(0.003)
                process.send(kill.signal)
            kill = None
        time.sleep(0.001)
    if process.code is None:
        verdict.wrong.append(f"a process did not end within {LONGEST:g} s")
        process.send(signal.SIGKILL)
        while process.code is None:
            time.sleep(0.01)


def _compare_with_bill(
    folder: Path, server: Server, meter: _Meter, verdict: Verdict
) -> StoreState | None:
    """Compare the store with the server's bill between two processes."""
    _wait_for_quiet(server)
    try:
        stored = read_store(folder)
    except (TuneError, sqlite3.Error) as error:
        verdict.wrong.append(f"the store cannot be read: {error}")
        return None
    meter.read(stored)
    verdict.overshoot = max(verdict.overshoot, server.bill - verdict.budget)
    if stored is not None:
        balance = stored.balance
        if not stored.sound:
            verdict.wrong.append("the store is damaged")
        # The overshoot is 0 unless the server bills above the cap.
        if balance.spent + balance.reserved - balance.overshoot > balance.budget:
            verdict.wrong.append(f"the ledger has more than the budget: {balance}")
    return stored


def _wait_for_quiet(server: Server) -> None:
    """Wait until the server has answered what a dead process sent: it is billed like the rest."""
    longest, calm = time.monotonic() + 10, time.monotonic()
    seen = len(server.requests)
    # Requests may still lie unread where the system keeps them, so one look is not enough.
    while time.monotonic() < min(calm + QUIET, longest):
        if server.at_once or len(server.requests) > seen:
            seen, calm = len(server.requests), time.monotonic()
        time.sleep(0.002)


def _study_ended(process: StudyProcess, verdict: Verdict) -> bool:
    """Tell whether the study has ended with this process."""
    if process.code == -signal.SIGKILL:
        verdict.ended.append("killed")
        verdict.kills += 1
        return False
    end = process.end()
    verdict.interrupts += end.get("stopped") == "interrupted"
    verdict.ended.append(end.get("error") or end["stopped"])
    verdict.best = end.get("best")
    return "error" not in end and end["stopped"] != "interrupted"


def _broken_promises(  # noqa: C901 - one branch for each promise
    run: ChaosRun,
    folder: Path,
    verdict: Verdict,
    meter: _Meter,
    stored: StoreState | None,
) -> Iterator[str]:
    """Yield every broken promise of a study that has ended."""
    if stored is None:
        yield "there is no store"
        return
    balance = stored.balance
    verdict.settled, verdict.uncertain = balance.settled, balance.uncertain
    verdict.ledger_overshoot, verdict.unknown = balance.overshoot, stored.unknown
    if verdict.again > stored.unknown:
        yield f"{verdict.again} answers were billed twice, but only {stored.unknown} attempts are of unknown outcome"
    if verdict.ended[-1] in ("killed", "interrupted"):
        yield f"the study did not end: {verdict.ended}"
    if balance.reserved:
        yield f"{balance.reserved} are still reserved"
    kinds = {fault.kind for fault in run.faults}
    kinds |= {
        model.fault.kind
        for model in run.task.models.values()
        if model.fault is not None
    }
    if not kinds & DISHONEST:
        worth = meter.worth_of_held()
        if balance.settled != worth:
            yield f"settled {balance.settled}, but the answers held were billed at {worth}"
        if balance.spent < meter.server.bill:
            yield f"settled and uncertain are {balance.spent}, but {meter.server.bill} were billed"
    elif balance.settled < meter.worth_of_held() and not kinds & SHORT:
        yield f"settled {balance.settled} is less than {meter.worth_of_held()}, the cost of the answers held"
    if (
        "Traceback" in (text := (folder / "stderr.txt").read_text())
        and "tune.errors." not in text
    ):
        yield f"a traceback: {text.strip().splitlines()[-1]}"
    names = {path.name for path in (folder / "study").iterdir()}
    if verdict.best is not None and not names >= {
        "report.md",
        "report.html",
        "best.json",
        "trials.csv",
        "study.jsonl",
    }:
        yield f"files of the study are missing: there are only {sorted(names)}"
    if any(name.endswith(".part") for name in names):
        yield "half a file was left"
