"""How many calls go side by side, in which order, and how fast."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.completion import Completion, Message, Request
from tune.errors import InputError, ProviderError, RateLimited, TransientError
from tune.fakes.server import Server
from tune.providers.limited import Limited, _Bucket
from tune.providers.openai.endpoint import OpenAIEndpoint
from tune.providers.retrying import Retrying, RetryPolicy

CHAT = (Message("user", "Label this: Ticket #7: late"),)
REQUEST = Request("s", "m", CHAT, 40)


class Desk:
    """Answers each call when it is told to; counts how many are in flight."""

    def __init__(self, *, tokens: int = 10) -> None:
        self.tokens = tokens
        self.came: list[int] = []
        self.calls: dict[int, asyncio.Future[None]] = {}
        self.most = 0

    def most_prompt_tokens(self, request: Request) -> int:
        return 100

    @property
    def most_n(self) -> int:
        return 9

    async def close(self) -> None: ...

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        number = numbers.start
        self.came.append(number)
        self.calls[number] = asyncio.get_running_loop().create_future()
        self.most = max(self.most, len(self.calls))
        try:
            await self.calls[number]
        finally:
            del self.calls[number]
        return [Completion("x", "stop", self.tokens, 0)]

    async def answer(
        self, numbers: Iterable[int], error: ProviderError | None = None
    ) -> None:
        """End these calls, and let whoever waits for that go on."""
        for number in list(numbers):
            if error is None:
                self.calls[number].set_result(None)
            else:
                self.calls[number].set_exception(error)
        await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def order(
    limited: Limited, numbers: Iterable[int]
) -> list[asyncio.Task[list[Completion]]]:
    tasks = [
        asyncio.create_task(limited.complete(REQUEST, range(i, i + 1))) for i in numbers
    ]
    await settle()
    return tasks


async def drain(desk: Desk, tasks: list[asyncio.Task[list[Completion]]]) -> None:
    while desk.calls:
        await desk.answer(desk.calls)
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_no_more_calls_go_out_than_there_are_slots() -> None:
    desk = Desk()
    limited = Limited(desk, start=3, most=3)
    tasks = await order(limited, range(8))
    assert (desk.came, limited.in_flight, limited.waiting) == ([0, 1, 2], 3, 5)
    await desk.answer([1])
    assert desk.came == [0, 1, 2, 3]
    await drain(desk, tasks)
    assert (desk.most, limited.in_flight, limited.waiting) == (3, 0, 0)


async def test_slots_are_given_in_the_order_of_asking() -> None:
    desk = Desk()
    limited = Limited(desk, start=2, most=2)
    tasks = await order(limited, range(6))
    late = await order(limited, [6])
    for done in range(7):
        await desk.answer([done])
    assert desk.came == list(range(7))
    await asyncio.gather(*tasks, *late)


async def test_the_number_grows_by_three_with_each_answer_until_the_first_refusal() -> (
    None
):
    desk = Desk()
    limited = Limited(desk, start=2, most=33)
    tasks = await order(limited, range(90))
    sizes = [limited.limit]
    for _ in range(3):
        await desk.answer(desk.calls)
        sizes.append(limited.limit)
    assert sizes == [2, 8, 32, 33]
    await drain(desk, tasks)
    assert limited.limit == 33


async def test_after_a_refusal_it_grows_by_one_with_each_round() -> None:
    desk = Desk()
    limited = Limited(desk, start=8, most=64)
    tasks = await order(limited, range(80))
    await desk.answer(desk.calls, RateLimited("often"))
    sizes = [limited.limit]
    for _ in range(3):
        await desk.answer(desk.calls)
        sizes.append(limited.limit)
    assert sizes == [4, 4, 5, 6]
    await drain(desk, tasks)


async def test_after_a_refusal_it_does_not_grow_while_it_is_not_used() -> None:
    desk = Desk()
    limited = Limited(desk, start=8, most=64)
    tasks = await order(limited, range(8))
    await desk.answer(desk.calls, RateLimited("often"))
    await drain(desk, tasks)
    for number in range(20):
        (task,) = await order(limited, [number])
        await desk.answer([number])
        await task
    assert limited.limit == 4


async def test_before_the_first_refusal_every_answer_makes_room_for_the_next_wave() -> (
    None
):
    desk = Desk()
    limited = Limited(desk, start=8, most=64)
    for number in range(20):
        (task,) = await order(limited, [number])
        await desk.answer([number])
        await task
    assert limited.limit == 64


async def test_a_refusal_halves_it_once_for_all_the_calls_then_in_flight() -> None:
    desk = Desk()
    limited = Limited(desk, start=16, most=16)
    tasks = await order(limited, range(40))
    for number in list(desk.calls):
        await desk.answer([number], RateLimited("often"))
        assert limited.limit == 8
    assert len(desk.calls) == 8
    await desk.answer(desk.calls, RateLimited("often"))
    assert limited.limit == 4, "those came after the first halving: it is news"
    await drain(desk, tasks)


async def test_it_never_falls_below_one() -> None:
    desk = Desk()
    limited = Limited(desk, start=2, most=2)
    for number in range(4):
        (task,) = await order(limited, [number])
        await desk.answer([number], RateLimited("often"))
        await asyncio.gather(task, return_exceptions=True)
    assert limited.limit == 1


async def test_other_faults_do_not_halve_it() -> None:
    desk = Desk()
    limited = Limited(desk, start=4, most=4)
    tasks = await order(limited, range(4))
    await desk.answer(desk.calls, TransientError("lost", charged=True))
    assert (limited.limit, limited.in_flight) == (4, 0)
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_call_cancelled_in_line_leaves_its_place_to_the_next() -> None:
    desk = Desk()
    limited = Limited(desk, start=1, most=1)
    tasks = await order(limited, range(4))
    tasks[1].cancel()
    await settle()
    assert limited.waiting == 2
    await desk.answer([0])
    assert desk.came == [0, 2]
    await drain(desk, tasks)
    assert desk.came == [0, 2, 3]


async def test_a_call_cancelled_just_as_its_slot_comes_hands_it_on() -> None:
    desk = Desk()
    limited = Limited(desk, start=1, most=1)
    tasks = await order(limited, range(3))
    desk.calls[0].set_result(None)
    await asyncio.sleep(0)  # the first call ends, and gives its slot to the second
    tasks[1].cancel()
    await settle()
    assert desk.came == [0, 2]
    await drain(desk, tasks)
    assert (limited.in_flight, limited.waiting) == (0, 0)


async def test_a_call_cancelled_in_flight_frees_its_slot() -> None:
    desk = Desk()
    limited = Limited(desk, start=1, most=1)
    tasks = await order(limited, range(2))
    tasks[0].cancel()
    await settle()
    assert desk.came == [0, 1]
    await drain(desk, tasks)


@pytest.mark.parametrize("seed", range(20))
async def test_no_slot_is_lost_or_made_up_whatever_happens(seed: int) -> None:
    rng = random.Random(seed)
    desk = Desk()
    limited = Limited(desk, start=3, most=6)
    tasks: list[asyncio.Task[list[Completion]]] = []
    for step in range(150):
        match rng.randrange(4):
            case 0 | 1:
                tasks.append(
                    asyncio.create_task(
                        limited.complete(REQUEST, range(step, step + 1))
                    )
                )
            case 2 if tasks:
                rng.choice(tasks).cancel()
            case 3 if desk.calls:
                number = rng.choice(list(desk.calls))
                if not desk.calls[number].done():
                    error = rng.choice([None, None, RateLimited("often")])
                    desk.calls[number].set_exception(error) if error else desk.calls[
                        number
                    ].set_result(None)
        for _ in range(rng.randrange(3)):
            await asyncio.sleep(0)
        assert 0 <= limited.in_flight <= 6
        assert 1 <= limited.limit <= 6
    await settle()
    await drain(desk, tasks)
    assert (limited.in_flight, limited.waiting) == (0, 0)


# Limits per minute


class Clock:
    """Time that passes only while everybody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def test_a_bucket_gives_what_its_rate_allows_and_no_more() -> None:
    clock = Clock()
    bucket = _Bucket(60, clock)
    assert [bucket.take(1) for _ in range(4)] == [0, 1, 2, 3]
    clock.now = 10
    assert [bucket.take(1) for _ in range(2)] == [0, 1], (
        "what was not used in time is gone"
    )


