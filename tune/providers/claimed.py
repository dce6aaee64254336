"""Two processes on one store: what one of them is buying, the other waits for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tune.completion import Completion, Provider, Request
from tune.store.claims import Claims
from tune.store.draws import Store

_LOOK = 0.05
"""Seconds between two looks at a purchase of another process."""


class Claimed:
    """Claims each call before it is sent, and waits for a call of another process that buys the
    same draws.

    It waits at most as long as one call may take; then it buys by itself. A process that is killed
    loses its claims.

    Args:
        inner: buys.
        store: where another process puts what it bought.
        claims: those of this study.
        patience: seconds that one call may take.
        closed: says whether nothing more is let through, so that there is nothing to wait for.
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
        self._inner, self._store, self._claims = inner, store, claims
        self._patience, self._closed = patience, closed

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Buy draws, or return the first of them where another process has bought those in the
        meantime.
        """
        began = time.monotonic()
        while not self._claims.take(request, by_force=time.monotonic() - began > self._patience):
            if self._closed():
                return await self._inner.complete(
                    request, numbers
                )  # which says why nothing is let through
            await asyncio.sleep(_LOOK)
        try:
            bought = self._bought_elsewhere(request, numbers)
            return bought or await self._inner.complete(request, numbers)
        finally:
            self._claims.release(request)

    def _bought_elsewhere(self, request: Request, numbers: range) -> list[Completion]:
        """The draws from the first number on that are held without a gap."""
        held = self._store.draws(request, numbers)
        count = next((i for i, number in enumerate(numbers) if number not in held), len(numbers))
        return [held[number] for number in numbers[:count]]
