"""Marks of a study's ledger in its journal. They show when a store is older than the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tune.errors import StudyError
from tune.store.database import Database


class LedgerMark(NamedTuple):
    """The progress of a ledger. Both numbers only ever grow.

    Attributes:
        opened: the number of times that the ledger was opened for paying.
        attempts: calls that were reserved.
    """

    opened: int
    attempts: int


def read_ledger_mark(db: Database, study: str) -> LedgerMark | None:
    """Return the mark of a study's ledger now; None if it has no ledger."""
    rows = db.rows(
        "SELECT opened, (SELECT count(*) FROM attempts WHERE attempts.study = ledgers.study) FROM "
        "ledgers "
        "WHERE study = ?",
        (study,),
    )
    return LedgerMark(*rows[0]) if rows else None


def check_ledger(
    db: Database, study: str, events: Sequence[Mapping[str, Any]], folder: Path
) -> None:
    """Check that the store knows everything that the study has spent.

    Args:
        db: the store.
        study: the study's name in it.
        events: the study's journal. Each event has the ledger's mark of the time it was written.
        folder: the study's folder, for messages.

    Raises:
        StudyError: the study's ledger is not in this store, or it is older than the journal.
    """
    noted = [LedgerMark(*event["ledger"]) for event in events if "ledger" in event]
    if not noted or not noted[-1].attempts:  # nothing was spent yet
        return
    held, last = read_ledger_mark(db, study), noted[-1]
    if held is None:
        raise StudyError(
            f"the study in {str(folder)!r} has begun to spend, but the store {db.path!r} does not "
            "hold its ledger: "
            f"give the --store that it was begun with, or begin anew with another --results"
        )
    # Both numbers only grow, so a smaller one proves that the store is an older copy.
    if held.attempts < last.attempts or held.opened < last.opened:
        raise StudyError(
            f"the store {db.path!r} is older than the study in {str(folder)!r}: it knows "
            f"{held.attempts} of the "
            f"{last.attempts} calls that the study has made, so what they cost is not known; an "
            "older copy was put "
            f"back, or its file {Path(db.path).name}-wal was left behind: put the newest copy of "
            "both files back, or "
            f"begin anew with another --results (draws that are in the store are not bought again)"
        )
