"""Group commit: calls that wait together share one write to the disk."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.store import Disk, until
from tune.store.database import Database
from tune.store.group_commit import GroupCommit
from tune.store.ledger import Ledger


async def test_reservations_that_wait_together_share_one_write_to_the_disk(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    monkeypatch.setattr(db, "flush", disk.flush)
    ledger = Ledger(db, "study", 1000)
    first = asyncio.create_task(ledger.reserve(1))
    await until(lambda: ledger.reserved == 1)
    await asyncio.sleep(0.02)
    rest = [asyncio.create_task(ledger.reserve(1)) for _ in range(255)]
    await until(lambda: ledger.reserved == 256)
    disk.free.set()
    await asyncio.gather(first, *rest)
    assert disk.writes == 2


async def test_who_asks_while_the_disk_writes_waits_for_the_next_write() -> None:
    disk = Disk()
    group = GroupCommit(disk.flush)
    early = group.request()
    await asyncio.sleep(0.02)
    late = group.request()
    await asyncio.sleep(0.02)
    disk.free.set()
    await early
    assert not late.done()
    await late
    assert disk.writes == 2


async def test_a_store_in_memory_waits_for_no_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    db = Database(":memory:")
    monkeypatch.setattr(db, "flush", lambda: pytest.fail("there is no disk"))
    await Ledger(db, "study", 100).reserve(60)
