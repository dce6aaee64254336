"""Erasing one example: what only it uses goes; what others use, and the bill, stay."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tune.completion import Completion, Message, Request
from tune.errors import StoreError
from tune.store.database import Database
from tune.store.draws import Store, Use
from tune.store.erase import Erased, erase_example, shred


def request(text: str) -> Request:
    return Request("fake", "small", (Message("user", text),), 4)


def buy(store: Store, example: str, text: str) -> None:
    """Buy two draws for an example, and score one of them."""
    asked = request(text)
    store.note_uses([Use(example, f"key of {example}", asked, 2)])
    store.put(
        asked, range(2), [Completion(f"answer to {text}", "stop", 3, 1)] * 2, study="s"
    )
    store.put_score("metric", f"key of {example}", f"answer to {text}", 1.0)
    store.flush()


def test_an_example_goes_with_its_requests_draws_and_scores(db: Database) -> None:
    store = Store(db, study="s")
    buy(store, "1", "a secret")
    buy(store, "2", "something else")
    assert erase_example(db, "s", "1") == Erased(True, 1, 2, 1, 0, ())
    store = Store(db, study="s")
    assert store.draws(request("a secret"), range(2)) == {}
    assert store.score("metric", "key of 1", "answer to a secret") is None
    assert len(store.draws(request("something else"), range(2))) == 2
    assert store.score("metric", "key of 2", "answer to something else") == 1.0
    assert erase_example(db, "s", "1") == Erased()


def test_a_request_that_another_example_uses_stays_and_its_study_is_named(
    db: Database,
) -> None:
    store = Store(db, study="s")
    buy(store, "1", "shared")
    Store(db, study="other").note_uses([Use("9", "key of 9", request("shared"), 1)])
    erased = erase_example(db, "s", "1")
    assert (erased.requests, erased.draws, erased.shared, erased.others) == (
        0,
        0,
        1,
        ("other",),
    )
    assert len(store.draws(request("shared"), range(2))) == 2


def test_an_example_that_the_store_does_not_know_is_not_found(db: Database) -> None:
    assert erase_example(db, "s", "1") == Erased()


def test_after_shredding_no_byte_of_it_is_on_the_disk(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "draws.db")) as db:
        buy(Store(db, study="s"), "1", "a secret")
        erase_example(db, "s", "1")
        shred(db)
        left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"a secret" not in left


def test_a_store_that_another_process_reads_cannot_be_shredded(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "execute", lambda *_: None)
    monkeypatch.setattr(db, "rows", lambda *_: [(1, 5, 0)])  # busy
    with pytest.raises(StoreError, match="another process uses the store"):
        shred(db)
