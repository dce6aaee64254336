from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.store import statements, until
from tune.completion import MANY, Completion, Message, Request
from tune.errors import BudgetExhausted, RateLimited, TransientError
from tune.fakes.provider import FakeEndpoint
from tune.pricing.prices import PICODOLLARS, Price
from tune.providers.metered import Metered
from tune.providers.stored import ModelChanged, Stored
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.ledger import Ledger

REQUEST = Request("fake", "small", (Message("user", "one two three"),), 4)
PRICE = Price(1.0, 10.0)


class Bench:
    """A store with a metered endpoint behind it."""

    def __init__(
        self,
        endpoint: FakeEndpoint | None = None,
        *,
        db: Database | None = None,
        budget: int = PICODOLLARS,
    ) -> None:
        self.endpoint = endpoint or fresh()
        self.db = db or Database(":memory:")
        self.store = Store(self.db)
        self.ledger = Ledger(self.db, "study", budget)
        self.changes: list[ModelChanged] = []
        metered = Metered(
            self.endpoint, price=PRICE, store=self.store, ledger=self.ledger
        )
        self.stored = Stored(metered, store=self.store, observer=self.changes.append)

    async def texts(self, numbers: range, request: Request = REQUEST) -> list[str]:
        return [draw.text for draw in await self.stored.complete(request, numbers)]

    @property
    def orders(self) -> list[range]:
        return [numbers for _, numbers in self.endpoint.requests]


def fresh(**changes: object) -> FakeEndpoint:
    return FakeEndpoint(lambda request, rng: str(rng.random()), price=PRICE, **changes)  # type: ignore[arg-type]


def truth(numbers: range, request: Request = REQUEST) -> list[str]:
    return [fresh().draw(request, number).text for number in numbers]


async def test_five_after_three_buys_two() -> None:
    bench = Bench()
    assert await bench.texts(range(3)) == truth(range(3))
    assert await bench.texts(range(5)) == truth(range(5))
    assert bench.orders == [range(3), range(3, 5)]
    assert bench.stored.bought == 5


async def test_what_is_held_costs_nothing_and_is_returned_as_it_was_bought() -> None:
    bench = Bench()
    bought = await bench.stored.complete(REQUEST, range(3))
    spent = bench.ledger.spent
    assert await bench.stored.complete(REQUEST, range(3)) == bought
    assert await bench.stored.complete(REQUEST, range(1, 2)) == bought[1:2]
    assert bench.ledger.spent == spent
    assert bench.endpoint.calls == 1


async def test_what_is_held_can_be_taken_and_nothing_is_bought() -> None:
    bench = Bench()
    bought = await bench.stored.complete(REQUEST, range(2))
    other = Bench(db=bench.db)
    assert other.stored.held(REQUEST, range(3)) is None
    assert other.stored.held(REQUEST, range(2)) == bought
    assert other.stored.bought == 0
    assert other.endpoint.calls == 0


async def test_no_draws_are_no_call() -> None:
    bench = Bench()
    assert await bench.stored.complete(REQUEST, range(0)) == []
    assert bench.endpoint.calls == 0


async def test_only_the_gaps_are_bought() -> None:
    bench = Bench()
    for number in (1, 4):
        await bench.texts(range(number, number + 1))
    assert await bench.texts(range(7)) == truth(range(7))
    assert bench.orders[2:] == [range(1), range(2, 4), range(5, 7)]


async def test_a_later_run_reuses_what_an_earlier_one_bought(tmp_path: Path) -> None:
    first = Bench(db=Database(tmp_path / "draws.db"))
    await first.texts(range(3))
    second = Bench(db=Database(tmp_path / "draws.db"))
    assert await second.texts(range(4)) == truth(range(4))
    assert second.stored.bought == 1
    assert second.ledger.spent_now < first.ledger.spent_now


async def test_each_draw_is_counted_once() -> None:
    bench = Bench()
    await bench.texts(range(2))
    other = Bench(db=bench.db)
    for _ in range(3):
        await other.texts(range(2))
        await other.texts(range(3))
    assert (other.stored.bought, bench.stored.bought) == (1, 2)


async def test_two_calls_at_once_buy_a_request_once() -> None:
    bench = Bench(fresh(latency=0.002))
    results = await asyncio.gather(*(bench.texts(range(n)) for n in (3, 5, 2, 5)))
    assert results == [truth(range(n)) for n in (3, 5, 2, 5)]
    assert bench.orders == [range(3), range(3, 5)]
    assert bench.stored.bought == 5


async def test_different_requests_are_bought_at_the_same_time() -> None:
    bench = Bench(fresh(latency=0.002))
    await asyncio.gather(
        *(bench.texts(range(1), Request("fake", "small", f"{i}", 4)) for i in range(10))
    )
    assert bench.endpoint.most_active == 10


async def test_the_second_buys_when_the_first_failed() -> None:
    bench = Bench(fresh(latency=0.002, failures={0: RateLimited("slow down")}.get))
    first, second = await asyncio.gather(
        bench.texts(range(3)), bench.texts(range(2)), return_exceptions=True
    )
    assert isinstance(first, RateLimited)
    assert second == truth(range(2))


async def test_the_second_buys_when_the_first_was_cancelled() -> None:
    bench = Bench(fresh(latency=0.005))
    first = asyncio.create_task(bench.texts(range(2)))
    second = asyncio.create_task(bench.texts(range(2)))
    await until(lambda: bench.endpoint.calls > 0)
    first.cancel()
    assert await second == truth(range(2))
    assert first.cancelled()
    assert bench.ledger.uncertain > 0


