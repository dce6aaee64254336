"""Tries made again: how often, after how long, and when there is no more point in it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator

import pytest

from tune.completion import Completion, Message, Request
from tune.errors import (
    AnswerError,
    BudgetExhausted,
    EndpointError,
    ParameterRejected,
    RateLimited,
    TransientError,
    TuneError,
)
from tune.fakes.server import Fault, Model, Server, fail_first, fail_sometimes
from tune.providers.capabilities import Adapted
from tune.providers.openai.endpoint import OpenAIEndpoint
from tune.providers.retrying import RetryEvent, Retrying, RetryPolicy
from tune.providers.splitting import Splitting

CHAT = (Message("user", "Label this: Ticket #7: late"),)
REQUEST = Request("s", "m", CHAT, 40)
ANSWER = [Completion("yes", "stop", 1, 1)]


class Clock:
    """Time that passes only while somebody sleeps, or is told to."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class Script:
    """Fails with these errors in turn (None is an answer), each after so many seconds; then
    answers.
    """

    def __init__(
        self, clock: Clock, errors: Iterable[TuneError | None], *, takes: float = 0.0
    ) -> None:
        self.clock, self.errors, self.takes = clock, iter(errors), takes
        self.calls = 0

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        self.calls += 1
        self.clock.now += self.takes
        error = next(self.errors, None)
        if error is not None:
            raise error
        return ANSWER


def lost(charged: bool = False, retry_after: float | None = None) -> TransientError:
    return TransientError("it broke", charged=charged, retry_after=retry_after)


def always(error: Callable[[], TuneError]) -> Iterator[TuneError]:
    while True:
        yield error()


def retrying(
    clock: Clock,
    inner: Script,
    *,
    observer: Callable[[RetryEvent], None] | None = None,
    **policy: float,
) -> Retrying:
    return Retrying(
        inner,
        policy=RetryPolicy(**policy),  # type: ignore[arg-type]
        observer=observer,
        sleep=clock.sleep,
        clock=clock,
        rng=random.Random(7),
    )


async def test_what_works_is_called_once_and_nobody_waits() -> None:
    clock = Clock()
    inner = Script(clock, [])
    assert await retrying(clock, inner).complete(REQUEST, range(1)) == ANSWER
    assert (inner.calls, clock.slept) == (1, [])


async def test_a_fault_that_passes_is_tried_again() -> None:
    clock = Clock()
    inner = Script(clock, [lost(), lost(charged=True), RateLimited("often")])
    assert await retrying(clock, inner).complete(REQUEST, range(1)) == ANSWER
    assert inner.calls == 4


@pytest.mark.parametrize(
    "error",
    [
        EndpointError("no such model"),
        AnswerError("too long", reason="context_length"),
        ParameterRejected("no", parameter="stop"),
        BudgetExhausted("empty"),
    ],
)
async def test_what_another_try_cannot_mend_is_raised_at_once(error: TuneError) -> None:
    clock = Clock()
    inner = Script(clock, [error])
    with pytest.raises(type(error)):
        await retrying(clock, inner).complete(REQUEST, range(1))
    assert (inner.calls, clock.slept) == (1, [])


async def test_waits_are_spread_below_a_bound_that_doubles_up_to_a_maximum() -> None:
    bounds = [1, 2, 4, 8, 10, 10]
    rows = []
    for seed in range(200):
        clock = Clock()
        inner = Script(clock, [lost() for _ in bounds])
        policy = RetryPolicy(attempts=9, first_wait=1, longest_wait=10, silence=1e9)
        wrapper = Retrying(
            inner,
            policy=policy,
            sleep=clock.sleep,
            clock=clock,
            rng=random.Random(seed),
        )
        await wrapper.complete(REQUEST, range(1))
        rows.append(clock.slept)
    for bound, waits in zip(bounds, zip(*rows, strict=True), strict=True):
        assert 0 <= min(waits) < 0.1 * bound
        assert 0.9 * bound < max(waits) <= bound
        assert sum(waits) / len(waits) == pytest.approx(bound / 2, rel=0.15)


async def test_what_the_service_asks_for_is_waited_for_first_up_to_a_maximum() -> None:
    clock = Clock()
    inner = Script(
        clock,
        [RateLimited("often", retry_after=7), RateLimited("often", retry_after=500)],
    )
    await retrying(
        clock, inner, first_wait=1, longest_retry_after=20, seconds=100
    ).complete(REQUEST, range(1))
    assert 7 <= clock.slept[0] <= 8
    assert 20 <= clock.slept[1] <= 22


