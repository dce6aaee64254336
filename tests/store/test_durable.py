"""What a power cut cannot take: reservations before their calls, and all that a study's journal
speaks of.
"""

from __future__ import annotations

import asyncio
import os

import pytest

from tests.support.store import Disk, until
from tune.completion import Completion, Message, Request
from tune.errors import BudgetExhausted, StoreError
from tune.fakes.provider import FakeEndpoint
from tune.pricing.prices import PICODOLLARS, Price
from tune.providers.metered import Metered
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.ledger import Ledger

REQUEST = Request("fake", "small", (Message("user", "one two three"),), 4)


async def test_a_call_is_sent_only_when_its_reservation_is_on_the_disk(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, sent = Disk(), []

    class Endpoint(FakeEndpoint):
        async def complete(self, request: Request, numbers: range) -> list[Completion]:
            sent.append(disk.writes)
            return await super().complete(request, numbers)

    monkeypatch.setattr(db, "flush", disk.flush)
    ledger = Ledger(db, "study", PICODOLLARS)
    metered = Metered(
        Endpoint(lambda *_: "x"),
        price=Price(1.0, 10.0),
        store=Store(db),
        ledger=ledger,
    )
    call = asyncio.create_task(metered.complete(REQUEST, range(1)))
    await until(lambda: ledger.reserved > 0)
    await asyncio.sleep(0.02)
    assert sent == []
    disk.free.set()
    await call
    assert sent == [1]


async def test_a_reservation_that_is_cancelled_before_it_is_durable_costs_nothing(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    monkeypatch.setattr(db, "flush", disk.flush)
    ledger = Ledger(db, "study", 100)
    call = asyncio.create_task(ledger.reserve(60))
    await until(lambda: ledger.reserved == 60)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (ledger.reserved, ledger.spent) == (0, 0)
    disk.free.set()
    await ledger.reserve(100)


async def test_nothing_is_sent_when_the_disk_does_not_take_the_reservation(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    disk.free.set()
    disk.error = StoreError("the disk is gone")
    monkeypatch.setattr(db, "flush", disk.flush)
    ledger = Ledger(db, "study", 100)
    with pytest.raises(StoreError, match="the disk is gone"):
        await ledger.reserve(60)
    assert (ledger.reserved, ledger.spent) == (0, 0)


async def test_a_ledger_that_is_closed_while_the_disk_writes_lets_nothing_through(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    monkeypatch.setattr(db, "flush", disk.flush)
    ledger = Ledger(db, "study", 100)
    call = asyncio.create_task(ledger.reserve(60))
    await until(lambda: ledger.reserved == 60)
    ledger.close("time")
    disk.free.set()
    with pytest.raises(BudgetExhausted, match="time"):
        await call
    assert ledger.reserved == 0


async def test_a_store_whose_log_was_taken_away_lets_no_call_through(
    db: Database,
) -> None:
    ledger = Ledger(db, "study", 100)
    os.unlink(f"{db.path}-wal")
    with pytest.raises(StoreError, match="the log of the store"):
        await ledger.reserve(60)
