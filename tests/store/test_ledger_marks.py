"""Marks of the ledger in the journal: an older copy of a store is recognised."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest

from tune.errors import StudyError
from tune.store.database import Database
from tune.store.journal import Journal
from tune.store.ledger import Ledger
from tune.store.ledger_marks import check_ledger


async def spend(path: Path, calls: int, journal: Journal) -> None:
    """A process of the study "s" that makes so many calls."""
    with contextlib.closing(Database(path)) as db:
        check_ledger(db, "s", journal.events, journal.path.parent)
        ledger = Ledger(db, "s", 10**6)
        journal.follow(ledger.mark)
        for _ in range(calls):
            ledger.settle(await ledger.reserve(10), 5)
        journal.append("outcome")


async def test_an_older_copy_of_a_store_is_recognised_and_told_as_that(
    tmp_path: Path,
) -> None:
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
                Ledger(db, "s", 10**6)
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
        ledger = Ledger(db, "s", 10**6)
        monkeypatch.setattr(db, "flush", lambda: order.append("store"))
        monkeypatch.setattr(
            "tune.store.journal.sync", lambda _: order.append("journal")
        )
        journal.follow(ledger.mark)
        journal.append("outcome")
    assert order == ["store", "journal"]