async def test_after_so_many_attempts_the_last_error_is_raised() -> None:
    clock = Clock()
    inner = Script(clock, [lost(), lost(), lost(charged=True)])
    with pytest.raises(TransientError) as caught:
        await retrying(clock, inner, attempts=3).complete(REQUEST, range(1))
    assert (inner.calls, caught.value.charged) == (3, True)


@pytest.mark.parametrize(
    ("calls", "charged", "outlast", "through"),
    [
        (10, False, True, 10),
        (3, False, True, 0),
        (10, True, True, 0),
        (10, False, False, 0),
    ],
)
async def test_in_an_outage_that_is_shorter_than_the_silence_no_call_runs_out_of_attempts(
    calls: int, charged: bool, outlast: bool, through: int
) -> None:
    clock = Clock()
    # Each call fails twice as often as it may alone.
    inner = Script(clock, [lost(charged)] * (6 * calls))
    provider = retrying(clock, inner, attempts=3, first_wait=0.001, outlast=outlast)
    found = await asyncio.gather(
        *(provider.complete(REQUEST, range(1)) for _ in range(calls)),
        return_exceptions=True,
    )
    assert found.count(ANSWER) == through
    assert clock.now - 1000 < RetryPolicy().silence


async def test_no_try_begins_after_so_much_time() -> None:
    clock = Clock()
    inner = Script(clock, always(lambda: lost(retry_after=10)))
    with pytest.raises(TransientError):
        await retrying(
            clock, inner, attempts=99, seconds=35, first_wait=0.1, silence=1e9
        ).complete(REQUEST, range(1))
    assert inner.calls == 4
    assert sum(clock.slept) <= 35


async def test_the_time_counts_from_the_first_failure_not_from_the_queue() -> None:
    clock = Clock()
    inner = Script(clock, [lost()], takes=1000)
    assert (
        await retrying(clock, inner, seconds=35).complete(REQUEST, range(1)) == ANSWER
    )


async def test_an_adapted_request_goes_again_at_once_and_is_no_attempt() -> None:
    clock, retries = Clock(), list[RetryEvent]()
    inner = Script(clock, [Adapted("a"), Adapted("b"), lost()])
    await retrying(clock, inner, attempts=2, observer=retries.append).complete(
        REQUEST, range(1)
    )
    assert inner.calls == 4
    assert len(clock.slept) == len(retries) == 1


async def test_adapting_without_end_ends() -> None:
    clock = Clock()
    inner = Script(clock, always(lambda: Adapted("again")))
    with pytest.raises(Adapted):
        await retrying(clock, inner).complete(REQUEST, range(1))
    assert inner.calls < 20


async def test_an_observer_hears_of_each_retry() -> None:
    clock, retries = Clock(), list[RetryEvent]()
    error = lost()
    await retrying(
        clock, Script(clock, [error, lost()]), observer=retries.append
    ).complete(REQUEST, range(2, 4))
    assert [retry.attempt for retry in retries] == [1, 2]
    assert (retries[0].request, retries[0].numbers, retries[0].error) == (
        REQUEST,
        range(2, 4),
        error,
    )
    assert [retry.wait for retry in retries] == clock.slept


# The circuit


async def test_when_nothing_gets_through_for_long_the_endpoint_is_given_up() -> None:
    clock = Clock()
    inner = Script(clock, always(lost))
    wrapper = retrying(
        clock, inner, attempts=1000, seconds=1e6, longest_wait=5, silence=60
    )
    with pytest.raises(EndpointError, match="it broke"):
        await wrapper.complete(REQUEST, range(1))
    assert 60 <= clock.now - 1000 < 70
    calls = inner.calls
    with pytest.raises(EndpointError, match="nothing got through for"):
        await wrapper.complete(REQUEST, range(1))
    assert inner.calls == calls, "it fails fast"


async def test_after_a_rest_an_endpoint_that_was_given_up_is_tried_again() -> None:
    clock = Clock()
    inner = Script(clock, [lost(), lost(), None], takes=50)
    wrapper = retrying(clock, inner, attempts=2, longest_wait=5, silence=40, rest=30)
    with pytest.raises(EndpointError, match="nothing got through for"):
        await wrapper.complete(REQUEST, range(1))
    with pytest.raises(EndpointError):
        await wrapper.complete(REQUEST, range(1))
    assert inner.calls == 2, "it fails fast"
    clock.now += 30
    assert await wrapper.complete(REQUEST, range(1)) == ANSWER


