"""Fixtures for tests of the store."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tune.store.database import Database
from tune.store.group_commit import GroupCommit
from tune.store.ledger import Ledger


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return Database(tmp_path / "draws.db")


@pytest.fixture
def ledger(db: Database) -> Ledger:
    return Ledger(db, "study", 100)


@pytest.fixture
def no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make reservations durable at once. The order of admission does not depend on the disk."""

    def at_once(_: GroupCommit) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    monkeypatch.setattr(GroupCommit, "request", at_once)
