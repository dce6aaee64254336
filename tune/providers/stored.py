"""The outermost provider: buys only the draws that are not held, and each of them once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias
from weakref import WeakValueDictionary

from tune.completion import Completion, Provider, Request
from tune.errors import TransientError
from tune.store.draws import Store


@dataclass(frozen=True, slots=True)
class ModelChanged:
    """A service answered a model under another name than before: its draws may not be comparable.

    Attributes:
        service: who answered.
        model: the model that was asked for.
        before: the name returned first.
        now: the name returned this time.
    """

    service: str
    model: str
    before: str
    now: str


OnModelChanged: TypeAlias = Callable[[ModelChanged], None]


class Stored:
    """Serves draws from the store, and buys those that are missing from the provider inside it.

    What is bought must be put into the same store by the inner provider, as `Metered` does. Two
    calls that want draws of one request at the same time buy them once: the second waits, and
    reads.

    Args:
        inner: buys. store: holds what was bought. payer: the study that pays. What another study
        buys while this one waits for it counts as reused. observer: told once for each model whose
        returned name changes.

    Attributes:
        bought: draws that were bought through this object. reused: draws that were served without
        having been bought through this object, each counted once.
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
        self.reused = 0
        self._inner = inner
        self._store = store
        self._payer = payer
        self._observer = observer
        self._turns: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()
        self._counted: dict[bytes, set[int]] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._changed: set[tuple[str, str]] = set()

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """The draws with these numbers, in order.

        Raises:
            ProviderError: missing draws could not be bought; those that could are kept.
            BudgetExhausted: there is no money for them.
        """
        key = request.key
        draws = self._store.draws(request, numbers)
        if len(draws) < len(numbers):
            turn = self._turns.setdefault(key, asyncio.Lock())
            async with turn:
                draws = await self._buy_missing(request, numbers)
        self.reused += self._count(key, draws)
        self._check_names(request, draws.values())
        return [draws[number] for number in numbers]

    async def _buy_missing(self, request: Request, numbers: range) -> dict[int, Completion]:
        draws = self._store.draws(request, numbers)
        while len(draws) < len(numbers):
            held = len(draws)
            self.reused += self._count(request.key, draws)
            try:
                for run in _runs(number for number in numbers if number not in draws):
                    await self._inner.complete(request, run)
            finally:
                draws = self._store.draws(request, numbers)
                self.bought += self._count(request.key, self._paid(request, numbers, draws))
            if len(draws) == held:
                raise TransientError(
                    f"{request.service} was paid, but none of its draws is in the store",
                    charged=False,
                )
        return draws

    def _paid(
        self, request: Request, numbers: range, draws: dict[int, Completion]
    ) -> Iterable[int]:
        """Those of the draws that were not bought by another study."""
        return draws if self._payer is None else self._store.paid_by(self._payer, request, numbers)

    def _count(self, key: bytes, numbers: Iterable[int]) -> int:
        """How many of these draws are met for the first time."""
        counted = self._counted.setdefault(key, set())
        before = len(counted)
        counted.update(numbers)
        return len(counted) - before

    def _check_names(self, request: Request, draws: Iterable[Completion]) -> None:
        asked = (request.service, request.model)
        for now in dict.fromkeys(draw.model for draw in draws if draw.model):
            before = self._names.setdefault(asked, now)
            if now != before and asked not in self._changed:
                self._changed.add(asked)
                if self._observer is not None:
                    self._observer(ModelChanged(*asked, before=before, now=now))


def _runs(numbers: Iterable[int]) -> list[range]:
    """Rising numbers as ranges without gaps."""
    runs: list[range] = []
    for number in numbers:
        if runs and runs[-1].stop == number:
            runs[-1] = range(runs[-1].start, number + 1)
        else:
            runs.append(range(number, number + 1))
    return runs