async def test_no_money_is_said_and_what_is_held_can_still_be_read() -> None:
    bench = Bench(budget=100_000_000)
    await bench.texts(range(1))
    with pytest.raises(BudgetExhausted):
        await bench.texts(range(50))
    assert await bench.texts(range(1)) == truth(range(1))


class Stingy(FakeEndpoint):
    """Returns one answer at a time, whatever it is asked for."""

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        return await super().complete(request, numbers[:1])


async def test_missing_answers_are_asked_for_again() -> None:
    bench = Bench(Stingy(lambda request, rng: str(rng.random())))
    assert await bench.texts(range(3)) == truth(range(3))
    assert bench.orders == [range(1), range(1, 2), range(2, 3)]


class Lossy:
    """Takes money and stores nothing."""

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        return [Completion("x", "stop", 1, 1) for _ in numbers]


async def test_a_provider_that_stores_nothing_is_no_endless_loop() -> None:
    stored = Stored(Lossy(), store=Store(Database(":memory:")))
    with pytest.raises(TransientError, match="the store has no draw of it"):
        await stored.complete(REQUEST, range(2))


class Interrupted:
    """Buys the first half, then fails."""

    def __init__(self, inner: Metered) -> None:
        self.inner = inner

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        await self.inner.complete(request, numbers[: len(numbers) // 2])
        raise RateLimited("slow down")


async def test_what_was_bought_before_a_failure_is_kept_and_counted() -> None:
    bench = Bench()
    bench.stored._inner = Interrupted(bench.stored._inner)  # type: ignore[arg-type]
    with pytest.raises(RateLimited):
        await bench.texts(range(4))
    assert bench.stored.bought == 2
    assert list(bench.store.draws(REQUEST, range(9))) == [0, 1]


async def test_a_number_that_another_process_bought_meanwhile_is_read_from_it() -> None:
    bench = Bench()

    class Racing(FakeEndpoint):
        async def complete(self, request: Request, numbers: range) -> list[Completion]:
            bench.store.put(
                request,
                numbers,
                [Completion("theirs", "stop", 3, 1) for _ in numbers],
                study="other",
            )
            return await super().complete(request, numbers)

    racing = Metered(
        Racing("ours"), price=PRICE, store=bench.store, ledger=bench.ledger
    )
    stored = Stored(racing, store=bench.store)
    assert [d.text for d in await stored.complete(REQUEST, range(2))] == [
        "theirs",
        "theirs",
    ]
    assert [d.text for d in bench.store.draws(REQUEST, range(9)).values()] == [
        "theirs"
    ] * 2 + ["ours"] * 2


async def test_a_changed_model_name_is_said_once() -> None:
    bench = Bench(FakeEndpoint("a", model="small-1"))
    await bench.texts(range(1))
    assert bench.changes == []
    bench.endpoint._model = "small-2"
    await bench.texts(range(2))
    await bench.texts(range(3))
    await bench.texts(range(1), Request("fake", "small", "another prompt", 4))
    assert bench.changes == [
        ModelChanged("fake", "small", before="small-1", now="small-2")
    ]


async def test_a_name_that_changed_since_an_earlier_run_is_said() -> None:
    first = Bench(FakeEndpoint("a", model="small-1"))
    await first.texts(range(1))
    second = Bench(FakeEndpoint("a", model="small-2"), db=first.db)
    await second.texts(range(2))
    assert second.changes == [
        ModelChanged("fake", "small", before="small-1", now="small-2")
    ]


async def test_other_models_and_missing_names_are_no_change() -> None:
    bench = Bench(
        FakeEndpoint(lambda request, rng: Completion("a", "stop", 3, 1, model=""))
    )
    await bench.texts(range(1))
    bench.endpoint._world = "a"
    bench.endpoint._model = "small-1"
    await bench.texts(range(2))
    bench.endpoint._model = "large-1"
    await bench.texts(range(1), Request("fake", "large", "x", 4))
    assert bench.changes == []


@settings(max_examples=30)
@given(
    wishes=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 5), st.integers(1, 4)),
        min_size=1,
        max_size=12,
    ),
    most_n=st.sampled_from([1, 2, MANY]),
)
def test_any_calls_at_once_get_the_true_draws_and_each_is_paid_once(
    wishes: list[tuple[int, int, int]], most_n: int
) -> None:
    async def run() -> None:
        bench = Bench(fresh(most_n=most_n))

        async def ask(which: int, start: int, count: int) -> None:
            request, numbers = (
                Request("fake", "small", f"prompt {which}", 4),
                range(start, start + count),
            )
            assert await bench.texts(numbers, request) == truth(numbers, request)

        await asyncio.gather(*(ask(*wish) for wish in wishes))
        wanted = {
            (which, start + i) for which, start, count in wishes for i in range(count)
        }
        assert bench.endpoint.draws == bench.stored.bought == len(wanted)
        assert bench.ledger.settled == bench.endpoint.billed

    asyncio.run(run())


async def test_draws_that_were_bought_are_not_read_back() -> None:
    bench = Bench()
    with statements(bench.db) as found:
        assert await bench.texts(range(2)) == truth(range(2))
    read = [sql for sql in found if "SELECT number" in sql and "text" in sql]
    # Once before the purchase, and never after it.
    assert len(read) == 1
    assert bench.stored.bought == 2
