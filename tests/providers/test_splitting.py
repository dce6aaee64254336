"""Several draws of endpoints that return one: what is asked for, what is kept, and what a failure
does to the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from tune.completion import MANY, Completion, Message, Provider, Request
from tune.errors import (
    AnswerError,
    BudgetExhausted,
    EndpointError,
    ParameterRejected,
    TransientError,
    TuneError,
)
from tune.fakes.server import Fault, Model, Server
from tune.providers.openai.endpoint import OpenAIEndpoint
from tune.providers.splitting import Splitting

CHAT = (Message("user", "Label this: Ticket #7: late"),)
REQUEST = Request("s", "m", CHAT, 40)


class Shop:
    """Sells one draw per call and remembers what it sold; fails for the given numbers."""

    def __init__(
        self,
        failures: dict[int, TuneError] | None = None,
        *,
        most_n: int = 1,
        gives: int = 99,
    ) -> None:
        self.failures, self.most_n, self.gives = failures or {}, most_n, gives
        self.calls: list[range] = []
        self.sold: list[int] = []
        self.cancelled = 0
        self.open = asyncio.Event()
        self.open.set()

    def most_prompt_tokens(self, request: Request) -> int:
        return 1

    async def close(self) -> None: ...

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        self.calls.append(numbers)
        try:
            if numbers.start not in self.failures:
                await self.open.wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)  # whoever cancels waits for this
            self.cancelled += 1
            raise
        if numbers.start in self.failures:
            raise self.failures[numbers.start]
        bought = list(numbers)[: self.gives]
        self.sold += bought
        return [Completion(str(number), "stop", 1, 1) for number in bought]


def texts(draws: list[Completion]) -> list[str]:
    return [draw.text for draw in draws]


async def test_a_native_n_is_used() -> None:
    shop = Shop(most_n=MANY)
    assert texts(await Splitting(shop, shop).complete(REQUEST, range(3, 6))) == [
        "3",
        "4",
        "5",
    ]
    assert shop.calls == [range(3, 6)]


async def test_without_one_each_draw_is_a_call_side_by_side_and_in_order() -> None:
    shop = Shop()
    shop.open.clear()
    order = asyncio.create_task(Splitting(shop, shop).complete(REQUEST, range(2, 6)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert shop.calls == [range(i, i + 1) for i in range(2, 6)], (
        "all are out before the first is back"
    )
    shop.open.set()
    assert texts(await order) == ["2", "3", "4", "5"]


@pytest.mark.parametrize("gives", [1, 2, 4])
async def test_fewer_draws_than_asked_for_are_kept_and_the_rest_bought_singly(
    gives: int,
) -> None:
    shop = Shop(most_n=MANY, gives=gives)
    assert texts(await Splitting(shop, shop).complete(REQUEST, range(5))) == [
        "0",
        "1",
        "2",
        "3",
        "4",
    ]
    assert shop.calls == [range(5), *(range(i, i + 1) for i in range(gives, 5))]


async def test_a_failure_is_raised_only_when_the_others_have_their_draws() -> None:
    shop = Shop({1: TransientError("lost", charged=True)})
    shop.open.clear()
    order = asyncio.create_task(Splitting(shop, shop).complete(REQUEST, range(4)))
    await asyncio.sleep(0.01)
    assert not order.done(), "the failed call does not cut the others off"
    shop.open.set()
    with pytest.raises(TransientError, match="lost"):
        await order
    assert (shop.sold, shop.cancelled) == ([0, 2, 3], 0)


@pytest.mark.parametrize(
    ("failures", "heard"),
    [
        (
            {
                0: TransientError("a", charged=False),
                1: AnswerError("b", reason="timeout"),
            },
            TransientError,
        ),
        ({0: TransientError("a", charged=False), 1: EndpointError("b")}, EndpointError),
        ({0: EndpointError("a"), 1: BudgetExhausted("b")}, BudgetExhausted),
    ],
)
async def test_the_gravest_failure_is_heard(
    failures: dict[int, TuneError], heard: type[TuneError]
) -> None:
    shop = Shop(failures)
    with pytest.raises(heard):
        await Splitting(shop, shop).complete(REQUEST, range(3))


async def test_a_cancelled_order_ends_when_all_of_its_calls_have() -> None:
    shop = Shop()
    shop.open.clear()
    order = asyncio.create_task(Splitting(shop, shop).complete(REQUEST, range(4)))
    await asyncio.sleep(0.01)
    order.cancel()
    with pytest.raises(asyncio.CancelledError):
        await order
    assert shop.cancelled == 4


async def test_a_refused_n_is_split_but_any_other_refusal_is_raised() -> None:
    shop = Shop({0: ParameterRejected("no", parameter="temperature")}, most_n=MANY)
    with pytest.raises(ParameterRejected):
        await Splitting(shop, shop).complete(REQUEST, range(3))
    assert shop.calls == [range(3)]
    shop = Shop({0: ParameterRejected("no", parameter="n")}, most_n=MANY)
    with pytest.raises(ParameterRejected):
        await Splitting(shop, shop).complete(REQUEST, range(1))
    assert shop.calls == [range(1)], "a single draw has no n to drop"


# Over real sockets

Stack = Callable[[Server], tuple[OpenAIEndpoint, Provider]]


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    opened: list[OpenAIEndpoint] = []

    def build(server: Server) -> tuple[OpenAIEndpoint, Provider]:
        endpoint = OpenAIEndpoint("small", base_url=server.base_url)
        opened.append(endpoint)
        return endpoint, Splitting(endpoint, endpoint)

    yield build
    for endpoint in opened:
        await endpoint.close()


async def test_a_model_that_refuses_n_is_asked_once_and_then_singly(
    stack: Stack,
) -> None:
    async with Server(
        {"small": Model(refuses=frozenset({"n"}))}, world=lambda *key: str(key[-2])
    ) as server:
        endpoint, split = stack(server)
        request = Request(endpoint.service, "small", CHAT, 40)
        for _ in range(2):
            draws = await split.complete(request, range(3))
            assert texts(draws) == [str(request.seed(i)) for i in range(3)]
        assert [seen.status for seen in server.requests] == [400] + [200] * 6
        assert len(server.charges) == 6


@pytest.mark.parametrize(
    ("words", "most"),
    [
        ("n must be <= 4", 4),  # vLLM behind a gateway
        ("Field 'n': Value must be between 1 <= value <= 4", 4),  # llama.cpp
        (
            "candidateCount value of 10 but the supported range is from 1 (inclusive) to 9 "
            "(exclusive)",
            8,
        ),  # Gemini
    ],
)
async def test_a_largest_n_that_is_stated_is_asked_for_at_a_time(
    words: str, most: int, stack: Stack
) -> None:
    async with Server(
        {"small": Model(most_n=most, most_n_words=words)},
        world=lambda *key: str(key[-2:]),
    ) as server:
        endpoint, split = stack(server)
        request = Request(endpoint.service, "small", CHAT, 40)
        for _ in range(2):
            assert len(await split.complete(request, range(10))) == 10
        sizes = [most] * (10 // most) + [10 % most]
        assert [seen.status for seen in server.requests] == [400] + [200] * 2 * len(
            sizes
        )
        assert sorted(charge.n for charge in server.charges) == sorted(2 * sizes)
        assert endpoint.most_n == most


async def test_a_refusal_that_states_no_limit_is_learned_for_nothing_else(
    stack: Stack,
) -> None:
    words = "best_of must be 1 when using greedy sampling. Got 3."
    model = Model(most_n=1, most_n_words=words)
    async with Server({"small": model}) as server:
        endpoint, split = stack(server)
        request = Request(
            endpoint.service, "small", CHAT, 40, settings=(("temperature", 0.0),)
        )
        assert len(await split.complete(request, range(3))) == 3
        assert len(server.charges) == 3
        assert endpoint.most_n == MANY, "at other temperatures it takes n"


async def test_a_model_that_ignores_n_loses_no_draw_that_was_paid(stack: Stack) -> None:
    async with Server({"small": Model(fault=Fault("fewer"))}) as server:
        endpoint, split = stack(server)
        request = Request(endpoint.service, "small", CHAT, 40)
        assert len(await split.complete(request, range(4))) == 4
        assert len(server.charges) == 4
        assert sum(charge.n for charge in server.charges) == 4
        assert endpoint.most_n == 1
