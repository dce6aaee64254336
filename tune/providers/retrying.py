"""Calls made again after a fault that may pass, and an end to that when nothing gets through."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tune.completion import Completion, Provider, Request
from tune.errors import AnswerError, EndpointError, ParameterRejected, TransientError, Unreadable
from tune.providers.capabilities import Adapted

_MOST_ADAPTIONS = 8
"""A request has fewer parameters than this that can be swapped; more in a row would be a circle."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When to try again. Waits follow "full jitter" backoff: uniform between 0 and first * 2**k, k
    from 0.

    See https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.

    Attributes:
        attempts: how often a call is tried in all. luck: how likely it must be that a call failed
        so often by chance, going by how often others fail, for
            another try. It holds for failures that may be billed while other calls get through:
            then the input may be what fails, and each try is charged at its ceiling.
        rubbish: unreadable answers in a row, with nothing else, after which an endpoint is given up
        that never
            answered; one that did is given four times as many.
        seconds: how long after its first failure a call may begin another try. first: seconds that
        the first wait takes at most; each further wait may take twice as long. longest: seconds
        that a wait takes at most, what the service asked for aside. longest_asked: seconds that a
        service may ask us to wait; a longer wish is cut to that. silence: seconds of tries without
        a single one getting through, after which the endpoint is given up.
    """

    attempts: int = 8
    luck: float = 0.003
    rubbish: int = 4
    seconds: float = 300.0
    first: float = 0.5
    longest: float = 30.0
    longest_asked: float = 120.0
    silence: float = 60.0


@dataclass(frozen=True, slots=True)
class RetryEvent:
    """One retry, for an observer.

    Attributes:
        request: what is asked.
        numbers: the draws that are asked for.
        attempt: which attempt failed, from 1.
        wait: seconds until the next.
        error: why it failed.
    """

    request: Request
    numbers: range
    attempt: int
    wait: float
    error: TransientError


class Retrying:
    """Tries again after a `TransientError`: attempts and time are limited, waits grow and are
    spread at random.

    What the service asked for with Retry-After is waited for first. After the last attempt the last
    error is raised. An `Adapted` is followed by a new attempt at once, and counts as none.

    A circuit serves all calls through this wrapper: when tries go on for `policy.silence` seconds
    (not counting the longest wait that the service itself asked for) and not one gets through, this
    call and all that follow fail fast with an `EndpointError` in the endpoint's own words. It holds
    on as long as a call is under way for longer than any failed one took, since that one may still
    get through. Whatever gets through closes the circuit again. An endpoint whose first answers are
    all unreadable is given up after a few: each may have been billed.

    Args:
        inner: what calls go through.
        policy: when to try again.
        observer: called before each wait.
        sleep: waits for seconds.
        clock: seconds that never go back.
        rng: spreads the waits.
    """

    def __init__(
        self,
        inner: Provider,
        *,
        policy: RetryPolicy = RetryPolicy(),
        observer: Callable[[RetryEvent], None] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self._inner, self._policy, self._observer = inner, policy, observer
        self._sleep, self._clock, self._rng = sleep, clock, rng or random.Random()
        self._circuit = _Circuit(policy)

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Buy the draws with these numbers, in order.

        Raises:
            TransientError: the last of the failures, when there were too many.
            EndpointError: nothing gets through to this endpoint.
        """
        failed = adapted = 0
        given_up = 0.0
        passed, lost = self._circuit.passed, 0
        while True:
            try:
                return await self._attempt(request, numbers)
            except Adapted:
                adapted += 1
                if adapted > _MOST_ADAPTIONS:
                    raise
            except TransientError as error:
                failed += 1
                now = self._clock()
                given_up = given_up or now + self._policy.seconds
                wait = self._wait(error, failed)
                lost += error.charged
                alone = error.charged and self._circuit.passed > passed
                if failed >= self._policy.attempts or now + wait > given_up:
                    raise
                if alone and self._circuit.chance_of(lost) < self._policy.luck:
                    raise
                if self._observer is not None:
                    self._observer(RetryEvent(request, numbers, failed, wait, error))
                await self._sleep(wait)

    async def _attempt(self, request: Request, numbers: range) -> list[Completion]:
        circuit = self._circuit
        if circuit.words:
            raise EndpointError(circuit.words)
        call = circuit.begins(self._clock())
        try:
            answer = await self._inner.complete(request, numbers)
        except (Adapted, AnswerError, ParameterRejected):
            circuit.closes()
            raise
        except TransientError as error:
            circuit.fails(call, error, self._clock())
            if circuit.words:
                raise EndpointError(circuit.words, charged=error.charged) from None
            raise
        finally:
            circuit.ends(call)
        circuit.closes()
        return answer

    def _wait(self, error: TransientError, failed: int) -> float:
        most = min(self._policy.longest, self._policy.first * 2.0 ** (failed - 1))
        return _asked(error, self._policy) + self._rng.uniform(0, most)


def _asked(error: TransientError, policy: RetryPolicy) -> float:
    return min(max(0.0, error.retry_after or 0.0), policy.longest_asked)


class _Circuit:
    """What all calls through one wrapper have seen of the endpoint since something last got
    through.

    Attributes:
        words: why nothing more is sent, or "" while calls may go out.
        passed: how often something got through.
        lost: how often a call failed and may have been billed.
    """

    def __init__(self, policy: RetryPolicy) -> None:
        self.words = ""
        self.passed = self.lost = 0
        self._policy = policy
        self._calls: dict[object, float] = {}
        """When each call under way began."""
        self._forget()

    def chance_of(self, lost: int) -> float:
        """The chance that a call fails so often in a row for no reason of its own, as often as
        others fail.
        """
        others = self.lost - lost
        return ((others + 1) / (others + self.passed + 2)) ** lost

    def begins(self, now: float) -> object:
        """A call goes out; what is returned names it."""
        call = object()
        self._calls[call] = now
        return call

    def ends(self, call: object) -> None:
        """A call came back, or was cancelled."""
        self._calls.pop(call, None)

    def closes(self) -> None:
        """Something got through."""
        self.passed += 1
        self._forget()

    def _forget(self) -> None:
        self.words = ""
        self._rubbish = 0
        self._since: float | None = None
        self._last = self._asked = self._longest = 0.0

    def fails(self, call: object, error: TransientError, now: float) -> None:
        """A call failed; `words` are set when this was once too often."""
        began = self._calls.pop(call)
        policy = self._policy
        if began - self._last > policy.silence + policy.longest + self._asked:
            self._forget()  # nobody has tried for a while: the time until now was no silence
        self._since = now if self._since is None else self._since
        self._last = now
        self._asked = max(self._asked, _asked(error, policy))
        self._longest = max(self._longest, now - began)
        self.lost += error.charged
        self._rubbish += isinstance(error, Unreadable)
        if self._rubbish >= policy.rubbish * (4 if self.passed else 1):
            self.words = str(error)
        silent = now - self._since
        hopes = any(now - other > self._longest for other in self._calls.values())
        if silent >= policy.silence + self._asked and not hopes:
            self.words = f"nothing got through for {silent:.0f} s, although it was tried: {error}"
