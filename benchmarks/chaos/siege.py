"""One study under siege: its server misbehaves, its processes are killed, and the server's own bill
is the judge.

    reference = lay(Siege("reference", TASKS["grid"], concurrency=8), folder)
    verdict = lay(Siege("killed", TASKS["grid"], blows=(Blow(40), Blow(25, after=0.01))), another)
    verdict.beyond        # draws that were paid again although the store held them: 0
    verdict.best == reference.best

A blow falls once its process has sent so many requests.
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

from benchmarks.chaos.life import AMPLE, LONGEST, TASKS, Blow, Life, Siege, Task, speak
from tests.support.powercut import cut
from tune.completion import Message, Request
from tune.errors import TuneError
from tune.fakes.faults import Body, Fault
from tune.fakes.server import Server, fail_sometimes
from tune.pricing.prices import to_picodollars
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.journal import read_events
from tune.store.ledger import Balance, read_balance

__all__ = [
    "AMPLE",
    "TASKS",
    "Blow",
    "Books",
    "Siege",
    "Task",
    "Verdict",
    "lay",
    "read_books",
]

LOST = frozenset(
    {"status", "hang", "reset", "garbage", "truncated", "no_choices", "error_in_200"}
)
"""Faults after which nobody has an answer, billed or not."""

DISHONEST = frozenset({"no_usage", "usage", "first_usage"})
"""Faults that misstate what is billed, so that the ledger holds bounds instead of the bill."""

SHORT = frozenset({"first_usage"})
"""Those of them that state less, in a way that honest services have too, so that the ledger may be
below the bill.
"""


@dataclass
class Verdict:
    """What a siege came to. Money is in picodollars; all but the ledger's own figures are from the
    server's meter.

    Attributes:
        cuts: kills at which the power failed as well.
        torn: bytes of the store's log that these took.
        ended: how each process ended: why the study stopped, "killed", or the error's words.
        overshoot: the most by which the bill was above the budget of the moment.
        again: draws that were billed and answered twice.
        in_flight: attempts that were under way when a process was killed, as the ledger has them.
        unknown: attempts of unknown outcome in all: these, those that a second Ctrl-C gave up, and
            lost answers.
        beyond: draws that were paid again although the store held them, or twice by one process.
        best: the frozen choice.
        wrong: everything else that should not be, in words.
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
class Books:
    """The store of a study as it lies on disk: its balance, the attempts under way, the seeds of
    the draws held.
    """

    balance: Balance
    under_way: int
    unknown: int
    seeds: set[int]
    sound: bool