async def test_one_call_that_gets_through_starts_the_count_anew() -> None:
    clock = Clock()
    script = Script(
        clock, [lost(), lost(), lost(), None, lost(), lost(), lost(), None], takes=15
    )
    wrapper = retrying(clock, script, silence=60, longest_wait=1)
    for _ in range(2):
        assert await wrapper.complete(REQUEST, range(1)) == ANSWER


@pytest.mark.parametrize(
    "error", [AnswerError("long", reason="context_length"), Adapted("swapped")]
)
async def test_a_refusal_of_the_request_is_a_sign_of_life(error: TuneError) -> None:
    clock = Clock()
    wrapper = retrying(
        clock,
        Script(clock, [lost(), lost(), error, lost(), lost(), None], takes=25),
        longest_wait=1,
    )
    for _ in range(2):
        try:
            assert await wrapper.complete(REQUEST, range(1)) == ANSWER
        except AnswerError:
            continue


async def test_time_without_tries_is_no_silence() -> None:
    clock = Clock()
    inner = Script(clock, always(lost))
    wrapper = retrying(clock, inner, attempts=2, silence=60)
    for _ in range(5):
        with pytest.raises(TransientError):
            await wrapper.complete(REQUEST, range(1))
        clock.now += 3600


async def test_time_that_the_service_asked_for_is_no_silence() -> None:
    clock = Clock()
    inner = Script(clock, [RateLimited("often", retry_after=100)])
    wrapper = retrying(clock, inner, silence=60)
    assert await wrapper.complete(REQUEST, range(1)) == ANSWER
    inner = Script(clock, always(lambda: RateLimited("often", retry_after=100)))
    wrapper = retrying(clock, inner, silence=60, seconds=1e6)
    with pytest.raises(EndpointError):
        await wrapper.complete(REQUEST, range(1))
    assert inner.calls == 3


async def test_a_call_under_way_for_longer_than_any_failed_one_keeps_up_hope() -> None:
    clock, answered = Clock(), asyncio.Event()

    class Slow:
        calls = 0

        async def complete(self, request: Request, numbers: range) -> list[Completion]:
            self.calls += 1
            if numbers.start == 0:
                await answered.wait()
                return ANSWER
            raise lost()

    inner = Slow()
    policy = RetryPolicy(
        attempts=200, seconds=1e6, first_wait=1, longest_wait=1, silence=20
    )
    wrapper = Retrying(inner, policy=policy, sleep=clock.sleep, clock=clock)
    slow = asyncio.create_task(wrapper.complete(REQUEST, range(1)))
    await asyncio.sleep(0)
    with pytest.raises(TransientError):
        await wrapper.complete(REQUEST, range(1, 2))
    assert clock.now - 1000 > 60, "200 attempts went by, and three times the silence"
    answered.set()
    assert await slow == ANSWER


async def test_a_call_under_way_for_shorter_than_a_failed_one_took_is_no_hope() -> None:
    clock, never = Clock(), asyncio.Event()
    seconds = iter([100.0])

    class Slow:
        async def complete(self, request: Request, numbers: range) -> list[Completion]:
            if numbers.start == 0:
                await never.wait()
            clock.now += next(seconds, 1.0)
            raise lost()

    policy = RetryPolicy(
        attempts=200, seconds=1e6, first_wait=1, longest_wait=1, silence=20
    )
    wrapper = Retrying(Slow(), policy=policy, sleep=clock.sleep, clock=clock)
    failing = asyncio.create_task(wrapper.complete(REQUEST, range(1, 2)))
    await asyncio.sleep(0)  # it has failed once, after 100 seconds
    young = asyncio.create_task(wrapper.complete(REQUEST, range(1)))
    with pytest.raises(EndpointError, match="nothing got through"):
        await failing
    young.cancel()


async def test_a_cancelled_call_leaves_no_hope_behind() -> None:
    clock = Clock()

    class Hanging:
        async def complete(self, request: Request, numbers: range) -> list[Completion]:
            if numbers.start == 0:
                await asyncio.Event().wait()
            raise lost()

    policy = RetryPolicy(
        attempts=1000, seconds=1e6, first_wait=1, longest_wait=1, silence=20
    )
    wrapper = Retrying(Hanging(), policy=policy, sleep=clock.sleep, clock=clock)
    hanging = asyncio.create_task(wrapper.complete(REQUEST, range(1)))
    await asyncio.sleep(0)
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    with pytest.raises(EndpointError):
        await wrapper.complete(REQUEST, range(1, 2))


