"""Two processes on one store: a process waits for draws that the other one is buying."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tune.completion import Completion, Provider, Request
from tune.store.claims import Claims
from tune.store.draws import Store

# Seconds between two looks at a purchase of another process.
_POLL = 0.05


class Claimed:
    """Claims each call before it is sent, and waits where another process buys the same draws.

    It waits at most as long as one call may take; then it buys by itself. A process that is killed
    loses its claims.

    Args:
        inner: buys.
        store: the store that the other process puts its draws into.
        claims: those of this study.
        patience: seconds that one call may take.
        closed: returns True where nothing more is let through, so that waiting is pointless.
    """

    def __init__(
        self,
        inner: Provider,
        *,
        store: Store,
        claims: Claims,
        patience: float,
        closed: Callable[[], bool],
    ) -> None:
        self._inner = inner
        self._store = store
        self._claims = claims
        self._patience = patience
        self._closed = closed

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Buy draws, or return the first of them where another process has bought those."""
        began = time.monotonic()
        while not await self._claims.take(
            request, by_force=time.monotonic() - began > self._patience
        ):
            if self._closed():
                # The gate of money raises why nothing is let through.
                return await self._inner.complete(request, numbers)
            await asyncio.sleep(_POLL)
        try:
            # The other process may have bought them while this one waited.
            bought = self._bought_elsewhere(request, numbers)
            return bought or await self._inner.complete(request, numbers)
        finally:
            self._claims.release(request)

    def _bought_elsewhere(self, request: Request, numbers: range) -> list[Completion]:
        """Return the draws from the first number on that the store holds without a gap."""
        held = self._store.draws(request, numbers)
        found: list[Completion] = []
        for number in numbers:
            if number not in held:
                break
            found.append(held[number])
        return found
