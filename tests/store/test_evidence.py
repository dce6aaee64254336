"""What studies leave in the store for later ones."""

from __future__ import annotations

from tune.store.database import Database
from tune.store.evidence import (
    MOST_STUDIES,
    forget_evidence,
    load_evidence,
    put_evidence,
)


def test_a_study_reads_what_others_left_the_latest_first() -> None:
    db = Database(":memory:")
    put_evidence(db, "a", {"trials": [1]})
    put_evidence(db, "b", {"trials": [2, "ü", None]})
    assert load_evidence(db, besides="c") == {
        "b": {"trials": [2, "ü", None]},
        "a": {"trials": [1]},
    }
    assert list(load_evidence(db, besides="b")) == ["a"]
    # A study that went on leaves what it knows now.
    put_evidence(db, "a", {"trials": [3]})
    assert next(iter(load_evidence(db, besides="c").items())) == ("a", {"trials": [3]})
    for number in range(2 * MOST_STUDIES):
        put_evidence(db, f"more {number}", {})
    assert len(load_evidence(db, besides="a")) == MOST_STUDIES


def test_what_a_study_left_can_be_forgotten() -> None:
    db = Database(":memory:")
    put_evidence(db, "a", {})
    put_evidence(db, "b", {})
    forget_evidence(db, "a")
    forget_evidence(db, "nobody")
    assert list(load_evidence(db, besides="")) == ["b"]
