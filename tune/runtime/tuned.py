"""A tuned configuration that answers, in scripts, notebooks, services and agents alike."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, overload

from tune.errors import BudgetExhausted, InputError, ProviderError, TuneError
from tune.pricing.prices import to_dollars, to_picodollars
from tune.providers.metered import Receipt
from tune.readout.answers import ReadDraw
from tune.runtime.answer import Answer, EntryUsage, cost_of, text_of
from tune.runtime.ask import Ask, read_ask
from tune.runtime.caller import Caller, CallerMoney, receipts_kept
from tune.runtime.policy import AtOnce, Policy, Round
from tune.safety.own_loop import OwnLoop
from tune.space import Config
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.ledger import Ledger
from tune.task.callables import reraise_as

UNLIMITED = 1_000_000.0
"""Dollars of a ledger that only keeps what the store needs: the most that one can hold."""

_FIRST_NUMBER = 2**40
"""Numbers of fresh draws begin below this one, at random, so that their seeds are new as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """Parts that are kept between answers.

    Attributes:
        daily_budget: dollars of one day (UTC) that are never exceeded; None is no limit.
        cache: draws are kept, and drawn again only where they are missing.
        store: the file for both; nothing is written where neither is wanted.
        name: of the ledger; processes with one name and one store share their day's budget.
    """

    daily_budget: float | None = None
    cache: bool = False
    store: str = ""
    name: str = "tuned"

    @property
    def needs_file(self) -> bool:
        """True where something must outlive the process."""
        return self.cache or self.daily_budget is not None


