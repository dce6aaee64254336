"""Who gets money next: admission to the books of a study, in the order of asking."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from tune.errors import BudgetExhausted, StoreError
from tune.store.database import Database
from tune.store.group_commit import GroupCommit
from tune.store.ledger import MOST, Attempt, Balance, Books, Doubt, show
from tune.store.ledger_marks import Mark, read_mark

_TICKS = 64
"""Turns of the event loop in which a judge whose money is set aside may begin, before a waiting
call gives up.
"""


@dataclass(slots=True, eq=False)
class _Order:
    """A reservation that is wanted; who wants it waits at `future`."""

    ceiling: int
    purpose: str
    service: str
    earmark: int
    from_earmark: bool
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


class Account:
    """The money of one study: shared by everything that pays for it, kept across crashes and
    resumed runs.

    Opening it again turns the attempts that a killed process left in flight into uncertain ones.
    Where two processes open the same account, they cannot overspend together, but each waits only
    for its own calls.

    Args:
        db: the database; in that of the store, a draw and its settlement can be one transaction.
        study: whose money it is.
        budget: picodollars for the study in all, earlier runs included; it may be raised later.

    Raises:
        BudgetError: the budget is not between 1 picodollar and a million dollars, or less than what
        is spent.

    Attributes:
        shortage: the last call of the search that did not fit; None where each one did.
    """

    def __init__(self, db: Database, study: str, budget: int) -> None:
        self.db = db
        self.study = study
        self._books = Books(db, study, budget)
        self._disk = GroupCommit(db.flush)
        self._orders: deque[_Order] = deque()
        self._in_flight: set[int] = set()
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
        earmark: int = 0,
        from_earmark: bool = False,
    ) -> Attempt:
        """Hold the most that an attempt can cost, before it is sent; when this returns, no power
        cut can undo it.

        Calls are admitted in the order in which they ask: a small one never overtakes. One that
        does not fit waits while calls of this account are in flight. A judge whose ceiling is
        covered by earmarks asks for no new money, and waits for nobody.

        Args:
            ceiling: picodollars that the attempt can cost at most.
            purpose: "holdout" may use the envelope that is set aside, all others may not.
            service: who is called, for the record.
            earmark: picodollars to set aside in the same step, for judging what the attempt buys.
            from_earmark: take the money from earmarks first: this is the judge.

        Raises:
            BudgetExhausted: the ceiling does not fit, and no call in flight could make room for it;
            or the
                account is closed.
        """
        self._check_open()
        if ceiling < 0 or earmark < 0:
            raise ValueError(f"amounts are 0 or more, but got ceiling={ceiling}, earmark={earmark}")
        attempt = await self._wait_for_room(
            _Order(ceiling, purpose, service, earmark, from_earmark)
        )
        try:
            if self.db.on_disk:
                await self._disk.wait()
                self._check_open()
        except BaseException:
            self.refuse(attempt)  # it was not sent
            raise
        return attempt

    async def _wait_for_room(self, order: _Order) -> Attempt:
        """Book an order as soon as there is room for it."""
        if not self._orders or (order.from_earmark and order.ceiling <= self._books.own_earmarks()):
            attempt = self._book(order)
            if attempt is not None:
                return attempt
        order.future = asyncio.get_running_loop().create_future()
        self._orders.append(order)
        self._wake()
        try:
            return await order.future
        except asyncio.CancelledError:
            self._withdraw(order)
            raise

    async def sleep(self, seconds: float) -> None:
        """Wait before a call is sent, as long as calls are let through.

        Raises:
            BudgetExhausted: the account is closed, or was closed meanwhile: nobody waits for a call
            that is not sent.
        """
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
        """Book what an attempt did cost, in the transaction of the caller where there is one.

        Its earmark stays set aside, until a judge takes it or `release_earmark` lets it go.

        Returns:
            The overshoot: picodollars by which the cost is above the ceiling; booked in full, 0 as
            a rule.
        """
        if cost < 0:
            raise ValueError(f"a cost is 0 or more, but got {cost}")
        cost = min(
            cost, MOST
        )  # a bill of a million dollars is a fault, and must not break the sums
        self._close(attempt, "settled", cost)
        self._spent_now += cost
        return max(0, cost - attempt.ceiling)

    def refuse(self, attempt: Attempt) -> None:
        """Book that an attempt was refused, and cost nothing."""
        self._close(attempt, "refused", 0)

    def strand(
        self, attempt: Attempt, most: int | None = None, reason: str = "", call: str = ""
    ) -> None:
        """Book that nobody knows whether an attempt was billed.

        Args:
            most: picodollars that the bill can be at most; None is the attempt's ceiling.
            reason: why nobody knows it.
            call: the service's own name of the call, by which its bill may be asked for.
        """
        cost = attempt.ceiling if most is None else min(most, attempt.ceiling)
        self._close(attempt, "uncertain", cost, reason, call)
        self._spent_now += cost

    def release_earmark(self, amount: int) -> None:
        """Let go of picodollars that were set aside for a judge: it is not needed, or costs less."""
        if amount < 0:
            raise ValueError(f"an amount is 0 or more, but got {amount}")
        self._books.release(amount)
        self._wake()

    def close(self, reason: str) -> None:
        """Let nothing more through, those that wait included; calls in flight settle as ever.

        Args:
            reason: why, as `closed` says it from now on; the first one stays.
        """
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
        """Why nothing more is let through; None where the account is open."""
        return self._closed

    def set_aside(self, picodollars: int) -> None:
        """Keep this much of the budget for the holdout; it replaces what was set aside before.

        Raises:
            BudgetError: it is more than the budget.
        """
        self._books.keep(picodollars)
        self._wake()

    def release(self) -> None:
        """Open the envelope: whatever the holdout left may be used by everybody."""
        self.set_aside(0)

    def reconcile(self, billed: int) -> None:
        """Replace what is uncertain by the truth, when the provider's bill for the study is known.

        Attempts of unknown outcome are closed, and one correcting entry makes settled equal to the
        bill. It can be done again with another figure.

        Args:
            billed: picodollars that the provider billed for the whole study.

        Raises:
            BudgetError: the figure cannot be, or calls are in flight.
        """
        self._books.correct(billed)
        self._wake()

    def doubts(self) -> list[Doubt]:
        """Every call whose bill nobody knows."""
        return self._books.doubts()

    def clear(self, doubt: Doubt, billed: int) -> None:
        """Book what the service billed, in picodollars, for a call whose bill nobody knew."""
        self._books.clear(doubt, min(billed, MOST))
        self._wake()

    @property
    def balance(self) -> Balance:
        """Where the money is now, all processes included, in picodollars."""
        return self._books.balance

    @property
    def budget(self) -> int:
        """What the study may spend in all."""
        return self.balance.budget

    @property
    def limit(self) -> int:
        """What may be spent now by all but the holdout: the budget without the envelope."""
        return self.balance.limit

    @property
    def settled(self) -> int:
        """What answered calls cost."""
        return self.balance.settled

    @property
    def reserved(self) -> int:
        """Ceilings of calls in flight, and what is set aside for judging their answers."""
        return self.balance.reserved

    @property
    def uncertain(self) -> int:
        """Ceilings of calls whose outcome nobody knows."""
        return self.balance.uncertain

    @property
    def overshoot(self) -> int:
        """The part of settled by which bills exceeded their ceilings."""
        return self.balance.overshoot

    @property
    def spent(self) -> int:
        """What the study paid: settled and uncertain, earlier runs included."""
        return self.balance.spent

    @property
    def spent_now(self) -> int:
        """What was paid through this object: settled and uncertain."""
        return self._spent_now

    @property
    def left(self) -> int:
        """What could be reserved at this moment by all but the holdout."""
        return self.balance.left

    def mark(self) -> Mark:
        """How far the ledger has come, once all of it is on the disk; for the study's journal."""
        self.db.flush()
        mark = read_mark(self.db, self.study)
        assert mark is not None  # the books were begun when they were opened, and are never removed
        return mark

    def spent_by_purpose(self) -> dict[str, int]:
        """Settled and uncertain picodollars by purpose; a correction by `reconcile` has its own."""
        return self._books.spent_by_purpose()

    def uncertain_by_reason(self) -> list[tuple[str, int, int]]:
        """Reasons of what is uncertain, each with its number of calls and their picodollars."""
        return self._books.uncertain_by_reason()

    def _book(self, order: _Order) -> Attempt | None:
        attempt = self._books.book(
            order.ceiling,
            purpose=order.purpose,
            service=order.service,
            earmark=order.earmark,
            from_earmark=order.from_earmark,
        )
        if attempt is not None:
            self._in_flight.add(attempt.id)
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
            self._books.close(attempt, state, cost, *why)
        finally:
            # Also where the disk is full: those who wait for this attempt's money must hear of it.
            self._in_flight.discard(attempt.id)
            self._wake()

    def _wake(self) -> None:
        """Look at the waiting orders soon: after the transaction that makes room for them is
        committed.
        """
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
                    elif self._in_flight or self._judge_may_come():
                        return
                    else:
                        order.future.set_exception(BudgetExhausted(self._why_not(order)))
            self._orders.popleft()

    def _judge_may_come(self) -> bool:
        """Whether to wait a little for a judge whose money is set aside, and which may leave some
        of it.

        Not for ever: whoever would call the judge may itself be waiting for this very order.
        """
        if not self._ticks or not self._books.own_earmarks():
            return False
        self._ticks -= 1
        self._wake()
        return True

    def _withdraw(self, order: _Order) -> None:
        """Undo an order whose task was cancelled, so that it neither holds money nor blocks the
        others.
        """
        if order in self._orders:
            self._orders.remove(order)
            self._wake()
        elif not order.future.cancelled() and order.future.exception() is None:
            self.refuse(order.future.result())  # admitted, but cancelled before it could be sent

    def _why_not(self, order: _Order) -> str:
        balance = self.balance
        limit = balance.budget if order.purpose == "holdout" else balance.limit
        left = max(0, limit - balance.spent - balance.reserved)
        if order.purpose != "holdout":
            self.shortage = Shortage(order.ceiling + order.earmark, left)
        return (
            f"the budget is used up: this call can cost up to {show(order.ceiling + order.earmark)} dollars, "
            f"and {show(left)} of {show(limit)} are left"
        )
