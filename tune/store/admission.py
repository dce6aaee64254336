"""The line for a ledger's money: calls get it in the order in which they ask for it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from tune.errors import BudgetExhausted, StoreError
from tune.store.booking import Attempt, Booking
from tune.store.group_commit import GroupCommit
from tune.store.ledger_table import LedgerTable, show

_TICKS = 64
"""Turns of the event loop in which a judge whose money is held may begin, before a waiting call
gives up.
"""


@dataclass(slots=True, eq=False)
class Order:
    """A reservation that is wanted. Whoever wants it waits at `future`.

    Attributes:
        ceiling: picodollars that the attempt can cost at most.
        purpose: "search", "judge" or "holdout".
        service: the service that is called.
        hold: picodollars to hold for judging what is bought.
        from_hold: take the money from holds first.
        expected: picodollars that the attempt is expected to cost.
        attempt: the reservation, once it is made.
        future: gets the reservation when no power cut can undo it any more.
    """

    ceiling: int
    purpose: str
    service: str
    hold: int
    from_hold: bool
    expected: int
    attempt: Attempt | None = None
    future: asyncio.Future[Attempt] = field(init=False)


@dataclass(frozen=True, slots=True)
class Shortage:
    """A call that did not fit, in picodollars.

    Attributes:
        needed: what it could cost at most.
        left: what could be reserved for it.
    """

    needed: int
    left: int


class Admission:
    """Admits orders in their sequence, as far as the money goes.

    All orders of one turn of the event loop share a transaction, and a write to the disk: with one
    of them for each call, the disk would allow a few hundred calls per second at most.

    Args:
        table: the ledger in the database.

    Attributes:
        closed: the reason why nothing more is let through; None where it is open.
        shortage: the last call of the search that did not fit; None if every call did.
        holdout_shortage: the last call of the holdout that did not fit; None if every call did.
    """

    def __init__(self, table: LedgerTable) -> None:
        self.closed: str | None = None
        self.shortage: Shortage | None = None
        self.holdout_shortage: Shortage | None = None
        self._table = table
        self._disk = GroupCommit(table.db.flush)
        self._orders: deque[Order] = deque()
        # The event loop that will call `_admit` soon.
        self._awake: asyncio.AbstractEventLoop | None = None
        # By attempt in flight: the picodollars that it is expected to give back, and their sum.
        self._in_flight: dict[int, int] = {}
        self._reach = 0
        self._ticks = _TICKS

    async def wait(self, order: Order) -> Attempt:
        """Wait for the reservation of an order.

        Raises:
            BudgetExhausted: it does not fit and no call in flight could make room for it, or the
                ledger was closed.
            StoreError: it cannot be written.
        """
        self.check_open()
        # The future is made here, in the loop that will wait for it.
        order.future = asyncio.get_running_loop().create_future()
        # Only a judge whose money is already held may overtake: it needs no new money, and the
        # answer that it judges is already paid.
        if order.from_hold and order.ceiling <= self._table.own_holds():
            self._admit_at_once(order)
        else:
            self._orders.append(order)
            self.wake()
        is_admitted = False
        try:
            attempt = await order.future
            is_admitted = True
        finally:
            # Cancelled, closed or no disk: the call is not sent, so its money comes back at once.
            if not is_admitted:
                self._withdraw(order)
        return attempt

    def check_open(self) -> None:
        """Raise BudgetExhausted where nothing more is let through."""
        if self.closed is not None:
            raise BudgetExhausted(self.closed)

    def close(self, reason: str) -> None:
        """Let nothing more through, those that wait included."""
        # The first reason is the cause; later ones are its consequences.
        self.closed = self.closed or reason
        while self._orders:
            _fail(self._orders.popleft(), BudgetExhausted(self.closed))

    def forget(self, attempt: Attempt) -> None:
        """Take note that an attempt is closed: there may be room for those that wait."""
        self._reach -= self._in_flight.pop(attempt.id, 0)
        self.wake()

    def wake(self) -> None:
        """Look at the orders soon, after the transaction that makes room for them."""
        if not self._orders:
            return
        loop = self._orders[0].future.get_loop()
        if self._awake is not loop:
            self._awake = loop
            # The callback runs in a later turn of the loop: all orders of this turn are there, and
            # the transaction has been committed.
            loop.call_soon(self._admit)

    def _admit(self) -> None:
        """Admit those that wait, in their order, as far as the money goes."""
        self._awake = None
        if not self._orders:
            return
        admitted: list[Order] = []
        try:
            with self._table.booking() as booking:
                self._admit_all(booking, admitted)
        except StoreError as error:
            # Nothing of it was written, and the others would fail alike.
            for order in (*admitted, *self._orders):
                self._undo(order)
                _fail(order, error)
            self._orders.clear()
            return
        self._make_durable(admitted)

    def _admit_all(self, booking: Booking, admitted: list[Order]) -> None:
        """Reserve for the orders from the front, and move them to the admitted ones."""
        while self._orders:
            order = self._orders[0]
            if not order.future.done():
                if self._reserve(booking, order):
                    admitted.append(order)
                # A call in flight may cost less than its ceiling, which makes room.
                elif self._in_flight or self._judge_may_come():
                    return
                else:
                    _fail(order, BudgetExhausted(self._why_not(order, booking)))
            self._orders.popleft()

    def _admit_at_once(self, order: Order) -> None:
        """Admit an order before all others."""
        with self._table.booking() as booking:
            admitted = self._reserve(booking, order)
        if admitted:
            self._make_durable([order])
        else:
            self._orders.append(order)
            self.wake()

    def _reserve(self, booking: Booking, order: Order) -> bool:
        """Reserve for an order, where it fits."""
        attempt = booking.reserve(
            order.ceiling,
            purpose=order.purpose,
            service=order.service,
            hold=order.hold,
            from_hold=order.from_hold,
            reach=self._reach,
        )
        if attempt is None:
            return False
        order.attempt = attempt
        self._in_flight[attempt.id] = order.ceiling - order.expected
        self._reach += order.ceiling - order.expected
        self._ticks = _TICKS
        return True

    def _make_durable(self, admitted: list[Order]) -> None:
        """Let admitted orders go when no power cut can undo their reservations."""
        # Otherwise the provider could bill a call that the ledger no longer knows.
        if not admitted:
            return
        if not self._table.db.on_disk:
            self._send_off(admitted, None)
            return
        written = self._disk.request()
        written.add_done_callback(
            lambda done: self._send_off(admitted, _error_of(done))
        )

    def _send_off(self, admitted: list[Order], error: BaseException | None) -> None:
        """Tell those who wait that their reservations are durable, or why they are not."""
        if error is None and self.closed is not None:
            error = BudgetExhausted(self.closed)
        for order in admitted:
            if error is not None:
                _fail(order, error)
            elif not order.future.done():
                assert order.attempt is not None
                order.future.set_result(order.attempt)

    def _withdraw(self, order: Order) -> None:
        """Undo an order whose call is not sent: it must not hold money or block the others."""
        if order.attempt is not None:
            attempt = order.attempt
            self._undo(order)
            try:
                self._table.close(attempt, "refused", 0)
            finally:
                self.wake()
        elif order in self._orders:
            self._orders.remove(order)
            self.wake()

    def _undo(self, order: Order) -> None:
        if order.attempt is not None:
            self._reach -= self._in_flight.pop(order.attempt.id, 0)
            order.attempt = None

    def _judge_may_come(self) -> bool:
        """Return whether to wait a little: a judge with a hold may leave some of it.

        The wait has an end, because the caller of the judge may itself be waiting for this order.
        """
        if not self._ticks or not self._table.own_holds():
            return False
        # Each admission resets the counter, so that it limits waiting without any progress.
        self._ticks -= 1
        self.wake()
        return True

    def _why_not(self, order: Order, booking: Booking) -> str:
        limit = booking.limit(order.purpose)
        left = max(0, limit - booking.taken)
        needed = order.ceiling + order.hold
        # The report says how much money was missing to go on.
        if order.purpose == "holdout":
            self.holdout_shortage = Shortage(needed, left)
        else:
            self.shortage = Shortage(needed, left)
        return (
            f"the budget is used up: this call can cost up to {show(needed)} dollars, "
            f"and {show(left)} of {show(limit)} are left"
        )


def _fail(order: Order, error: BaseException) -> None:
    # Done already means that the caller was cancelled.
    if not order.future.done():
        order.future.set_exception(error)


def _error_of(done: asyncio.Future[None]) -> BaseException | None:
    """Return the error of a write to the disk; None where it has come about."""
    # The executor's future is cancelled when the loop is shut down.
    if done.cancelled():
        return asyncio.CancelledError()
    return done.exception()