def read_books(folder: Path) -> Books | None:
    """Read a store that nobody has open; None where there is none yet."""
    store, journal = folder / "study" / "draws.db", folder / "study" / "study.jsonl"
    events = read_events(journal) if journal.exists() else []
    if not store.exists() or not events:
        return None
    db = Database(store)
    try:
        balance = read_balance(db, events[0]["id"])
        states = dict(db.rows("SELECT state, count(*) FROM attempts GROUP BY state"))
        seeds = {
            _request(draw.request).seed(draw.number) for draw in Store(db).records()
        }
        sound = db.rows("PRAGMA integrity_check") == [("ok",)]
    finally:
        db.close()
    return (
        None
        if balance is None
        else Books(
            balance, states.get("reserved", 0), states.get("uncertain", 0), seeds, sound
        )
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
    """Follows the server's bill from process to process."""

    def __init__(self, server: Server, met: dict[int, Fault]) -> None:
        self.server, self.met = server, met
        self._counted = 0
        self._answered: dict[int, int] = {}
        self._held: set[int] = set()
        self.again = self.beyond = 0

    def read(self, books: Books | None) -> None:
        """Take in what was charged since the last time, and what is held now."""
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
        self._held = books.seeds if books is not None else set()

    def worth_of_held(self) -> int:
        """Picodollars that the server charged for the answers that are in the store."""
        return sum(cost for seed, cost in self._answered.items() if seed in self._held)


def lay(siege: Siege, folder: Path) -> Verdict:
    """Carry a siege through: processes one after the other, until the study has ended with its last
    budget.
    """
    folder.mkdir(parents=True, exist_ok=True)
    verdict, began = Verdict(siege.kind), time.monotonic()
    met: dict[int, Fault] = {}
    rng = random.Random(siege.seed)
    up = [siege.outage is None]
    usual = fail_sometimes(
        siege.share, siege.faults, seed=siege.seed, until=siege.until
    )

    def plan(number: int, body: Body) -> Fault | None:
        down = siege.outage is not None and not up[0] and number >= siege.outage
        fault = Fault("status", status=503) if down else usual(number, body)
        if fault is not None:
            met[number] = fault
        return fault

    with Server(
        siege.task.models, world=speak, plan=plan, seconds=siege.seconds
    ) as server:
        meter, blows = _Meter(server, met), iter(siege.blows)
        for budget in siege.budgets:
            verdict.budget = to_picodollars(budget)
            for life in _lives(siege, budget, server, folder):
                blow = next(blows, None)
                _strike(life, blow, server, verdict)
                if blow is not None and blow.cut and life.code == -signal.SIGKILL:
                    verdict.cuts += 1
                    verdict.torn += cut(folder / "study" / "draws.db", rng)
                books = _take_stock(folder, server, meter, verdict)
                if (
                    _over(life, verdict)
                    or verdict.wrong
                    or len(verdict.ended) > len(siege.blows) + 4
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
        verdict.wrong += _complaints(siege, folder, verdict, meter, books)
    verdict.seconds = time.monotonic() - began
    return verdict


def _lives(siege: Siege, budget: float, server: Server, folder: Path) -> Iterator[Life]:
    while True:
        yield Life(siege, budget, server.base_url, folder)


def _strike(life: Life, blow: Blow | None, server: Server, verdict: Verdict) -> None:
    """Wait for a process to end, and see to it that it does where a blow is due."""
    began, before = time.monotonic(), len(server.requests)
    while life.code is None and time.monotonic() - began < LONGEST:
        if blow is not None and len(server.requests) - before >= blow.at:
            time.sleep(blow.after)
            life.strike(blow.signal)
            if blow.twice:
                time.sleep(0.003)
                life.strike(blow.signal)
            blow = None
        time.sleep(0.001)
    if life.code is None:
        verdict.wrong.append(f"a process did not end within {LONGEST:g} s")
        life.strike(signal.SIGKILL)
        while life.code is None:
            time.sleep(0.01)


def _take_stock(
    folder: Path, server: Server, meter: _Meter, verdict: Verdict
) -> Books | None:
    """Hold the books against the server's bill between two processes."""
    quiet = time.monotonic() + 10
    while server.at_once and time.monotonic() < quiet:
        time.sleep(
            0.002
        )  # what was on its way when a process died is answered, and billed, all the same
    try:
        books = read_books(folder)
    except (TuneError, sqlite3.Error) as error:
        verdict.wrong.append(f"the store cannot be read: {error}")
        return None
    meter.read(books)
    verdict.overshoot = max(verdict.overshoot, server.bill - verdict.budget)
    if books is not None:
        verdict.in_flight += books.under_way
        balance = books.balance
        if not books.sound:
            verdict.wrong.append("the store is damaged")
        if (
            balance.spent + balance.reserved - balance.overshoot > balance.budget
        ):  # 0 where caps are heeded
            verdict.wrong.append(f"the ledger has more than the budget: {balance}")
    return books


def _over(life: Life, verdict: Verdict) -> bool:
    """Whether the study has ended with this process."""
    if life.code == -signal.SIGKILL:
        verdict.ended.append("killed")
        verdict.kills += 1
        return False
    end = life.end()
    verdict.interrupts += end.get("stopped") == "interrupted"
    verdict.ended.append(end.get("error") or end["stopped"])
    verdict.best = end.get("best")
    return "error" not in end and end["stopped"] != "interrupted"


def _complaints(  # noqa: C901 - one branch for each promise
    siege: Siege, folder: Path, verdict: Verdict, meter: _Meter, books: Books | None
) -> Iterator[str]:
    """What should not be, once the study has ended."""
    if books is None:
        yield "there are no books"
        return
    balance = books.balance
    verdict.settled, verdict.uncertain = balance.settled, balance.uncertain
    verdict.ledger_overshoot, verdict.unknown = balance.overshoot, books.unknown
    if verdict.again > books.unknown:
        yield f"{verdict.again} answers were billed twice, but only {books.unknown} attempts are of unknown outcome"
    if verdict.ended[-1] in ("killed", "interrupted"):
        yield f"the study did not end: {verdict.ended}"
    if balance.reserved:
        yield f"{balance.reserved} are still reserved"
    kinds = {fault.kind for fault in siege.faults}
    kinds |= {
        model.fault.kind
        for model in siege.task.models.values()
        if model.fault is not None
    }
    if not kinds & DISHONEST:
        worth = meter.worth_of_held()
        if balance.settled != worth:
            yield f"settled {balance.settled}, but the answers held were billed at {worth}"
        if balance.spent < meter.server.bill:
            yield f"settled and uncertain are {balance.spent}, but {meter.server.bill} were billed"
    elif balance.settled < meter.worth_of_held() and not kinds & SHORT:
        yield f"settled {balance.settled} is less than {meter.worth_of_held()}, which the answers held cost"
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
        yield f"of its files there are only {sorted(names)}"
    if any(name.endswith(".part") for name in names):
        yield "half a file was left"
