"""Erase what the store holds of one example."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from tune.errors import StoreError
from tune.store.database import Database
from tune.store.draw_rows import bindable


@dataclass(frozen=True, slots=True)
class Erased:
    """Counts of what was removed from a store.

    Attributes:
        found: the study asked about the example.
        requests: prompts that were rendered for it, those of judges included.
        draws: answers to them.
        scores: scores of its answers.
        shared: requests that stay, because other examples ask for the same.
        others: the studies of those examples.
        checks: checks of the study that asked about it, too. It was removed from them as well.
    """

    found: bool = False
    requests: int = 0
    draws: int = 0
    scores: int = 0
    shared: int = 0
    others: tuple[str, ...] = ()
    checks: int = 0


def check_name(study: str) -> str:
    """Return a new name for a check of a study, by which `erase_example` finds its examples."""
    return f"{study}/check-{secrets.token_hex(4)}"


def erase_example(db: Database, study: str, name: str) -> Erased:
    """Remove an example of a study from the store: what only it uses, in one transaction.

    A check has no folder, so nobody could name its examples: they go with those of its study. What
    was paid stays in the ledger. Afterwards `shred` takes it off the disk.

    Args:
        db: the store.
        study: whose example it is.
        name: the example's id.
    """
    known = db.rows(
        "SELECT id, key, study FROM examples "
        "WHERE name = ? AND (study = ? OR substr(study, 1, length(?)) = ?)",
        (bindable(name), study, f"{study}/", f"{study}/"),
    )
    if not known:
        return Erased()
    examples = [(example,) for example, _, _ in known]
    asked: set[int] = set()
    for example in examples:
        used = db.rows("SELECT request FROM uses WHERE example = ?", example)
        asked.update(request for (request,) in used)
    elsewhere = _used_elsewhere(db, asked, set(examples))
    shared = {request for request, _ in elsewhere}
    own = [(request,) for request in asked - shared]
    db.execute("PRAGMA secure_delete = ON")
    with db.transaction():
        draws = sum(
            db.rows("SELECT count(*) FROM draws WHERE request = ?", request)[0][0]
            for request in own
        )
        db.executemany("DELETE FROM uses WHERE example = ?", examples)
        db.executemany("DELETE FROM draws WHERE request = ?", own)
        db.executemany(
            "DELETE FROM claims WHERE request = (SELECT key FROM requests WHERE id = ?)",
            own,
        )
        db.executemany("DELETE FROM requests WHERE id = ?", own)
        db.executemany("DELETE FROM examples WHERE id = ?", examples)
        scores = db.executemany(
            "DELETE FROM scores WHERE example = ? AND NOT EXISTS (SELECT 1 FROM examples WHERE key "
            "= ?)",
            [(key, key) for _, key, _ in known],
        )
    in_study = any(who == study for _, _, who in known)
    return Erased(
        in_study,
        len(own),
        draws,
        scores,
        len(shared),
        tuple(sorted({who for _, who in elsewhere})),
        len(known) - in_study,
    )


def _used_elsewhere(
    db: Database, requests: Iterable[int], examples: Collection[tuple[int]]
) -> set[tuple[int, str]]:
    """Return those of the requests that other examples ask for, each with a study of these."""
    found: set[tuple[int, str]] = set()
    for request in requests:
        users = db.rows(
            "SELECT e.id, e.study FROM uses u JOIN examples e ON e.id = u.example "
            "WHERE u.request = ?",
            (request,),
        )
        found.update((request, who) for user, who in users if (user,) not in examples)
    return found


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
