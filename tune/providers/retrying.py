"""Try calls again after a fault that may pass, until nothing gets through to the endpoint."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tune.completion import Completion, Provider, Request
from tune.errors import (
    AnswerError,
    EndpointError,
    ParameterRejected,
    TransientError,
    Unreadable,
)
from tune.providers.capabilities import Adapted, MovedOn

# A request has fewer parameters that can be swapped. More swaps in a row would be a circle.
_MOST_ADAPTIONS = 8

# So many calls that fail together, while nothing gets through, are an outage. Fewer may be inputs
# that always fail.
_OUTAGE = 4

# An endpoint that has answered before may send this many times as many unreadable answers in a row
# as a new one, before it is given up.
_KNOWN_PATIENCE = 4


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The rules for trying a failed call again.

    Waits follow "full jitter" backoff: uniform between 0 and first_wait * 2**k, k from 0. See
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.

    Attributes:
        attempts: the most attempts at one call.
        outlast: in an outage, failures that are not billed count as no attempts. So an outage that
            is shorter than `silence` fails no call. A program that has another service to ask does
            not wait so long.
        least_chance: the least chance that a call failed so often by accident, given how often
            other calls fail, at which it is tried again. It holds for failures that may be billed
            while other calls get through: then the input may be what fails, and each try is charged
            at its ceiling.
        unreadable: unreadable answers in a row, with nothing else, after which an endpoint is given
            up that never answered; one that did is given four times as many.
        seconds: the time after its first failure in which a call may begin another try.
        first_wait: seconds that the first wait takes at most; each further wait may take twice as
            long.
        longest_wait: seconds that a wait takes at most, besides what the service asked for.
        longest_retry_after: seconds that a service may ask us to wait; a longer one is cut to this.
        silence: seconds of tries without one that gets through, after which the endpoint is given
            up.
        rest: seconds after which an endpoint that was given up is tried again. A study ends before
            that; a program that serves answers goes on.
    """

    attempts: int = 8
    outlast: bool = False
    least_chance: float = 0.003
    unreadable: int = 4
    seconds: float = 300.0
    first_wait: float = 0.5
    longest_wait: float = 30.0
    longest_retry_after: float = 120.0
    silence: float = 60.0
    rest: float = math.inf


@dataclass(frozen=True, slots=True)
class RetryEvent:
    """One retry, for an observer.

    Attributes:
        request: the request of the call.
        numbers: the draws that it asks for.
        attempt: the number of the attempt that failed, from 1.
        wait: seconds until the next.
        error: the failure.
    """

    request: Request
    numbers: range
    attempt: int
    wait: float
    error: TransientError


class Retrying:
    """Tries again after a `TransientError`, with growing random waits, within limits.

    The wait that the service asked for with Retry-After comes first. After the last attempt its
    error is raised. An `Adapted` is followed by a new attempt at once, and counts as none.

    A circuit serves all calls through this wrapper: when tries go on for `policy.silence` seconds
    (not counting the longest wait that the service itself asked for) and not one gets through, this
    call and all that follow fail fast with an `EndpointError` in the endpoint's own words. It holds
    on as long as a call is under way for longer than any failed one took, since that one may still
    get through. Whatever gets through closes the circuit again. An endpoint whose first answers are
    all unreadable is given up after a few: each may have been billed.

    Args:
        inner: the provider that calls go through.
        policy: the rules.
        observer: called before each wait.
        sleep: waits for seconds.
        clock: returns seconds that never go back.
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
        self._inner = inner
        self._policy = policy
        self._observer = observer
        self._sleep = sleep
        self._clock = clock
        self._rng = rng or random.Random()
        self._circuit = _Circuit(policy)

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Buy the draws with these numbers, in order.

        Raises:
            TransientError: the last of the failures, when there were too many.
            EndpointError: nothing gets through to this endpoint.
        """
        adapted = 0
        tries = _Tries(self._policy, self._circuit)
        while True:
            try:
                return await self._attempt(request, numbers)
            except Adapted:
                adapted += 1
                if adapted > _MOST_ADAPTIONS:
                    raise
            except TransientError as error:
                wait = self._wait(error, tries.failed)
                if not tries.may_go_on(error, self._clock(), wait):
                    raise
                if self._observer is not None:
                    self._observer(
                        RetryEvent(request, numbers, tries.failed, wait, error)
                    )
                await self._sleep(wait)

    async def _attempt(self, request: Request, numbers: range) -> list[Completion]:
        """Make one attempt, and tell the circuit how it ended."""
        circuit = self._circuit
        if circuit.is_open(self._clock()):
            raise EndpointError(circuit.words)
        # The circuit watches the calls under way: a slow one may still get through.
        call = circuit.begins(self._clock())
        try:
            answer = await self._inner.complete(request, numbers)
        except MovedOn:
            raise
        except (Adapted, AnswerError, ParameterRejected):
            # The service has understood the call and refused it: it is there.
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
        """Return the seconds to wait after a failure that comes after so many others."""
        most = min(self._policy.longest_wait, self._policy.first_wait * 2.0**failed)
        return _retry_after(error, self._policy) + self._rng.uniform(0, most)


