"""Claims on purchases under way, so that no two processes on one store buy the same draws."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

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
        # Claims that ended, and are still in the store.
        self._ended: set[bytes] = set()
        self._removal: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None

    def drop(self) -> None:
        """Let go of what an earlier process of this study has claimed."""
        self._db.execute("DELETE FROM claims WHERE owner = ?", (self._owner,))

    def take(self, request: Request, *, by_force: bool = False) -> bool:
        """Claim the purchase of draws of a request; False where another living process has it.

        Args:
            request: what is to be bought.
            by_force: take it from a living process too: it has had its time.
        """
        key = request.key
        if not self._held[key]:
            self._ended.discard(key)
            now = self._clock()
            cursor = self._db.execute(
                "INSERT INTO claims (request, generation, owner, beat) VALUES (?, ?, ?, ?) ON "
                "CONFLICT DO UPDATE "
                "SET owner = excluded.owner, beat = excluded.beat WHERE owner = excluded.owner OR "
                "beat < ? OR ?",
                (key, self._generation, self._owner, now, now - STALE, by_force),
            )
            if not cursor.rowcount:
                return False
        self._held[key] += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(BEAT, self._beat)
        return True

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
