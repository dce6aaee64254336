"""Answered calls are kept: the draws of a call and its settlement are one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tune.errors import StoreError
from tune.store.booking import Attempt
from tune.store.draws import BoughtDraw, Store
from tune.store.ledger import Ledger

_FAULTS = (StoreError, ValueError, OverflowError)
"""Errors of a write. Whoever waits for the write gets them."""


class Purchases:
    """Keeps what calls brought. All calls of one turn of the event loop share a transaction.

    Args:
        ledger: settles; in the same database as the store.
        store: keeps the draws; None keeps none, and only their cost is booked.
    """

    def __init__(self, ledger: Ledger, store: Store | None) -> None:
        self._ledger = ledger
        self._store = store
        self._waiting: list[_Purchase] = []

    async def keep(self, attempt: Attempt, bought: BoughtDraw) -> None:
        """Keep the draws of one call and settle it; a cancellation does not prevent that.

        Raises:
            StoreError: they cannot be written.
        """
        loop = asyncio.get_running_loop()
        purchase = _Purchase(attempt, bought, loop.create_future())
        self._waiting.append(purchase)
        if len(self._waiting) == 1:
            loop.call_soon(self._write)
        try:
            await purchase.future
        except asyncio.CancelledError:
            # The event loop may end before the next turn, and the call is paid.
            self._write()
            raise

    def _write(self) -> None:
        """Write all that waits."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            self._keep(waiting)
        except _FAULTS as error:
            if len(waiting) == 1:
                waiting[0].end(error)
                return
            # The fault may be that of one call, so each is written by itself.
            for purchase in waiting:
                self._write_alone(purchase)
            return
        for purchase in waiting:
            purchase.end()

    def _write_alone(self, purchase: _Purchase) -> None:
        try:
            self._keep([purchase])
        except _FAULTS as error:
            purchase.end(error)
        else:
            purchase.end()

    def _keep(self, together: Sequence[_Purchase]) -> None:
        bills = [(one.attempt, sum(one.bought.costs)) for one in together]
        with self._ledger.db.transaction():
            self._ledger.settle_all(bills)
            if self._store is not None:
                self._store.put_all(
                    [one.bought for one in together], study=self._ledger.study
                )


@dataclass(frozen=True, slots=True)
class _Purchase:
    """An answered call that waits to be written."""

    attempt: Attempt
    bought: BoughtDraw
    future: asyncio.Future[None]

    def end(self, error: Exception | None = None) -> None:
        """Tell the caller that it is written, or why it is not."""
        # Done already means that the caller was cancelled.
        if self.future.done():
            return
        if error is None:
            self.future.set_result(None)
        else:
            self.future.set_exception(error)
