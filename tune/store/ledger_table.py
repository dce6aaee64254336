"""The ledger of one study in the database: reserved, settled, refused and uncertain amounts.

Every change is one durable transaction. The database itself compares with the budget, so two
processes cannot overspend together.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tune.errors import BudgetError
from tune.pricing.prices import to_dollars
from tune.store.booking import MOST, Attempt, Booking
from tune.store.database import Database

KILLED = "the run was killed while the call was under way"
"""Why a call is uncertain that a process left in flight."""

_ADD_UP = """
UPDATE ledgers SET (settled, uncertain, reserved, overshoot) = (
    SELECT coalesce(sum(cost) FILTER (WHERE state = 'settled'), 0),
           coalesce(sum(cost) FILTER (WHERE state = 'uncertain'), 0),
           coalesce(sum(ceiling) FILTER (WHERE state = 'reserved'), 0),
           coalesce(sum(max(cost - ceiling, 0)) FILTER (WHERE state = 'settled'), 0)
    FROM attempts WHERE attempts.study = ledgers.study
) WHERE study = ?
"""


@dataclass(frozen=True, slots=True)
class UncertainCharge:
    """A call whose bill is unknown.

    Attributes:
        id: its row in the database.
        service: the service that was called.
        call: the service's own name of the call, or "".
        reason: the reason why its bill is unknown.
        cost: picodollars that it stays charged at.
    """

    id: int
    service: str
    call: str
    reason: str
    cost: int


class SentCall(NamedTuple):
    """A call that was sent, for the course of a run.

    Attributes:
        state: "reserved" while it is in flight, then "settled", "refused" or "uncertain".
        picodollars: its charge.
        moment: seconds since 1970 when it was sent.
    """

    state: str
    picodollars: int
    moment: float


@dataclass(frozen=True, slots=True)
class Balance:
    """The balance of a study, in picodollars.

    Attributes:
        budget: the most that the study may spend in all.
        holdout_reserve: a part of the budget that only the holdout may spend.
        settled: the cost of answered calls.
        reserved: ceilings of calls in flight, and the money held for judging their answers.
        uncertain: ceilings of calls whose outcome is unknown.
        overshoot: the sum by which bills exceeded their ceilings; a part of `settled`.
    """

    budget: int
    holdout_reserve: int
    settled: int
    reserved: int
    uncertain: int
    overshoot: int

    @property
    def spent(self) -> int:
        """The amount that counts as paid: settled and uncertain."""
        return self.settled + self.uncertain

    @property
    def limit(self) -> int:
        """The most that all but the holdout may spend: the budget without the holdout's reserve."""
        return self.budget - self.holdout_reserve

    @property
    def left(self) -> int:
        """The amount that all but the holdout could reserve now."""
        return max(0, self.limit - self.spent - self.reserved)


def read_balance(db: Database, study: str) -> Balance | None:
    """Return the balance of a study, or None if it has no ledger; nothing changes."""
    rows = db.rows(
        "SELECT budget, holdout_reserve, settled, reserved + held, uncertain, overshoot FROM "
        "ledgers WHERE study = ?",
        (study,),
    )
    return Balance(*rows[0]) if rows else None


