"""Limit the calls in flight to what an endpoint bears, and their pace to what the user allows."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tune.completion import Completion, Endpoint, Provider, Request
from tune.errors import BudgetExhausted, InputError, ProviderError, RateLimited

# Calls that each answer adds, before the first refusal: 32, 128, 256 in three rounds of answers.
# A study has about twenty rounds, so a slower growth costs it a good part of its time.
_FIRST_GROWTH = 3.0


class Limited:
    """Lets a number of calls be in flight that follows how the endpoint bears it.

    The other calls wait in line. The number grows by three with each answer until the endpoint
    first says that it is called too often, then by one with each full round of answers, and only
    while all of it is used. A `RateLimited` halves it, once for all the calls that were in
    flight when the first of them was refused (additive increase, multiplicative decrease, as TCP
    does it).
    Slots are given in the order of asking, and a cancelled call leaves none behind.

    Limits per minute are token buckets with room for one second (at least for one call), so that
    the pace is even. A call takes its ceiling of tokens from the bucket before it is sent and gives
    back what it did not use; a call that is larger than the bucket goes when the bucket is full,
    and is paid off afterwards.

    Args:
        inner: the provider that calls go through.
        start: calls in flight at first, as far as `most` allows.
        most: calls in flight at the most.
        requests_per_minute: the most calls per minute, where the account has a limit.
        tokens_per_minute: the most tokens per minute, prompts and answers together.
        endpoint: counts the tokens of prompts for `tokens_per_minute`; without one, their UTF-8
            bytes are counted.
        clock: returns seconds that never go back.
        sleep: waits for seconds.

    Raises:
        InputError: a limit is not above 0.
    """

    def __init__(
        self,
        inner: Provider,
        *,
        start: int = 8,
        most: int = 64,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        endpoint: Endpoint | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        for name, value in (
            ("most", most),
            ("start", start),
            ("requests_per_minute", requests_per_minute),
            ("tokens_per_minute", tokens_per_minute),
        ):
            # Written so that NaN is refused too.
            if value is not None and not value > 0:
                raise InputError(f"`{name} > 0` must hold, but got {value}")
        self._inner = inner
        self._endpoint = endpoint
        self._most = most
        self._sleep = sleep
        self._requests = _Bucket(requests_per_minute, clock)
        self._tokens = _Bucket(tokens_per_minute, clock)
        self._width = float(min(start, most))
        # The number of times that the width was halved. A call in flight remembers the number that
        # it began with, so that one burst of refusals halves the width once.
        self._refusals = 0
        self._in_flight = 0
        self._line: deque[asyncio.Future[None]] = deque()

    @property
    def limit(self) -> int:
        """The number of calls that may be in flight now."""
        return int(self._width)

    @property
    def in_flight(self) -> int:
        """The number of calls that have a slot."""
        return self._in_flight

    @property
    def waiting(self) -> int:
        """The number of calls that wait for a slot."""
        return sum(not place.done() for place in self._line)

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Buy the draws with these numbers, in order, when it is this call's turn."""
        await self._enter()
        try:
            return await self._paced(request, numbers)
        finally:
            self._leave()

    async def _paced(self, request: Request, numbers: range) -> list[Completion]:
        """Send a call that has a slot, when the limits per minute allow it."""
        ceiling = self._ceiling(request, numbers) if self._tokens.limited else 0
        await self._wait_for_pace(ceiling)
        era = self._refusals
        all_used = self._in_flight >= self.limit
        try:
            answer = await self._inner.complete(request, numbers)
        except ProviderError as error:
            if isinstance(error, RateLimited):
                self._shrink(era)
            # A call that may have been billed may have used its tokens, too.
            if not error.charged:
                self._tokens.give_back(ceiling)
            raise
        # An endpoint that never refused a call may take the next wave at once.
        if all_used or self._line or not self._refusals:
            self._grow(era)
        if answer:
            self._tokens.give_back(ceiling - _tokens_used(answer))
        return answer

    async def _wait_for_pace(self, ceiling: int) -> None:
        """Take a call and its tokens from the buckets, and wait until they may be used."""
        wait = max(self._requests.take(1), self._tokens.take(ceiling))
        if wait <= 0:
            return
        try:
            await self._sleep(wait)
        except (asyncio.CancelledError, BudgetExhausted):
            self._requests.give_back(1)
            self._tokens.give_back(ceiling)
            raise

    def _ceiling(self, request: Request, numbers: range) -> int:
        """Return the most tokens that a call can use."""
        if self._endpoint is not None:
            prompt = self._endpoint.most_prompt_tokens(request)
        elif isinstance(request.prompt, str):
            prompt = len(request.prompt.encode())
        else:
            prompt = sum(len(message.content.encode()) for message in request.prompt)
        return prompt + len(numbers) * request.max_tokens

    def _grow(self, era: int) -> None:
        if era != self._refusals:
            return  # the call began before the last refusal: its answer says nothing about now
        step = _FIRST_GROWTH if self._refusals == 0 else 1.0 / self._width
        self._width = min(self._most, self._width + step)
        self._admit()

    def _shrink(self, era: int) -> None:
        if era == self._refusals:
            self._refusals += 1
            self._width = max(1.0, self._width / 2)

    async def _enter(self) -> None:
        """Take a slot, or wait in line for one."""
        if self._in_flight < self.limit and not self.waiting:
            self._in_flight += 1
            return
        place = asyncio.get_running_loop().create_future()
        self._line.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                # The slot came at the same moment: it goes to the next in line.
                self._leave()
            else:
                with suppress(ValueError):
                    self._line.remove(place)
            raise

    def _leave(self) -> None:
        self._in_flight -= 1
        self._admit()

    def _admit(self) -> None:
        """Give free slots to those who wait, in order."""
        while self._line and self._in_flight < self.limit:
            place = self._line.popleft()
            if not place.done():
                self._in_flight += 1
                place.set_result(None)


def _tokens_used(answer: list[Completion]) -> int:
    return answer[0].prompt_tokens + sum(draw.completion_tokens for draw in answer)


class _Bucket:
    """A token bucket: `take` never blocks, and returns the seconds to wait before use.

    The level may fall below zero, so that later takers wait longer and no taker is overtaken.
    """

    def __init__(self, per_minute: float | None, clock: Callable[[], float]) -> None:
        self.limited = per_minute is not None
        self._rate = (per_minute or 0.0) / 60
        self._room = max(1.0, self._rate)
        self._level = self._room
        self._clock = clock
        self._then = clock()

    def take(self, amount: float) -> float:
        """Take an amount, and return the seconds to wait before it is used."""
        if not self.limited:
            return 0.0
        now = self._clock()
        self._level = min(self._room, self._level + (now - self._then) * self._rate)
        self._then = now
        # An amount larger than the bucket waits for a full one; the rest becomes debt.
        enough = min(amount, self._room)
        wait = max(0.0, (enough - self._level) / self._rate)
        self._level -= amount
        return wait

    def give_back(self, amount: float) -> None:
        """Return what was taken and not used."""
        self._level = min(self._room, self._level + amount)
