"""Admission to a study's ledger: calls get money in the order in which they ask for it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from tune.errors import BudgetExhausted, StoreError
from tune.store.database import Database
from tune.store.group_commit import GroupCommit
from tune.store.ledger_marks import LedgerMark, read_ledger_mark
from tune.store.ledger_table import (
    MOST,
    Attempt,
    Balance,
    LedgerTable,
    SentCall,
    UncertainCharge,
    show,
)

_TICKS = 64
"""Turns of the event loop in which a judge whose money is held may begin, before a waiting call
gives up.
"""


@dataclass(slots=True, eq=False)
class _Order:
    """A reservation that is wanted; who wants it waits at `future`."""

    ceiling: int
    purpose: str
    service: str
    hold: int
    from_hold: bool
    expected: int
    future: asyncio.Future[Attempt] = field(init=False)


@dataclass(frozen=True, slots=True)
class Shortage:
    """A call of the search that did not fit, in picodollars.

    Attributes:
        needed: what it could cost at most.
        left: what could be reserved for it.
    """

    needed: int
    left: int


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

    Attributes:
        shortage: the last call of the search that did not fit; None if every call did.
    """

    def __init__(self, db: Database, study: str, budget: int) -> None:
        self.db = db
        self.study = study
        self._table = LedgerTable(db, study, budget)
        # One write to the disk serves all calls that ask at about the same time: with one write for
        # each call, the disk would allow a few hundred calls per second at most.
        self._disk = GroupCommit(db.flush)
        self._orders: deque[_Order] = deque()
        # By attempt: the picodollars that it is expected to give back.
        self._in_flight: dict[int, int] = {}
        self._spent_now = 0
        self._ticks = _TICKS
        self._closed: str | None = None
        self._sleepers: set[asyncio.Future[None]] = set()
        self.shortage: Shortage | None = None

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
        self._check_open()
        if ceiling < 0 or hold < 0:
            raise ValueError(
                f"amounts are 0 or more, but got ceiling={ceiling}, hold={hold}"
            )
        expected = ceiling if expected is None else min(expected, ceiling)
        order = _Order(ceiling, purpose, service, hold, from_hold, expected)
        attempt = await self._wait_for_room(order)
        try:
            # A reservation must survive a power cut before its call is sent. Otherwise the provider
            # could bill a call that the ledger no longer knows.
            if self.db.on_disk:
                await self._disk.wait()
                self._check_open()
        except BaseException:
            # Cancelled, closed or no disk: the call is not sent, so its money comes back at once.
            self.refuse(attempt)
            raise
        return attempt

    async def _wait_for_room(self, order: _Order) -> Attempt:
        """Book an order as soon as there is room for it."""
        # First come, first served. Only a judge whose money is already held may overtake: it needs
        # no new money, and the answer that it judges is already paid.
        if not self._orders or (
            order.from_hold and order.ceiling <= self._table.own_holds()
        ):
            attempt = self._book(order)
            if attempt is not None:
                return attempt
        # The future is made here, in the loop that will wait for it.
        order.future = asyncio.get_running_loop().create_future()
        self._orders.append(order)
        self._wake()
        try:
            return await order.future
        except asyncio.CancelledError:
            self._withdraw(order)
            raise

    async def sleep(self, seconds: float) -> None:
        """Wait before a call is sent, while calls are still let through.

        Raises:
            BudgetExhausted: the ledger is closed, or was closed during the wait.
        """
        # Not asyncio.sleep: closing the ledger must end this wait at once.
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.add(woken)
        try:
            if self._closed is None:
                await asyncio.wait([woken], timeout=seconds)
        finally:
            self._sleepers.discard(woken)
        if self._closed is not None:
            raise BudgetExhausted(self._closed)

    def settle(self, attempt: Attempt, cost: int) -> int:
        """Book the cost of an attempt, in the caller's transaction if there is one.

        Its hold stays held until a judge takes it or `release_hold` lets it go.

        Returns:
            The overshoot in picodollars: the cost above the ceiling, normally 0. It is booked in
            full.
        """
        if cost < 0:
            raise ValueError(f"a cost is 0 or more, but got {cost}")
        # A bill of a million dollars is a fault, and must not break the sums.
        cost = min(cost, MOST)
        self._close(attempt, "settled", cost)
        self._spent_now += cost
        return max(0, cost - attempt.ceiling)

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
        self._wake()

    def close(self, reason: str) -> None:
        """Let nothing more through, those that wait included; calls in flight settle as ever.

        Args:
            reason: why, as `closed` says it from now on; the first one stays.
        """
        # The first reason is the cause; later ones are its consequences.
        self._closed = self._closed or reason
        for sleeper in self._sleepers:
            if not sleeper.done():
                sleeper.set_result(None)
        while self._orders:
            order = self._orders.popleft()
            if not order.future.done():
                order.future.set_exception(BudgetExhausted(self._closed))

    def reopen(self) -> None:
        """Take back `close`."""
        self._closed = None

    def _check_open(self) -> None:
        if self._closed is not None:
            raise BudgetExhausted(self._closed)

    @property
    def closed(self) -> str | None:
        """Why nothing more is let through; None where the ledger is open."""
        return self._closed

    def set_holdout_reserve(self, picodollars: int) -> None:
        """Keep this much of the budget for the holdout, instead of what was kept before.

        0 gives what the holdout did not use to everybody.

        Raises:
            BudgetError: it is more than the budget.
        """
        self._table.set_holdout_reserve(picodollars)
        self._wake()

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
        self._wake()

    def uncertain_charges(self) -> list[UncertainCharge]:
        """Return every call whose bill is unknown."""
        return self._table.uncertain_charges()

    def settle_uncertain(self, charge: UncertainCharge, billed: int) -> None:
        """Settle a call whose bill was unknown, at the picodollars that the service billed."""
        self._table.settle_uncertain(charge, min(billed, MOST))
        self._wake()

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

    def _book(self, order: _Order) -> Attempt | None:
        attempt = self._table.book(
            order.ceiling,
            purpose=order.purpose,
            service=order.service,
            hold=order.hold,
            from_hold=order.from_hold,
            reach=sum(self._in_flight.values()),
        )
        if attempt is not None:
            self._in_flight[attempt.id] = order.ceiling - order.expected
            self._ticks = _TICKS
        return attempt

    def _close(
        self,
        attempt: Attempt,
        state: Literal["settled", "refused", "uncertain"],
        cost: int,
        *why: str,
    ) -> None:
        try:
            self._table.close(attempt, state, cost, *why)
        finally:
            # Also where the disk is full: those who wait for this attempt's money must hear of it.
            self._in_flight.pop(attempt.id, None)
            self._wake()

    def _wake(self) -> None:
        """Look at the waiting orders soon, after the transaction that makes room for them."""
        # The callback runs in a later turn of the loop, when the transaction has been committed.
        if self._orders:
            self._orders[0].future.get_loop().call_soon(self._admit)

    def _admit(self) -> None:
        """Admit those that wait, in their order, as far as the money goes."""
        while self._orders:
            order = self._orders[0]
            if not order.future.done():
                try:
                    attempt = self._book(order)
                except StoreError as error:
                    order.future.set_exception(error)
                else:
                    if attempt is not None:
                        order.future.set_result(attempt)
                    # A call in flight may cost less than its ceiling, which makes room.
                    elif self._in_flight or self._judge_may_come():
                        return
                    else:
                        order.future.set_exception(
                            BudgetExhausted(self._why_not(order))
                        )
            self._orders.popleft()

    def _judge_may_come(self) -> bool:
        """Return whether to wait a little: a judge with an hold may leave some of it.

        The wait has an end, because the caller of the judge may itself be waiting for this order.
        """
        if not self._ticks or not self._table.own_holds():
            return False
        # Each admission resets the counter, so that it limits waiting without any progress.
        self._ticks -= 1
        self._wake()
        return True

    def _withdraw(self, order: _Order) -> None:
        """Undo an order whose task was cancelled: it must not hold money or block the others."""
        if order in self._orders:
            self._orders.remove(order)
            self._wake()
        # The order was admitted between the cancellation and this line.
        elif not order.future.cancelled() and order.future.exception() is None:
            self.refuse(
                order.future.result()
            )  # admitted, but cancelled before it could be sent

    def _why_not(self, order: _Order) -> str:
        balance = self.balance
        limit = balance.budget if order.purpose == "holdout" else balance.limit
        left = max(0, limit - balance.spent - balance.reserved)
        if order.purpose != "holdout":
            # The report says how much money was missing for the search to go on.
            self.shortage = Shortage(order.ceiling + order.hold, left)
        return (
            "the budget is used up: this call can cost up to "
            f"{show(order.ceiling + order.hold)} dollars, "
            f"and {show(left)} of {show(limit)} are left"
        )