class LedgerTable:
    """The ledger of one study, opened for writing.

    Opening marks the reservations of a killed process as uncertain.
    """

    def __init__(self, db: Database, study: str, budget: int) -> None:
        if not 0 < budget <= MOST:
            raise BudgetError(
                f"`0 < budget <= 1,000,000 dollars` must hold, but got {show(budget)} dollars"
            )
        self.db = db
        self.study = study
        # The part of the study's holds that belongs to this object.
        self._held = 0
        with db.transaction():
            db.execute(
                "INSERT OR IGNORE INTO ledgers (study, budget) VALUES (?, ?)",
                (study, budget),
            )
            before = self.balance.budget
            # Whoever held these is gone, or cannot be asked: they may have been billed.
            db.execute(
                "UPDATE attempts SET state = 'uncertain', cost = ceiling, reason = ? "
                "WHERE study = ? AND state = 'reserved'",
                (KILLED, study),
            )
            db.execute(
                "UPDATE ledgers SET budget = ?, held = 0, opened = opened + 1 WHERE "
                "study = ?",
                (budget, study),
            )
            db.execute(_ADD_UP, (study,))
            spent = self.balance.spent
            if budget < min(
                spent, before
            ):  # a bill above its ceiling must not lock the study at its own budget
                raise BudgetError(
                    f"study {study!r} has spent {show(spent)} dollars already, "
                    f"and a budget of {show(budget)} is less than that: give a larger one"
                )
            self._opened = self._times_opened()

    @property
    def balance(self) -> Balance:
        """The balance now, all processes included."""
        balance = read_balance(self.db, self.study)
        # Opening the ledger made its row, and nothing removes the row.
        assert balance is not None
        return balance

    def spent_by_purpose(self) -> dict[str, int]:
        """Return settled and uncertain picodollars by purpose; a correction has "reconcile"."""
        rows = self.db.rows(
            "SELECT purpose, sum(cost) FROM attempts WHERE study = ? AND state IN ('settled', "
            "'uncertain') "
            "GROUP BY purpose ORDER BY purpose",
            (self.study,),
        )
        return dict(rows)

    def calls(self) -> list[SentCall]:
        """Return every call, in the order of sending."""
        rows = self.db.rows(
            "SELECT state, cost, created FROM attempts WHERE study = ? ORDER BY id",
            (self.study,),
        )
        return [SentCall(*row) for row in rows]

    @contextmanager
    def booking(self) -> Iterator[Booking]:
        """Reserve for several attempts in one transaction, which ends with the block."""
        with self.db.transaction():
            booking = Booking(self.db, self.study, self.own_holds())
            yield booking
            booking.write()
        self._held = booking.held

    def settle(self, bills: Sequence[tuple[Attempt, int]]) -> None:
        """Settle attempts at their costs, in one transaction."""
        with self.db.transaction():
            if not self._all_reserved([attempt for attempt, _ in bills]):
                # One is closed already, or another process made it uncertain.
                for attempt, cost in bills:
                    self.close(attempt, "settled", cost)
                return
            self.db.executemany(
                "UPDATE attempts SET state = 'settled', cost = ? WHERE id = ?",
                [(cost, attempt.id) for attempt, cost in bills],
            )
            self._add(
                {
                    "reserved": -sum(attempt.ceiling for attempt, _ in bills),
                    "settled": sum(cost for _, cost in bills),
                    "overshoot": sum(
                        max(0, cost - attempt.ceiling) for attempt, cost in bills
                    ),
                }
            )

    def _all_reserved(self, attempts: Sequence[Attempt]) -> bool:
        """Tell whether all these attempts are different ones that are still reserved."""
        ids = json.dumps([attempt.id for attempt in attempts])
        rows = self.db.rows(
            "SELECT count(*) FROM attempts WHERE state = 'reserved' "
            "AND id IN (SELECT value FROM json_each(?))",
            (ids,),
        )
        return bool(rows[0][0] == len(attempts))

    def close(
        self,
        attempt: Attempt,
        state: Literal["settled", "refused", "uncertain"],
        cost: int,
        reason: str = "",
        call: str = "",
    ) -> None:
        """Give an attempt its final state. An attempt that another process made uncertain can be
        closed too.

        Args:
            attempt: the reservation.
            state: its final state.
            cost: picodollars.
            reason: the reason why the cost of an uncertain attempt is unknown.
            call: the service's own name of the call.
        """
        with self.db.transaction():
            before = self.db.rows(
                "SELECT state FROM attempts WHERE id = ?", (attempt.id,)
            )[0][0]
            # "uncertain" is allowed: another process may have opened the ledger while this call was
            # under way, and then its outcome is known only here.
            if before not in ("reserved", "uncertain"):
                raise ValueError(
                    f"attempt {attempt.id} is closed already: it is {before}"
                )
            self.db.execute(
                "UPDATE attempts SET state = ?, cost = ?, reason = ?, call = ? WHERE id = ?",
                (state, cost, reason, call, attempt.id),
            )
            # Attempts never change their ceiling, so both states count it in full.
            changes = {before: -attempt.ceiling}
            if state != "refused":
                changes[state] = changes.get(state, 0) + cost
            if state == "settled":
                changes["overshoot"] = max(0, cost - attempt.ceiling)
            self._add(changes)
            if state != "settled":
                self.release(attempt.hold)  # nothing was bought that could be judged

    def release(self, hold: int) -> None:
        """Release at most this much of what this object holds."""
        if hold:
            with self.db.transaction():
                hold = min(hold, self.own_holds())
                self._add({"held": -hold})
            self._held -= hold

    def own_holds(self) -> int:
        """Return the picodollars that are held through this object.

        All of them are void once another process has opened the ledger.
        """
        opened = self._times_opened()
        if opened != self._opened:
            self._opened, self._held = opened, 0
        return self._held

    def set_holdout_reserve(self, picodollars: int) -> None:
        """Keep this much of the budget for the holdout."""
        balance = self.balance
        if not 0 <= picodollars <= balance.budget:
            raise BudgetError(
                "`0 <= money for the holdout <= budget` must hold, but got "
                f"{show(picodollars)} dollars of {show(balance.budget)}"
            )
        self.db.execute(
            "UPDATE ledgers SET holdout_reserve = ? WHERE study = ?",
            (picodollars, self.study),
        )

    def correct(self, billed: int) -> None:
        """Settle all uncertain attempts at the bill, by one correcting entry."""
        if not 0 <= billed <= MOST:
            raise BudgetError(
                f"a bill is between 0 and 1,000,000 dollars, but got {show(billed)}"
            )
        with self.db.transaction():
            balance = self.balance
            if balance.reserved:
                raise BudgetError(
                    f"calls of study {self.study!r} are in flight: reconcile it when no run is "
                    "going on"
                )
            self.db.execute(
                "UPDATE attempts SET state = 'settled' WHERE study = ? AND state = 'uncertain'",
                (self.study,),
            )
            # One entry for the difference, instead of changing the attempts: their own figures stay
            # as the services reported them.
            if billed != balance.spent:
                self._insert(
                    "settled", "reconcile", "", ceiling=0, cost=billed - balance.spent
                )
            self.db.execute(_ADD_UP, (self.study,))

    def uncertain_charges(self) -> list[UncertainCharge]:
        """Return every call whose bill is unknown, in the order of sending."""
        rows = self.db.rows(
            "SELECT id, service, call, reason, cost FROM attempts WHERE study = ? AND state = "
            "'uncertain' ORDER BY id",
            (self.study,),
        )
        return [UncertainCharge(*row) for row in rows]

    def settle_uncertain(self, charge: UncertainCharge, billed: int) -> None:
        """Settle a call at its bill. A bill above the call's ceiling is booked in full."""
        with self.db.transaction():
            self.db.execute(
                "UPDATE attempts SET state = 'settled', cost = ? WHERE id = ? AND study = ? AND "
                "state = 'uncertain'",
                (billed, charge.id, self.study),
            )
            self.db.execute(_ADD_UP, (self.study,))

    def uncertain_by_reason(self) -> list[tuple[str, int, int]]:
        """Return each reason of uncertain calls with their number and picodollars, the largest
        first.
        """
        return self.db.rows(
            "SELECT reason, count(*), sum(cost) FROM attempts WHERE study = ? AND state = "
            "'uncertain' "
            "GROUP BY reason ORDER BY sum(cost) DESC, reason",
            (self.study,),
        )

    def _add(self, changes: Mapping[str, int]) -> None:
        """Add amounts to columns of the ledger, in one statement."""
        amounts = {column: amount for column, amount in changes.items() if amount}
        if amounts:
            sums = ", ".join(f"{column} = {column} + ?" for column in amounts)
            self.db.execute(
                f"UPDATE ledgers SET {sums} WHERE study = ?",
                (*amounts.values(), self.study),
            )

    def _insert(
        self, state: str, purpose: str, service: str, *, ceiling: int, cost: int = 0
    ) -> int:
        cursor = self.db.execute(
            "INSERT INTO attempts (study, purpose, service, state, ceiling, cost, created) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self.study, purpose, service, state, ceiling, cost, time.time()),
        )
        assert cursor.lastrowid is not None  # an INSERT always has one
        return cursor.lastrowid

    def _times_opened(self) -> int:
        opened: int = self.db.rows(
            "SELECT opened FROM ledgers WHERE study = ?", (self.study,)
        )[0][0]
        return opened


def show(picodollars: int) -> str:
    """Dollars as people read them."""
    return f"{to_dollars(picodollars):.6g}"