class Tuned:
    """A tuned configuration, ready to answer.

    Call it, or await `create`, or give `batch` many rows. The arguments of all three:

    - the inputs of the template by name, as in `tuned(text="...")`, or as one mapping;
    - `messages`: a conversation in the form of chat completions. The template is used only where
      inputs are given, too. A system message is never replaced;
    - `tools`, `tool_choice`, `parallel_tool_calls`, `response_format`: go to the model as they are.

    All calls of all threads run in one event loop in a thread of its own, so connections stay open
    between calls, and a plain call works inside a running event loop, too. Close it, or use it in a
    `with` block, where a program goes on after its last question.

    Args:
        callers: one for each configuration or entry, in the order in which they are tried.
        accept: tells whether an answer will do; else the next one is tried.
        keeping: the daily budget and the cache.
        policy: which draws an answer is made of; by default all that the configuration asks for.
        clock: seconds since 1970; decides which day it is.
    """

    def __init__(
        self,
        callers: Sequence[Caller],
        *,
        accept: Callable[[Answer], bool] | None = None,
        keeping: Keeping = Keeping(),
        policy: Policy | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._callers = tuple(callers)
        self._accept = accept
        self._keeping = keeping
        self._policy = policy
        self._clock = clock
        self._loop = OwnLoop()
        self._database: Database | None = None
        self._ledger: Ledger | None = None
        # The day that the wrappers were built for: each day has a ledger of its own.
        self._built_for: str | None = None
        start = 0 if keeping.cache else secrets.randbelow(_FIRST_NUMBER)
        self._numbers = itertools.count(start)
        self._finalizer = weakref.finalize(self, _shut_down, self._loop, self._callers)

    def __call__(
        self, inputs: Mapping[str, Any] | None = None, /, **asked: Any
    ) -> Answer:
        """Return the answer to one question; works inside a running event loop, too.

        Raises:
            InputError: the question does not fit the configuration, or it cannot be called.
            ProviderError: every entry failed.
            BudgetExhausted: the day's budget is used up.
        """
        return self._loop.run(self._answer(read_ask(inputs, asked)))

    async def create(
        self, inputs: Mapping[str, Any] | None = None, /, **asked: Any
    ) -> Answer:
        """Return the answer to one question, in any event loop.

        Raises:
            TuneError: as for a plain call.
        """
        ask = read_ask(inputs, asked)
        return await asyncio.wrap_future(self._loop.submit(self._answer(ask)))

    @overload
    def batch(self, rows: Iterable[Mapping[str, Any]]) -> list[Answer]: ...

    @overload
    def batch(
        self, rows: Iterable[Mapping[str, Any]], *, return_exceptions: bool
    ) -> Sequence[Answer | TuneError]: ...

    def batch(
        self,
        rows: Iterable[Mapping[str, Any]],
        *,
        return_exceptions: bool = False,
    ) -> Sequence[Answer | TuneError]:
        """Return the answers to many rows of inputs, in order; they are asked side by side.

        Args:
            rows: the inputs of each; a data frame gives `frame.to_dict("records")`.
            return_exceptions: a row that fails has its error in the list. Otherwise a row that does
                not fit is refused before anything is sent, and the first other error is raised when
                the other rows are done.

        Raises:
            TuneError: as for a plain call.
        """
        if not isinstance(rows, Iterable):
            raise InputError(
                f"rows are a list of mappings, one for each question, but got {rows!r}"
            )
        asks = [read_ask(row, {}) for row in rows]
        if not return_exceptions:
            # A row that cannot be asked is told before the others are paid for.
            for ask in asks:
                self._callers[0].render(ask)
        found = self._loop.run(self._answers(asks))
        for one in found:
            if isinstance(one, TuneError) and not return_exceptions:
                raise one
        return found

    @property
    def configs(self) -> tuple[Config, ...]:
        """The configuration of each entry, in the order in which they are tried."""
        return tuple(caller.tuned.config for caller in self._callers)

    def __repr__(self) -> str:
        parts = []
        for caller in self._callers:
            config = caller.tuned.config
            parts.append(
                f"{caller.tuned.entry.name} with prompt {config.prompt!r}, "
                f"n {config.n} by {config.aggregate!r}"
            )
        return f"<Tuned: {'; then '.join(parts)}>"

    @property
    def usage(self) -> tuple[EntryUsage, ...]:
        """The sums over what was asked so far, one for each entry."""
        return tuple(caller.tally.usage for caller in self._callers)

    @property
    def spent_today(self) -> float | None:
        """The dollars that count against today's budget; None where there is no budget."""
        if self._keeping.daily_budget is None:
            return None
        return self._loop.run(self._spent())

    def close(self) -> None:
        """Close the connections; the next question opens them again."""
        _shut_down(self._loop, self._callers)
        if self._database is not None:
            self._database.close()
            self._database = None
        self._built_for = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    async def _answers(self, asks: Sequence[Ask]) -> list[Answer | TuneError]:
        async def one(ask: Ask) -> Answer | TuneError:
            try:
                return await self._answer(ask)
            except TuneError as error:
                return error

        return list(await asyncio.gather(*map(one, asks)))

    async def _answer(self, ask: Ask) -> Answer:
        """Ask one entry after the other until an answer will do."""
        self._connect()
        began = time.perf_counter()
        refused: Answer | None = None
        faults: list[TuneError] = []
        with receipts_kept() as receipts:
            for place, caller in enumerate(self._callers):
                try:
                    answer = await self._of(place, ask, receipts, began)
                except (ProviderError, BudgetExhausted) as error:
                    faults.append(await caller.explain(error))
                    continue
                if self._accepts(answer):
                    caller.tally.add_answer(answer)
                    return answer
                refused = answer
        if refused is not None:
            return replace(refused, accepted=False)
        last = faults.pop()
        for fault in faults:
            last.add_note(f"before that: {fault}")
        raise last

    async def _of(
        self, place: int, ask: Ask, receipts: Sequence[Receipt], began: float
    ) -> Answer:
        """Make the answer of one entry, of draws that the policy asks for in rounds."""
        caller = self._callers[place]
        policy = self._policy or AtOnce(caller.tuned.config.n)
        rounds: list[Round] = []
        # Of each entry the draws of one answer are numbered in a row.
        taken: dict[int, int] = {}
        while (order := policy(rounds)) is not None:
            asked = min(place + order.later, len(self._callers) - 1)
            numbers = self._next_numbers(order.draws, taken.get(asked, 0))
            taken[asked] = taken.get(asked, 0) + order.draws
            drawn = await self._callers[asked].draw(ask, numbers)
            rounds.append(Round(order, drawn))
        draws: tuple[ReadDraw, ...] = tuple(
            itertools.chain.from_iterable(one.draws for one in rounds)
        )
        choice = caller.choose(draws, ask)
        speaker = choice.draw or draws[0]
        # Those before it were asked as well, and what they cost is part of it.
        asked_of = self._callers[: max(place, *taken) + 1]
        cost = None
        if all(one.tuned.price is not None for one in asked_of):
            cost = cost_of(receipts)
        return Answer(
            answer=choice.answer,
            text=text_of(choice),
            draws=draws,
            agreement=choice.agreement,
            cost=cost,
            seconds=time.perf_counter() - began,
            model=speaker.completion.model or caller.tuned.entry.model,
            entry=caller.tuned.entry.name,
        )

    def _accepts(self, answer: Answer) -> bool:
        if self._accept is None:
            return True
        # The user's own code may raise anything; of a batch, only this row fails.
        with reraise_as(InputError, "`accept` raised"):
            return bool(self._accept(answer))

    def _next_numbers(self, draws: int, taken: int) -> range:
        """Return the numbers of draws: new ones, or with a cache always the same."""
        if self._keeping.cache:
            return range(taken, taken + draws)
        first = next(self._numbers)
        for _ in range(draws - 1):
            next(self._numbers)
        return range(first, first + draws)

    def _connect(self) -> None:
        """Build the wrappers where they are missing, or of another day."""
        day = time.strftime("%Y-%m-%d", time.gmtime(self._clock()))
        if not self._keeping.needs_file:
            day = ""
        if self._built_for == day:
            return
        money = self._money(day)
        for caller in self._callers:
            caller.connect(money)
        self._ledger, self._built_for = money.ledger, day

    def _money(self, day: str) -> CallerMoney:
        """Return the ledger and the store of a day; none where nothing is kept."""
        keeping = self._keeping
        if not keeping.needs_file:
            return CallerMoney()
        if self._database is None:
            self._database = Database(keeping.store)
        budget = UNLIMITED
        if keeping.daily_budget is not None:
            budget = keeping.daily_budget
        name = f"{keeping.name}-{day}"
        ledger = Ledger(self._database, name, to_picodollars(budget))
        store = Store(self._database) if keeping.cache else None
        return CallerMoney(ledger, store)

    async def _spent(self) -> float:
        self._connect()
        assert self._ledger is not None
        return to_dollars(self._ledger.balance.spent)


def _shut_down(loop: OwnLoop, callers: Sequence[Caller]) -> None:
    """Close connections, and end the loop."""

    async def close() -> None:
        await asyncio.gather(*(caller.close() for caller in callers))

    loop.stop(close)