def test_more_than_a_bucket_holds_is_paid_off_afterwards() -> None:
    clock = Clock()
    bucket = _Bucket(600, clock)
    assert bucket.take(50) == 0
    assert bucket.take(10) == pytest.approx(5)
    bucket.give_back(60)
    assert bucket.take(10) == 0


@given(
    st.lists(st.tuples(st.floats(0, 5), st.integers(1, 30)), min_size=1, max_size=60),
    st.integers(6, 3000),
)
def test_no_minute_has_more_than_the_limit_and_a_second_of_it(
    calls: list[tuple[float, int]], rate: int
) -> None:
    clock = Clock()
    bucket = _Bucket(rate, clock)
    room, due = max(1.0, rate / 60), []
    for pause, amount in calls:
        clock.now += pause
        due.append((clock.now + bucket.take(amount), amount))
    assert [when for when, _ in due] == sorted(when for when, _ in due), (
        "nobody is overtaken"
    )
    largest = max(amount for _, amount in due)
    for start, _ in due:
        within = sum(amount for when, amount in due if start <= when < start + 60)
        assert within <= rate + room + largest + 1e-6


async def test_requests_keep_to_their_pace() -> None:
    clock = Clock()
    desk = Desk()
    limited = Limited(
        desk, start=9, most=9, requests_per_minute=30, clock=clock, sleep=clock.sleep
    )
    tasks = await order(limited, range(4))
    assert clock.slept == [2, 4, 6]
    await drain(desk, tasks)