# Over real sockets

QUICK = RetryPolicy(first_wait=0.02, longest_wait=0.1, silence=5.0)
Use = Callable[[Retrying, Request], Awaitable[None]]


async def with_stack(
    server: Server, use: Use, policy: RetryPolicy = QUICK, **options: float
) -> OpenAIEndpoint:
    endpoint = OpenAIEndpoint("small", base_url=server.base_url, **options)
    wrapper = Retrying(endpoint, policy=policy, rng=random.Random(1))
    try:
        await use(wrapper, Request(endpoint.service, "small", CHAT, 40))
    finally:
        await endpoint.close()
    return endpoint


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
async def test_every_passing_status_is_outlived(status: int) -> None:
    async with Server(plan=fail_first(3, Fault("status", status=status))) as server:

        async def use(wrapper: Retrying, request: Request) -> None:
            assert len(await wrapper.complete(request, range(2))) == 2

        await with_stack(server, use)
        assert (len(server.requests), len(server.charges)) == (4, 1)


async def test_faults_of_the_connection_are_outlived() -> None:
    faults = [
        Fault("reset"),
        Fault("garbage"),
        Fault("truncated"),
        Fault("no_choices"),
        Fault("hang"),
    ]
    async with Server(
        plan=lambda number, _: faults[number] if number < len(faults) else None
    ) as server:

        async def use(wrapper: Retrying, request: Request) -> None:
            assert len(await wrapper.complete(request, range(1))) == 1

        await with_stack(server, use, timeout=0.4)
        assert len(server.requests) == len(faults) + 1


async def test_swapped_parameters_cost_no_attempt() -> None:
    async with Server(
        {"small": Model(refuses=frozenset({"seed", "max_tokens"}))}
    ) as server:

        async def use(wrapper: Retrying, request: Request) -> None:
            assert len(await wrapper.complete(request, range(1))) == 1

        await with_stack(server, use, RetryPolicy(attempts=1))
        assert [seen.status for seen in server.requests] == [400, 400, 200]


async def test_an_outage_ends_the_run_in_the_endpoints_own_words() -> None:
    plan = fail_first(10**9, Fault("status", status=503, message="we moved to Mars"))
    async with Server(plan=plan) as server:

        async def use(wrapper: Retrying, request: Request) -> None:
            calls = [wrapper.complete(request, range(i, i + 1)) for i in range(20)]
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            assert all(isinstance(outcome, EndpointError) for outcome in outcomes)
            assert "we moved to Mars" in str(outcomes[0])

        await with_stack(
            server,
            use,
            RetryPolicy(
                attempts=10**6, first_wait=0.02, longest_wait=0.05, silence=0.5
            ),
        )


async def test_the_same_draws_come_back_whatever_fails_on_the_way() -> None:
    faults = [
        Fault("status", status=503),
        Fault("reset"),
        Fault("garbage"),
        Fault("status", status=500, billed=True),
    ]

    async def texts(plan: object, side_by_side: int) -> list[str]:
        said: list[str] = []
        async with Server(plan=plan) as server:  # type: ignore[arg-type]

            async def use(wrapper: Retrying, request: Request) -> None:
                fixed = Request("same", "small", request.prompt, 40)
                await wrapper.complete(
                    fixed, range(1)
                )  # first answers that are all rubbish end an endpoint
                gate = asyncio.Semaphore(side_by_side)

                async def one(number: int) -> str:
                    async with gate:
                        return (
                            await wrapper.complete(fixed, range(number, number + 1))
                        )[0].text

                said.extend(await asyncio.gather(*map(one, range(40))))

            await with_stack(server, use)
        return said

    calm = await texts(None, 1)
    assert await texts(fail_sometimes(0.3, faults, seed=5), 40) == calm
    assert len(set(calm)) > 1


async def test_split_calls_are_each_retried() -> None:
    plan = fail_sometimes(0.5, [Fault("status", status=503)], seed=3)
    async with Server({"small": Model(refuses=frozenset({"n"}))}, plan=plan) as server:
        endpoint = OpenAIEndpoint("small", base_url=server.base_url)
        split = Splitting(Retrying(endpoint, policy=QUICK), endpoint)
        assert (
            len(
                await split.complete(
                    Request(endpoint.service, "small", CHAT, 40), range(10)
                )
            )
            == 10
        )
        assert len(server.charges) == 10
        await endpoint.close()
