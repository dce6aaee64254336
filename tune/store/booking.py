"""Reservations that are made together, in one transaction."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tune.pricing.prices import PICODOLLARS
from tune.store.database import Database

MOST = 10**6 * PICODOLLARS
"""A million dollars: the most that a budget may be; sums of a few such still fit into SQLite's
integers.
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One reservation, to be closed by exactly one of settle, refuse and mark_unknown.

    Attributes:
        id: its row in the database.
        ceiling: picodollars that the call can cost at most.
        purpose: "search", "judge" or "holdout".
        service: who is called.
        hold: picodollars held beside it, for judging what it buys.
    """

    id: int
    ceiling: int
    purpose: str
    service: str
    hold: int = 0


class Booking:
    """Reservations of one transaction. Each is compared with the balance that those before it left.

    The transaction holds the write lock from the first look at the balance to the commit. So no
    other process can spend the same money.

    Args:
        db: the database, within a transaction.
        study: the study's name.
        held: picodollars of the study's holds that belong to the caller.

    Attributes:
        held: the same, after what was reserved here.
        budget: the most that the study may spend in all.
        holdout_reserve: a part of the budget that only the holdout may spend.
        taken: everything that is spent, reserved or held, including what was reserved here.
    """

    def __init__(self, db: Database, study: str, held: int) -> None:
        self.held = held
        self._db = db
        self._study = study
        self._held_before = held
        row = db.rows(
            "SELECT budget, holdout_reserve, settled + reserved + held + uncertain, "
            "(SELECT coalesce(max(id), 0) FROM attempts) FROM ledgers WHERE study = ?",
            (study,),
        )[0]
        self.budget: int = row[0]
        self.holdout_reserve: int = row[1]
        self.taken: int = row[2]
        self._next: int = row[3] + 1
        self._attempts: list[Attempt] = []

    def reserve(
        self,
        ceiling: int,
        *,
        purpose: str,
        service: str,
        hold: int = 0,
        from_hold: bool = False,
        reach: int = 0,
    ) -> Attempt | None:
        """Reserve the most that an attempt can cost, or return None where it does not fit.

        Args:
            ceiling: picodollars that the attempt can cost at most.
            purpose: only "holdout" may spend the holdout's reserve.
            service: the service that is called.
            hold: picodollars to hold for judging what is bought.
            from_hold: take the money from holds first.
            reach: picodollars of the holdout's reserve that may be reserved too, but never more
                than half of it. If every call in flight costs its ceiling, the other half is left.
        """
        # SQLite's integers have 64 bits; a sum of a few such amounts still fits.
        if ceiling + hold > MOST:
            return None
        moved = min(ceiling, self.held) if from_hold else 0
        fresh = ceiling - moved + hold
        bound = self.budget
        if purpose != "holdout":
            half = self.holdout_reserve - self.holdout_reserve // 2
            bound -= max(half, self.holdout_reserve - reach)
        # What is only moved was let in with its hold, and need not fit again.
        only_moved = moved > 0 and fresh == 0
        if not only_moved and self.taken + fresh > bound:
            return None
        attempt = Attempt(self._next, ceiling, purpose, service, hold)
        self._next += 1
        self.taken += fresh
        self.held += hold - moved
        self._attempts.append(attempt)
        return attempt

    def limit(self, purpose: str) -> int:
        """Return the most that a purpose may spend."""
        if purpose == "holdout":
            return self.budget
        return self.budget - self.holdout_reserve

    def write(self) -> None:
        """Write what was reserved, at the end of the transaction."""
        if not self._attempts:
            return
        now = time.time()
        self._db.executemany(
            "INSERT INTO attempts (id, study, purpose, service, state, ceiling, created) "
            "VALUES (?, ?, ?, ?, 'reserved', ?, ?)",
            [
                (one.id, self._study, one.purpose, one.service, one.ceiling, now)
                for one in self._attempts
            ],
        )
        ceilings = sum(one.ceiling for one in self._attempts)
        self._db.execute(
            "UPDATE ledgers SET reserved = reserved + ?, held = held + ? WHERE study = ?",
            (ceilings, self.held - self._held_before, self._study),
        )