async def test_tokens_are_taken_at_their_ceiling_and_given_back() -> None:
    clock = Clock()
    desk = Desk(tokens=20)
    options = {
        "start": 9,
        "most": 9,
        "tokens_per_minute": 6000,
        "clock": clock,
        "sleep": clock.sleep,
    }
    limited = Limited(desk, endpoint=desk, **options)  # type: ignore[arg-type]
    tasks = await order(limited, range(2))
    assert clock.slept == [pytest.approx(1.4)], (
        "100 for the prompt and 40 for the answer, at 100 a second"
    )
    await desk.answer(desk.calls)
    third = await order(limited, [2])
    assert len(clock.slept) == 2
    assert clock.slept[1] == pytest.approx(0.4), "2 x 20 of the 2 x 140 were used"
    await drain(desk, tasks + third)


@pytest.mark.parametrize(("charged", "slept"), [(False, []), (True, [1.4])])
async def test_a_refused_call_gives_back_all_its_tokens(
    charged: bool, slept: list[float]
) -> None:
    clock = Clock()
    desk = Desk()
    limited = Limited(
        desk, endpoint=desk, tokens_per_minute=6000, clock=clock, sleep=clock.sleep
    )
    for number in range(2):
        tasks = await order(limited, [number])
        await desk.answer([number], TransientError("lost", charged=charged))
        await asyncio.gather(*tasks, return_exceptions=True)
    assert clock.slept == pytest.approx(slept)


async def test_a_call_cancelled_while_it_keeps_the_pace_gives_back_its_share() -> None:
    desk = Desk()
    limited = Limited(desk, requests_per_minute=60, tokens_per_minute=6000)
    tasks = await order(limited, range(3))
    assert desk.came == [0]
    for task in tasks[1:]:
        task.cancel()
    await settle()
    assert limited.in_flight == 1
    assert limited._requests.take(1) <= 1
    await drain(desk, tasks)


async def test_without_an_endpoint_the_prompts_bytes_are_counted() -> None:
    clock = Clock()
    desk = Desk()
    limited = Limited(desk, tokens_per_minute=60, clock=clock, sleep=clock.sleep)
    tasks = await order(limited, range(2))
    assert clock.slept == [len(CHAT[0].content) + 40]
    await drain(desk, tasks)


@pytest.mark.parametrize(
    "options",
    [
        {"most": 0},
        {"start": 0},
        {"requests_per_minute": 0},
        {"tokens_per_minute": -5.0},
    ],
)
def test_a_limit_of_nothing_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match="> 0` must hold"):
        Limited(Desk(), **options)  # type: ignore[arg-type]


# Over real sockets

Open = Callable[[Server], tuple[OpenAIEndpoint, Request]]


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    """Makes an endpoint for a server, and a request to it."""
    endpoints: list[OpenAIEndpoint] = []

    def make(server: Server) -> tuple[OpenAIEndpoint, Request]:
        endpoints.append(OpenAIEndpoint("small", base_url=server.base_url))
        return endpoints[-1], Request(endpoints[-1].service, "small", CHAT, 40)

    yield make
    for endpoint in endpoints:
        await endpoint.close()


async def test_256_calls_go_side_by_side_and_no_more(opened: Open) -> None:
    async with Server(seconds=0.5) as server:
        endpoint, request = opened(server)
        limited = Limited(endpoint, start=256, most=256)
        await asyncio.gather(
            *(limited.complete(request, range(i, i + 1)) for i in range(300))
        )
        assert server.peak == 256
        assert len(server.charges) == 300


async def test_calls_arrive_in_the_order_of_asking(opened: Open) -> None:
    async with Server() as server:
        endpoint, request = opened(server)
        limited = Limited(endpoint, start=1, most=1)
        await asyncio.gather(
            *(limited.complete(request, range(i, i + 1)) for i in range(20))
        )
        assert [seen.body["seed"] for seen in server.posts] == [
            request.seed(i) for i in range(20)
        ]


async def test_it_finds_what_the_endpoint_bears_and_loses_no_draw(opened: Open) -> None:
    async with Server(seconds=0.03, most_at_once=10) as server:
        endpoint, request = opened(server)
        limited = Limited(endpoint, start=64, most=64)
        retrying = Retrying(
            limited,
            policy=RetryPolicy(attempts=50, first_wait=0.02, longest_wait=0.2),
            rng=random.Random(1),
        )
        draws = await asyncio.gather(
            *(retrying.complete(request, range(i, i + 1)) for i in range(200))
        )
        refused = sum(seen.status == 429 for seen in server.posts)
        assert (len(draws), len(server.charges)) == (200, 200)
        assert refused < 200, "far fewer than without a limit"
        assert limited.limit <= 20


async def test_a_limit_of_requests_keeps_an_endpoint_from_refusing(
    opened: Open,
) -> None:
    async with Server(requests_per_second=40) as server:
        endpoint, request = opened(server)
        limited = Limited(endpoint, start=64, most=64, requests_per_minute=15 * 60)
        await asyncio.gather(
            *(limited.complete(request, range(i, i + 1)) for i in range(45))
        )
        assert {seen.status for seen in server.posts} == {200}
