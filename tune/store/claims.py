"""Claims on purchases under way, so that no two processes on one store buy the same draws."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from tune.completion import Request
from tune.errors import StoreError
from tune.store.database import Database

BEAT = 1.0
"""Seconds after which a process says again that its purchases are under way."""

_LATER = 0.05
"""Seconds after which claims that ended are removed together: one write instead of many."""

STALE = 10.0
"""Seconds without a word after which a process counts as killed, and its claims as void. An event
loop that is busy with a slow metric can be late for some seconds; it must not be taken for dead.
"""


_TAKE = """
INSERT INTO claims (request, generation, owner, beat) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET owner = excluded.owner, beat = excluded.beat
WHERE owner = excluded.owner OR beat < ? OR ?
"""


@dataclass(slots=True, eq=False)
class _Wish:
    """A claim that is asked for.

    Attributes:
        key: the request's key.
        by_force: take it from a living process too.
        future: gets True where it was taken.
        taken: the same.
    """

    key: bytes
    by_force: bool
    future: asyncio.Future[bool]
    taken: bool = False


class Claims:
    """The claims of one study.

    Args:
        db: the store's database.
        owner: the study. Only one process at a time runs it, so claims that it finds at its start
            are void.
        generation: as in the store: fresh draws of two studies are not the same draws.
        clock: seconds since 1970; all processes on a store share it.
    """

    def __init__(
        self,
        db: Database,
        owner: str,
        *,
        generation: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db, self._owner, self._generation, self._clock = (
            db,
            owner,
            generation,
            clock,
        )
        self._held: Counter[bytes] = Counter()
        self._wishes: list[_Wish] = []
        # Claims that ended, and are still in the store.
        self._ended: set[bytes] = set()
        self._removal: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None

    def drop(self) -> None:
        """Let go of what an earlier process of this study has claimed."""
        self._db.execute("DELETE FROM claims WHERE owner = ?", (self._owner,))

    async def take(self, request: Request, *, by_force: bool = False) -> bool:
        """Claim the purchase of draws of a request; False where another living process has it.

        All claims of one turn of the event loop share a transaction.

        Args:
            request: what is to be bought.
            by_force: take it from a living process too: it has had its time.
        """
        key = request.key
        if key in self._held:
            self._hold(key)
            return True
        loop = asyncio.get_running_loop()
        wish = _Wish(key, by_force, loop.create_future())
        self._wishes.append(wish)
        if len(self._wishes) == 1:
            loop.call_soon(self._take_all)
        try:
            return await wish.future
        except asyncio.CancelledError:
            if wish in self._wishes:
                self._wishes.remove(wish)
            # It was taken between the cancellation and this line.
            elif wish.taken:
                self.release(request)
            raise

    def _take_all(self) -> None:
        """Claim for all that ask."""
        wishes, self._wishes = self._wishes, []
        try:
            taken = self._write([wish for wish in wishes if not wish.future.done()])
        except StoreError as error:
            for wish in wishes:
                if not wish.future.done():
                    wish.future.set_exception(error)
            return
        for wish in wishes:
            if not wish.future.done():
                wish.taken = wish.key in taken
                if wish.taken:
                    self._hold(wish.key)
                wish.future.set_result(wish.taken)

    def _write(self, wishes: Sequence[_Wish]) -> set[bytes]:
        """Write claims, and return the keys of those that are this study's now."""
        now = self._clock()
        rows = [
            (wish.key, self._generation, self._owner, now, now - STALE, wish.by_force)
            for wish in wishes
        ]
        keys = {wish.key for wish in wishes}
        with self._db.transaction():
            taken = self._db.executemany(_TAKE, rows)
            if taken < len(rows):
                # Another study has some of them.
                own = self._db.rows(
                    "SELECT request FROM claims WHERE owner = ? AND generation = ?",
                    (self._owner, self._generation),
                )
                keys &= {key for (key,) in own}
        self._ended -= keys
        return keys

    def _hold(self, key: bytes) -> None:
        self._held[key] += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(BEAT, self._beat)

    def release(self, request: Request) -> None:
        """Let go of a claim: the purchase has ended, however it did.

        While others are held, its row stays for a moment, to be removed together with more of them.
        """
        key = request.key
        self._held[key] -= 1
        if self._held[key]:
            return
        del self._held[key]
        self._ended.add(key)
        if not self._held:
            self._stop_timers()
            self._remove()
        elif self._removal is None:
            loop = asyncio.get_running_loop()
            self._removal = loop.call_later(_LATER, self._remove_later)

    def _stop_timers(self) -> None:
        for timer in (self._timer, self._removal):
            if timer is not None:
                timer.cancel()
        self._timer = self._removal = None

    def _remove_later(self) -> None:
        self._removal = None
        # The next call finds out that the store fails, and says it where somebody hears it.
        with suppress(StoreError):
            self._remove()

    def _remove(self) -> None:
        """Remove the rows of the claims that ended."""
        ended, self._ended = self._ended, set()
        with self._db.transaction():
            self._db.executemany(
                "DELETE FROM claims WHERE request = ? AND generation = ? AND owner = ?",
                [(key, self._generation, self._owner) for key in ended],
            )

    def _beat(self) -> None:
        """Say that the purchases of this process are still under way."""
        with suppress(
            StoreError
        ):  # the next call finds out, and says it where somebody hears it
            self._db.execute(
                "UPDATE claims SET beat = ? WHERE owner = ?",
                (self._clock(), self._owner),
            )
        self._timer = asyncio.get_running_loop().call_later(BEAT, self._beat)
