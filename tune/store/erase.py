"""Erase what the store holds of one example."""

from __future__ import annotations

from dataclasses import dataclass

from tune.errors import StoreError
from tune.store.database import Database
from tune.store.draw_rows import bindable


@dataclass(frozen=True, slots=True)
class Erased:
    """Counts of what was removed from a store.

    Attributes:
        found: the store knew the example.
        requests: prompts that were rendered for it, those of judges included.
        draws: answers to them.
        scores: scores of its answers.
        shared: requests that stay, because other examples ask for the same.
        others: the studies of those examples.
    """

    found: bool = False
    requests: int = 0
    draws: int = 0
    scores: int = 0
    shared: int = 0
    others: tuple[str, ...] = ()


def erase_example(db: Database, study: str, name: str) -> Erased:
    """Remove an example of a study from the store: what only it uses, in one transaction.

    What was paid stays in the ledger. Afterwards `shred` takes it off the disk.

    Args:
        db: the store.
        study: whose example it is.
        name: the example's id.
    """
    rows = db.rows(
        "SELECT id, key FROM examples WHERE study = ? AND name = ?",
        (study, bindable(name)),
    )
    if not rows:
        return Erased()
    example, key = rows[0]
    asked = {
        request
        for (request,) in db.rows(
            "SELECT request FROM uses WHERE example = ?", (example,)
        )
    }
    elsewhere = db.rows(
        "SELECT DISTINCT u.request, e.study FROM uses u JOIN examples e ON e.id = u.example "
        "WHERE u.example <> ? AND u.request IN (SELECT request FROM uses WHERE example = ?)",
        (example, example),
    )
    shared = {request for request, _ in elsewhere}
    own = [(request,) for request in asked - shared]
    db.execute("PRAGMA secure_delete = ON")
    with db.transaction():
        draws = sum(
            db.rows("SELECT count(*) FROM draws WHERE request = ?", request)[0][0]
            for request in own
        )
        db.execute("DELETE FROM uses WHERE example = ?", (example,))
        db.executemany("DELETE FROM draws WHERE request = ?", own)
        db.executemany(
            "DELETE FROM claims WHERE request = (SELECT key FROM requests WHERE id = ?)",
            own,
        )
        db.executemany("DELETE FROM requests WHERE id = ?", own)
        db.execute("DELETE FROM examples WHERE id = ?", (example,))
        scores = db.execute(
            "DELETE FROM scores WHERE example = ? AND NOT EXISTS (SELECT 1 FROM examples WHERE key "
            "= ?)",
            (key, key),
        ).rowcount
    return Erased(
        True,
        len(own),
        draws,
        scores,
        len(shared),
        tuple(sorted({who for _, who in elsewhere})),
    )


def shred(db: Database) -> None:
    """Rewrite the store without what was removed, and empty its log.

    Raises:
        StoreError: another process uses the store.
    """
    db.execute("VACUUM")
    if db.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]:
        raise StoreError(
            f"another process uses the store {db.path}, so what was removed may still be in its "
            "log: run the same "
            f"command again when it has ended"
        )