def _retry_after(error: TransientError, policy: RetryPolicy) -> float:
    """Return the seconds that the service asked us to wait, within the policy's limit."""
    return min(max(0.0, error.retry_after or 0.0), policy.longest_retry_after)


class _Tries:
    """The failures of one call so far.

    Attributes:
        failed: the number of failures.
    """

    def __init__(self, policy: RetryPolicy, circuit: _Circuit) -> None:
        self.failed = 0
        self._policy = policy
        self._circuit = circuit
        self._passed_before = circuit.passed
        self._billed = 0
        # Failures that are not those of an outage.
        self._own = 0
        self._deadline = 0.0

    def may_go_on(self, error: TransientError, now: float, wait: float) -> bool:
        """Count a failure, and tell whether the call may be tried again after this wait."""
        policy, circuit = self._policy, self._circuit
        self.failed += 1
        self._billed += error.charged
        # The time runs from the first failure: a slow call alone does not use it up.
        self._deadline = self._deadline or now + policy.seconds
        if now + wait > self._deadline:
            return False
        # While nothing gets through, the endpoint is at fault, and the circuit decides.
        others_get_through = circuit.passed > self._passed_before
        circuit.failing.add(self)
        outage = not others_get_through and len(circuit.failing) >= _OUTAGE
        if error.charged or not (outage and policy.outlast):
            self._own += 1
        if self._own >= policy.attempts:
            return False
        if not (error.charged and others_get_through):
            return True
        return circuit.chance_of(self._billed) >= policy.least_chance


class _Circuit:
    """Everything that the calls through one wrapper saw since something last got through.

    Attributes:
        words: the reason why nothing more is sent, or "" while calls may go out.
        passed: the number of times that something got through.
        lost: the number of calls that failed and may have been billed.
        failing: the calls that failed since something got through.
    """

    def __init__(self, policy: RetryPolicy) -> None:
        self.words = ""
        self.passed = 0
        self.lost = 0
        self.failing: set[object] = set()
        self._policy = policy
        # The time at which each call under way began.
        self._calls: dict[object, float] = {}
        self._forget()

    def is_open(self, now: float) -> bool:
        """Tell whether nothing may be sent now; after a rest everything begins anew."""
        if self.words and now - self._last >= self._policy.rest:
            self._forget()
        return bool(self.words)

    def chance_of(self, lost: int) -> float:
        """Return the chance that a call fails so often in a row, at the rate at which others fail.

        The rate is the mean of its posterior under a uniform prior (Laplace's rule of succession).
        """
        others = self.lost - lost
        rate = (others + 1) / (others + self.passed + 2)
        return rate**lost

    def begins(self, now: float) -> object:
        """Note that a call goes out, and return an object that names it."""
        call = object()
        self._calls[call] = now
        return call

    def ends(self, call: object) -> None:
        """Note that a call came back, or was cancelled."""
        self._calls.pop(call, None)

    def closes(self) -> None:
        """Note that something got through."""
        self.passed += 1
        self._forget()

    def _forget(self) -> None:
        self.words = ""
        self._unreadable = 0
        self._since: float | None = None
        self._last = 0.0
        self._longest_retry_after = 0.0
        self._longest_call = 0.0
        self.failing.clear()

    def fails(self, call: object, error: TransientError, now: float) -> None:
        """Note that a call failed; `words` are set when this was once too often."""
        policy = self._policy
        began = self._calls.pop(call)
        pause = policy.silence + policy.longest_wait + self._longest_retry_after
        if began - self._last > pause:
            # No call was tried for a while, so the time until now was no silence.
            self._forget()
        self._since = now if self._since is None else self._since
        self._last = now
        self._longest_retry_after = max(
            self._longest_retry_after, _retry_after(error, policy)
        )
        self._longest_call = max(self._longest_call, now - began)
        self.lost += error.charged
        self._unreadable += isinstance(error, Unreadable)
        patience = _KNOWN_PATIENCE if self.passed else 1
        if self._unreadable >= policy.unreadable * patience:
            self.words = str(error)
        silent = now - self._since
        if (
            silent >= policy.silence + self._longest_retry_after
            and not self._may_still_pass(now)
        ):
            self.words = f"nothing got through for {silent:.0f} s, although it was tried: {error}"

    def _may_still_pass(self, now: float) -> bool:
        """Tell whether a call is under way for longer than any failed one took."""
        return any(now - began > self._longest_call for began in self._calls.values())
