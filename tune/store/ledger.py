"""The ledger of one study: everything that pays for it reserves here first, and settles here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

from tune.store.admission import Admission, Order, Shortage
from tune.store.booking import MOST, Attempt
from tune.store.database import Database
from tune.store.ledger_marks import LedgerMark, read_ledger_mark
from tune.store.ledger_table import Balance, LedgerTable, SentCall, UncertainCharge


class Ledger:
    """The money of one study, shared by everything that pays for it and kept across crashes.

    Opening it again marks the attempts that a killed process left in flight as uncertain. Two
    processes that open the same ledger cannot overspend together, but each waits only for its own
    calls.

    Args:
        db: the database. If it is the store's, a draw and its settlement are one transaction.
        study: the study's name.
        budget: picodollars for the whole study, earlier runs included. It may be raised later.

    Raises:
        BudgetError: the budget is not between 1 picodollar and a million dollars, or it is less
            than what is spent.
    """

    def __init__(self, db: Database, study: str, budget: int) -> None:
        self.db = db
        self.study = study
        self._table = LedgerTable(db, study, budget)
        self._admission = Admission(self._table)
        self._spent_now = 0
        self._sleepers: set[asyncio.Future[None]] = set()

    async def reserve(
        self,
        ceiling: int,
        *,
        purpose: str = "search",
        service: str = "",
        hold: int = 0,
        from_hold: bool = False,
        expected: int | None = None,
    ) -> Attempt:
        """Hold the most that an attempt can cost, before it is sent.

        When this returns, no power cut can undo the reservation. Calls are admitted in the order in
        which they ask: a small one never overtakes. A call that does not fit waits while calls of
        this ledger are in flight. A judge whose ceiling is covered by holds needs no new money
        and never waits.

        Calls usually cost a small part of their ceilings. So beside calls in flight, a call may
        reserve a part of the holdout's reserve: as much as those are expected to give back.

        Args:
            ceiling: picodollars that the attempt can cost at most.
            purpose: only "holdout" may spend the holdout's reserve.
            service: the service that is called, for the record.
            hold: picodollars to hold in the same step, for judging what the attempt buys.
            from_hold: take the money from holds first: this call is the judge's.
            expected: picodollars that the attempt is expected to cost; its ceiling if None.

        Raises:
            BudgetExhausted: the ceiling does not fit and no call in flight could make room for it,
                or the ledger is closed.
        """
        if ceiling < 0 or hold < 0:
            raise ValueError(
                f"amounts are 0 or more, but got ceiling={ceiling}, hold={hold}"
            )
        expected = ceiling if expected is None else min(expected, ceiling)
        order = Order(ceiling, purpose, service, hold, from_hold, expected)
        return await self._admission.wait(order)

    async def sleep(self, seconds: float) -> None:
        """Wait before a call is sent, while calls are still let through.

        Raises:
            BudgetExhausted: the ledger is closed, or was closed during the wait.
        """
        # Not asyncio.sleep: closing the ledger must end this wait at once.
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.add(woken)
        try:
            if self.closed is None:
                await asyncio.wait([woken], timeout=seconds)
        finally:
            self._sleepers.discard(woken)
        self._admission.check_open()

    def settle(self, attempt: Attempt, cost: int) -> int:
        """Book the cost of an attempt, in the caller's transaction if there is one.

        Its hold stays held until a judge takes it or `release_hold` lets it go.

        Returns:
            The overshoot in picodollars: the cost above the ceiling, normally 0. It is booked in
            full.
        """
        return self.settle_all([(attempt, cost)])[0]

    def settle_all(self, bills: Sequence[tuple[Attempt, int]]) -> list[int]:
        """Book the costs of several attempts in one transaction, as `settle` does for one."""
        booked: list[tuple[Attempt, int]] = []
        for attempt, cost in bills:
            if cost < 0:
                raise ValueError(f"a cost is 0 or more, but got {cost}")
            # A bill of a million dollars is a fault, and must not break the sums.
            booked.append((attempt, min(cost, MOST)))
        try:
            self._table.settle(booked)
        finally:
            # Also where the disk is full: those who wait for this money must hear of it.
            for attempt, _ in booked:
                self._admission.forget(attempt)
        self._spent_now += sum(cost for _, cost in booked)
        return [max(0, cost - attempt.ceiling) for attempt, cost in booked]

    def refuse(self, attempt: Attempt) -> None:
        """Book that an attempt was refused, and cost nothing."""
        self._close(attempt, "refused", 0)

    def mark_unknown(
        self,
        attempt: Attempt,
        most: int | None = None,
        reason: str = "",
        call: str = "",
    ) -> None:
        """Book an attempt as uncertain: it may have been billed.

        Args:
            attempt: the reservation.
            most: picodollars that the bill can be at most; None means the attempt's ceiling.
            reason: the reason why its bill is unknown.
            call: the service's own name of the call. The bill may be asked for by it.
        """
        cost = attempt.ceiling if most is None else min(most, attempt.ceiling)
        self._close(attempt, "uncertain", cost, reason, call)
        self._spent_now += cost

    def release_hold(self, amount: int) -> None:
        """Release picodollars that were held for a judge: it is not needed, or costs less."""
        if amount < 0:
            raise ValueError(f"an amount is 0 or more, but got {amount}")
        self._table.release(amount)
        self._admission.wake()

    def close(self, reason: str) -> None:
        """Let nothing more through, those that wait included; calls in flight settle as ever.

        Args:
            reason: why, as `closed` says it from now on; the first one stays.
        """
        self._admission.close(reason)
        for sleeper in self._sleepers:
            if not sleeper.done():
                sleeper.set_result(None)

    def reopen(self) -> None:
        """Take back `close`."""
        self._admission.closed = None

    @property
    def closed(self) -> str | None:
        """Reason for which nothing more is let through; None where the ledger is open."""
        return self._admission.closed

    @property
    def shortage(self) -> Shortage | None:
        """The last call of the search that did not fit; None if every call did."""
        return self._admission.shortage

    @property
    def holdout_shortage(self) -> Shortage | None:
        """The last call of the holdout that did not fit; None if every call did."""
        return self._admission.holdout_shortage

    def set_holdout_reserve(self, picodollars: int) -> None:
        """Keep this much of the budget for the holdout, instead of what was kept before.

        0 gives what the holdout did not use to everybody.

        Raises:
            BudgetError: it is more than the budget.
        """
        self._table.set_holdout_reserve(picodollars)
        self._admission.wake()

    def reconcile(self, billed: int) -> None:
        """Replace what is uncertain by the truth, when the provider's bill for the study is known.

        Attempts of unknown outcome are closed, and one correcting entry makes settled equal to the
        bill. It can be done again with another figure.

        Args:
            billed: picodollars that the provider billed for the whole study.

        Raises:
            BudgetError: the figure cannot be, or calls are in flight.
        """
        self._table.correct(billed)
        self._admission.wake()

    def uncertain_charges(self) -> list[UncertainCharge]:
        """Return every call whose bill is unknown."""
        return self._table.uncertain_charges()

    def settle_uncertain(self, charge: UncertainCharge, billed: int) -> None:
        """Settle a call whose bill was unknown, at the picodollars that the service billed."""
        self._table.settle_uncertain(charge, min(billed, MOST))
        self._admission.wake()

    @property
    def balance(self) -> Balance:
        """The balance now, all processes included, in picodollars."""
        return self._table.balance

    @property
    def budget(self) -> int:
        """The picodollars that the study may spend in all."""
        return self.balance.budget

    @property
    def limit(self) -> int:
        """The picodollars that all but the holdout may spend: the budget without the holdout's
        reserve.
        """
        return self.balance.limit

    @property
    def settled(self) -> int:
        """The picodollars that answered calls cost."""
        return self.balance.settled

    @property
    def reserved(self) -> int:
        """Ceilings of calls in flight, and the money held for judging their answers."""
        return self.balance.reserved

    @property
    def uncertain(self) -> int:
        """The ceilings of calls whose outcome is unknown, in picodollars."""
        return self.balance.uncertain

    @property
    def overshoot(self) -> int:
        """The picodollars by which bills exceeded their ceilings; a part of `settled`."""
        return self.balance.overshoot

    @property
    def spent(self) -> int:
        """The picodollars that the study paid: settled and uncertain, earlier runs included."""
        return self.balance.spent

    @property
    def spent_now(self) -> int:
        """The picodollars that were paid through this object: settled and uncertain."""
        return self._spent_now

    @property
    def left(self) -> int:
        """The picodollars that all but the holdout could reserve now."""
        return self.balance.left

    def mark(self) -> LedgerMark:
        """Return the mark of the ledger for the study's journal, after all of it is on the disk."""
        # The journal must never speak of draws or dollars that the store could still lose.
        self.db.flush()
        mark = read_ledger_mark(self.db, self.study)
        # Opening the ledger made its row, and nothing removes the row.
        assert mark is not None
        return mark

    def spent_by_purpose(self) -> dict[str, int]:
        """Settled and uncertain picodollars by purpose; a correction by `reconcile` has its own."""
        return self._table.spent_by_purpose()

    def calls(self) -> list[SentCall]:
        """Return every call that was sent, earlier runs included, in the order of sending."""
        return self._table.calls()

    def uncertain_by_reason(self) -> list[tuple[str, int, int]]:
        """Reasons of what is uncertain, each with its number of calls and their picodollars."""
        return self._table.uncertain_by_reason()

    def _close(
        self,
        attempt: Attempt,
        state: Literal["refused", "uncertain"],
        cost: int,
        *why: str,
    ) -> None:
        try:
            self._table.close(attempt, state, cost, *why)
        finally:
            # Also where the disk is full: those who wait for this money must hear of it.
            self._admission.forget(attempt)
