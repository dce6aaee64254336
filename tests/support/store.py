"""Helpers for tests of the store: a slow disk, and sums of the ledger."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tune.errors import StoreError
from tune.store.database import Database


async def turn(times: int = 3) -> None:
    """Let the other tasks of the event loop run."""
    for _ in range(times):
        await asyncio.sleep(0)


def sums(db: Database, study: str = "study") -> dict[str, int]:
    """Add up the attempts of a study one by one."""
    rows = db.rows(
        "SELECT state, ceiling, cost FROM attempts WHERE study = ?", (study,)
    )
    return {
        "settled": sum(cost for state, _, cost in rows if state == "settled"),
        "reserved": sum(ceiling for state, ceiling, _ in rows if state == "reserved"),
        "uncertain": sum(ceiling for state, ceiling, _ in rows if state == "uncertain"),
    }


@contextmanager
def statements(db: Database) -> Iterator[list[str]]:
    """Collect the statements that a connection runs in the block."""
    found: list[str] = []
    db._connection.set_trace_callback(found.append)
    try:
        yield found
    finally:
        db._connection.set_trace_callback(None)


class Disk:
    """A disk that takes what was committed when it is let to."""

    def __init__(self) -> None:
        self.writes = 0
        self.free = threading.Event()
        self.error: StoreError | None = None

    def flush(self) -> None:
        assert self.free.wait(10)
        self.writes += 1
        if self.error is not None:
            raise self.error


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    # A condition that never comes fails here, not after the minutes of a whole test.
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)
