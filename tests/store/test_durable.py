"""What a power cut cannot take: reservations before their calls, and all that a study's journal
speaks of.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tune.completion import Completion, Message, Request
from tune.errors import BudgetExhausted, StoreError, StudyError
from tune.fakes.provider import FakeEndpoint
from tune.pricing.prices import PICODOLLARS, Price
from tune.providers.metered import Metered
from tune.store.admission import Account
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.group_commit import GroupCommit
from tune.store.journal import Journal
from tune.store.ledger_marks import check_ledger

REQUEST = Request("fake", "small", (Message("user", "one two three"),), 4)


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return Database(tmp_path / "draws.db")


class Disk:
    """A disk that takes what was committed when it is let to."""

    def __init__(self) -> None:
        self.writes = 0
        self.free = threading.Event()
        self.error: StoreError | None = None

    def flush(self) -> None:
        assert self.free.wait(10)
        self.writes += 1
        if self.error is not None:
            raise self.error


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(
        10
    ):  # a condition that never comes fails here, not after the minutes of a whole test
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


async def test_a_call_is_sent_only_when_its_reservation_is_on_the_disk(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, sent = Disk(), []

    class Endpoint(FakeEndpoint):
        async def complete(self, request: Request, numbers: range) -> list[Completion]:
            sent.append(disk.writes)
            return await super().complete(request, numbers)

    monkeypatch.setattr(db, "flush", disk.flush)
    account = Account(db, "study", PICODOLLARS)
    metered = Metered(
        Endpoint(lambda *_: "x"), price=Price(1.0, 10.0), store=Store(db), account=account
    )
    call = asyncio.create_task(metered.complete(REQUEST, range(1)))
    await until(lambda: account.reserved > 0)
    await asyncio.sleep(0.02)
    assert sent == []
    disk.free.set()
    await call
    assert sent == [1]


async def test_reservations_that_wait_together_share_one_write_to_the_disk(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    monkeypatch.setattr(db, "flush", disk.flush)
    account = Account(db, "study", 1000)
    first = asyncio.create_task(account.reserve(1))
    await until(lambda: account.reserved == 1)
    await asyncio.sleep(0.02)
    rest = [asyncio.create_task(account.reserve(1)) for _ in range(255)]
    await until(lambda: account.reserved == 256)
    disk.free.set()
    await asyncio.gather(first, *rest)
    assert disk.writes == 2


async def test_who_asks_while_the_disk_writes_waits_for_the_next_write() -> None:
    disk = Disk()
    group = GroupCommit(disk.flush)
    early = asyncio.create_task(group.wait())
    await asyncio.sleep(0.02)
    late = asyncio.create_task(group.wait())
    await asyncio.sleep(0.02)
    disk.free.set()
    await early
    assert not late.done()
    await late
    assert disk.writes == 2


async def test_a_reservation_that_is_cancelled_before_it_is_durable_costs_nothing(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    monkeypatch.setattr(db, "flush", disk.flush)
    account = Account(db, "study", 100)
    call = asyncio.create_task(account.reserve(60))
    await until(lambda: account.reserved == 60)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (account.reserved, account.spent) == (0, 0)
    disk.free.set()
    await account.reserve(100)


async def test_nothing_is_sent_when_the_disk_does_not_take_the_reservation(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    disk.free.set()
    disk.error = StoreError("the disk is gone")
    monkeypatch.setattr(db, "flush", disk.flush)
    account = Account(db, "study", 100)
    with pytest.raises(StoreError, match="the disk is gone"):
        await account.reserve(60)
    assert (account.reserved, account.spent) == (0, 0)


async def test_an_account_that_is_closed_while_the_disk_writes_lets_nothing_through(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    monkeypatch.setattr(db, "flush", disk.flush)
    account = Account(db, "study", 100)
    call = asyncio.create_task(account.reserve(60))
    await until(lambda: account.reserved == 60)
    account.close("time")
    disk.free.set()
    with pytest.raises(BudgetExhausted, match="time"):
        await call
    assert account.reserved == 0


async def test_a_store_in_memory_waits_for_no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    db = Database(":memory:")
    monkeypatch.setattr(db, "flush", lambda: pytest.fail("there is no disk"))
    await Account(db, "study", 100).reserve(60)


def test_a_disk_that_fails_is_one_sentence(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    db.execute("INSERT INTO meta VALUES ('a', 'b')")

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("tune.store.database.sync", fail)
    with pytest.raises(StoreError, match="the disk does not take what the store"):
        db.flush()


# --- the mark of the ledger in the journal


async def spend(path: Path, calls: int, journal: Journal) -> None:
    """A process of the study "s" that makes so many calls."""
    with contextlib.closing(Database(path)) as db:
        check_ledger(db, "s", journal.events, journal.path.parent)
        account = Account(db, "s", 10**6)
        journal.follow(account.mark)
        for _ in range(calls):
            account.settle(await account.reserve(10), 5)
        journal.append("outcome")


async def test_an_older_copy_of_a_store_is_recognised_and_told_as_that(tmp_path: Path) -> None:
    store, older = tmp_path / "draws.db", tmp_path / "older.db"
    with Journal(tmp_path / "study.jsonl") as journal:
        await spend(store, 3, journal)
        shutil.copy(store, older)
        await spend(store, 4, journal)
        await spend(store, 0, journal)
        shutil.copy(older, store)
        with pytest.raises(StudyError) as error:
            await spend(store, 1, journal)
    assert "is older than the study in" in str(error.value)
    assert "it knows 3 of the 7 calls" in str(error.value)
    assert "version" not in str(error.value)


async def test_an_older_copy_that_another_process_has_opened_since_is_recognised_too(
    tmp_path: Path,
) -> None:
    store, older = tmp_path / "draws.db", tmp_path / "older.db"
    with Journal(tmp_path / "study.jsonl") as journal:
        await spend(store, 3, journal)
        shutil.copy(store, older)
        await spend(store, 4, journal)
        shutil.copy(older, store)
        for _ in range(3):
            with contextlib.closing(Database(store)) as db:
                Account(db, "s", 10**6)
        with pytest.raises(StudyError, match="is older than the study"):
            await spend(store, 1, journal)


async def test_a_store_that_is_newer_than_the_journal_is_used(tmp_path: Path) -> None:
    store, path = tmp_path / "draws.db", tmp_path / "study.jsonl"
    with Journal(path) as journal:
        await spend(store, 3, journal)
    whole = path.read_bytes()
    with Journal(path) as journal:
        await spend(store, 2, journal)
    path.write_bytes(whole)
    with Journal(path) as journal:
        await spend(store, 1, journal)
        assert journal.events[-1]["ledger"] == [3, 6]


def test_a_study_that_has_spent_nothing_needs_no_ledger(db: Database) -> None:
    check_ledger(db, "s", [{"event": "estimate", "ledger": [1, 0]}], Path("here"))
    with pytest.raises(StudyError, match="does not hold its ledger"):
        check_ledger(db, "s", [{"event": "outcome", "ledger": [1, 1]}], Path("here"))


async def test_what_an_event_speaks_of_is_on_the_disk_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    with (
        contextlib.closing(Database(tmp_path / "draws.db")) as db,
        Journal(tmp_path / "study.jsonl") as journal,
    ):
        account = Account(db, "s", 10**6)
        monkeypatch.setattr(db, "flush", lambda: order.append("store"))
        monkeypatch.setattr("tune.store.journal.sync", lambda _: order.append("journal"))
        journal.follow(account.mark)
        journal.append("outcome")
    assert order == ["store", "journal"]


async def test_a_store_whose_log_was_taken_away_lets_no_call_through(db: Database) -> None:
    account = Account(db, "study", 100)
    os.unlink(f"{db.path}-wal")
    with pytest.raises(StoreError, match="the log of the store"):
        await account.reserve(60)
