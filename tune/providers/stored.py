"""The outermost wrapper: buys only the draws that the store lacks, and each of them once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from weakref import WeakValueDictionary

from tune.completion import Completion, Provider, Request
from tune.errors import TransientError
from tune.store.draws import Store


@dataclass(frozen=True, slots=True)
class ModelChanged:
    """A change of the name that a service returns for a model: its draws may not be comparable.

    Attributes:
        service: the service that answered.
        model: the model that was asked for.
        before: the name returned first.
        now: the name returned this time.
    """

    service: str
    model: str
    before: str
    now: str


OnModelChanged: TypeAlias = Callable[[ModelChanged], None]
"""Called once for each model whose returned name changes."""


class Stored:
    """Serves draws from the store, and buys those that are missing from the provider inside it.

    What is bought must be put into the same store by the inner provider, as `Metered` does. Two
    calls that want draws of one request at the same time buy them once: the second waits, and
    reads.

    Args:
        inner: buys.
        store: holds what was bought.
        payer: the study that pays. Draws that another study buys while this one waits for them
            are not counted as bought.
        observer: told once for each model whose returned name changes.

    Attributes:
        bought: the number of draws that were bought through this object.
    """

    def __init__(
        self,
        inner: Provider,
        *,
        store: Store,
        payer: str | None = None,
        observer: OnModelChanged | None = None,
    ) -> None:
        self.bought = 0
        self._inner = inner
        self._store = store
        self._payer = payer
        self._observer = observer
        self._turns: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()
        self._names: dict[tuple[str, str], str] = {}
        self._changed: set[tuple[str, str]] = set()

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Return the draws with these numbers, in order.

        Raises:
            ProviderError: missing draws could not be bought; those that could are kept.
            BudgetExhausted: there is not enough money for them.
        """
        key = request.key
        draws = self._store.draws(request, numbers)
        if len(draws) < len(numbers):
            # One lock for each request: of two calls that want the same draws, the second waits
            # and then finds them in the store.
            turn = self._turns.setdefault(key, asyncio.Lock())
            waits = turn.locked()
            async with turn:
                if waits:
                    draws = self._store.draws(request, numbers)
                draws = await self._buy_missing(request, numbers, draws)
        return self._served(request, numbers, draws)

    def held(self, request: Request, numbers: range) -> list[Completion] | None:
        """Return the draws with these numbers if the store has all of them, else None.

        Nothing is bought.
        """
        draws = self._store.draws(request, numbers)
        if len(draws) < len(numbers):
            return None
        return self._served(request, numbers, draws)

    def _served(
        self, request: Request, numbers: range, draws: dict[int, Completion]
    ) -> list[Completion]:
        """Return draws in order, and look at the names of their models."""
        self._check_names(request, draws.values())
        return [draws[number] for number in numbers]

    async def _buy_missing(
        self, request: Request, numbers: range, draws: dict[int, Completion]
    ) -> dict[int, Completion]:
        """Buy until all draws are in the store; a call may return fewer than it was asked for.

        Args:
            request: what is bought.
            numbers: the wanted draws.
            draws: those of them that the store holds already.
        """
        while len(draws) < len(numbers):
            held = len(draws)
            missing = [number for number in numbers if number not in draws]
            put = self._store.watch(request)
            try:
                for run in _runs(missing):
                    await self._inner.complete(request, run)
            finally:
                # Also where a call failed: those before it were bought.
                self._store.unwatch(request)
                if not put.keys() >= set(missing):
                    # Another process has bought some of them, or they could not be bought.
                    put = self._store.draws_and_payers(request, numbers)
                draws = self._take_in(numbers, draws, put)
            if len(draws) == held:
                # Without this, a provider that stores nothing would be paid for ever.
                raise TransientError(
                    f"{request.service} was paid, but the store has no draw of it",
                    charged=False,
                )
        return draws

    def _take_in(
        self,
        numbers: range,
        draws: dict[int, Completion],
        put: Mapping[int, tuple[Completion, str]],
    ) -> dict[int, Completion]:
        """Return the draws that are held now, and count those that were bought.

        Args:
            numbers: the wanted draws.
            draws: those that were held before.
            put: those that came since then, each with the study that paid.
        """
        held = dict(draws)
        for number, (draw, payer) in put.items():
            if number not in numbers or number in draws:
                continue
            held[number] = draw
            # Others were bought by another study.
            if self._payer in (None, payer):
                self.bought += 1
        return held

    def _check_names(self, request: Request, draws: Iterable[Completion]) -> None:
        """Tell the observer where draws came under another model name than before."""
        asked = (request.service, request.model)
        names = [draw.model for draw in draws if draw.model]
        for now in dict.fromkeys(names):
            before = self._names.setdefault(asked, now)
            if now != before and asked not in self._changed:
                self._changed.add(asked)
                if self._observer is not None:
                    self._observer(ModelChanged(*asked, before=before, now=now))


def _runs(numbers: Iterable[int]) -> list[range]:
    """Return rising numbers as ranges without gaps."""
    runs: list[range] = []
    for number in numbers:
        if runs and runs[-1].stop == number:
            runs[-1] = range(runs[-1].start, number + 1)
        else:
            runs.append(range(number, number + 1))
    return runs
