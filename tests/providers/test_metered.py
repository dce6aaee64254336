from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.store import turn, until
from tune.completion import MANY, Completion, Invoice, Message, Request
from tune.errors import (
    AnswerError,
    BudgetExhausted,
    EndpointError,
    ParameterRejected,
    ProviderError,
    RateLimited,
    StoreError,
    TransientError,
)
from tune.fakes.provider import FakeEndpoint
from tune.pricing.prices import PICODOLLARS, Price
from tune.providers.metered import Metered, Receipt
from tune.providers.usual_cost import LEAST_CALLS
from tune.store.admission import Shortage
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.ledger import Ledger
from tune.store.ledger_table import Balance

REQUEST = Request("fake", "small", (Message("user", "one two three"),), 4)
PRICE = Price(1.0, 10.0)
PROMPT, TOKEN = 3 * 1_000_000, 10_000_000
"""Picodollars of the request's prompt, and of one token of its answer."""


class Bench:
    """A metered endpoint with its own store and ledger."""

    def __init__(
        self,
        endpoint: FakeEndpoint,
        *,
        price: Price = PRICE,
        budget: int = PICODOLLARS,
        **more: Any,
    ) -> None:
        self.endpoint = endpoint
        self.db = Database(":memory:")
        self.store = Store(self.db)
        self.ledger = Ledger(self.db, "study", budget)
        self.receipts: list[Receipt] = []
        self.metered = Metered(
            endpoint,
            price=price,
            store=self.store,
            ledger=self.ledger,
            observer=self.receipts.append,
            **more,
        )

    def texts(self, request: Request = REQUEST) -> list[str]:
        return [draw.text for draw in self.store.draws(request, range(100)).values()]

    def check(self) -> None:
        check_ledger_equals_draws(self.db)


def check_ledger_equals_draws(db: Database) -> None:
    """Each settled attempt has its draws, each draw its settled attempt, and costs agree."""
    attempts = dict(db.rows("SELECT id, cost FROM attempts WHERE state = 'settled'"))
    draws = dict(db.rows("SELECT attempt, sum(cost) FROM draws GROUP BY attempt"))
    assert draws == attempts


# Buying


async def test_a_call_is_reserved_sent_kept_and_settled() -> None:
    bench = Bench(
        FakeEndpoint(lambda request, rng: f"{rng.random()} is it", price=PRICE)
    )
    draws = await bench.metered.complete(REQUEST, range(2))
    assert draws == [bench.endpoint.draw(REQUEST, 0), bench.endpoint.draw(REQUEST, 1)]
    assert list(bench.store.draws(REQUEST, range(9)).values()) == draws
    assert bench.ledger.settled == bench.endpoint.billed == PROMPT + 6 * TOKEN
    assert bench.ledger.reserved == 0
    bench.check()


async def test_the_ceiling_is_held_while_the_call_is_in_flight() -> None:
    bench = Bench(FakeEndpoint("a", latency=0.01))
    call = asyncio.create_task(bench.metered.complete(REQUEST, range(3)))
    await until(lambda: bench.endpoint.calls > 0)
    assert (
        bench.ledger.reserved
        == PROMPT + 3 * 4 * TOKEN
        == bench.metered.ceiling(REQUEST, 3)
    )
    await call
    assert bench.ledger.reserved == 0


async def test_without_native_n_the_prompt_is_paid_for_each_draw() -> None:
    bench = Bench(FakeEndpoint("a", price=PRICE, most_n=1))
    assert bench.metered.ceiling(REQUEST, 3) == 3 * (PROMPT + 4 * TOKEN)
    await bench.metered.complete(REQUEST, range(3))
    assert bench.ledger.settled == bench.endpoint.billed == 3 * (PROMPT + TOKEN)
    bench.check()


async def test_the_cost_of_a_call_is_shared_by_its_draws_exactly() -> None:
    price = Price(1.000001, 10.0)
    bench = Bench(
        FakeEndpoint(lambda request, rng: "a " * rng.randint(1, 4), price=price),
        price=price,
    )
    await bench.metered.complete(REQUEST, range(7))
    costs = [record.cost for record in bench.store.records()]
    assert sum(costs) == bench.ledger.settled == bench.endpoint.billed
    assert min(costs) >= PROMPT // 7 + TOKEN
    bench.check()


async def test_a_draw_says_which_study_and_attempt_paid() -> None:
    bench = Bench(FakeEndpoint("a"))
    await bench.metered.complete(REQUEST, range(1))
    (record,) = bench.store.records()
    assert (record.study, record.attempt, record.cost) == ("study", 1, PROMPT + TOKEN)


async def test_the_purpose_decides_which_money_may_be_used() -> None:
    bench = Bench(FakeEndpoint("a"), budget=100 * TOKEN)
    bench.ledger.set_holdout_reserve(100 * TOKEN)
    with pytest.raises(BudgetExhausted):
        await bench.metered.complete(REQUEST, range(1))
    assert bench.endpoint.calls == 0
    bench.metered.purpose = "holdout"
    await bench.metered.complete(REQUEST, range(1))
    assert bench.ledger.spent_by_purpose() == {"holdout": PROMPT + TOKEN}


async def test_beside_calls_that_are_usually_cheap_more_calls_are_in_flight() -> None:
    ceiling = PROMPT + 4 * TOKEN
    endpoint = FakeEndpoint("a", price=PRICE, latency=0.01)
    bench = Bench(endpoint, budget=40 * ceiling)
    for number in range(LEAST_CALLS):
        await bench.metered.complete(REQUEST, range(number, number + 1))
    balance = bench.ledger.balance
    # Two ceilings are left for the search.
    bench.ledger.set_holdout_reserve(balance.budget - balance.spent - 2 * ceiling)
    rest = range(LEAST_CALLS, LEAST_CALLS + 4)
    calls = [
        asyncio.create_task(bench.metered.complete(REQUEST, range(n, n + 1)))
        for n in rest
    ]
    await turn()
    assert bench.ledger.reserved == 4 * ceiling
    await asyncio.gather(*calls)
    assert bench.ledger.left > 0, "the reserve is untouched"
    bench.check()


async def test_a_new_kind_of_call_is_expected_to_have_answers_as_long_as_those_before() -> (
    None
):
    endpoint = FakeEndpoint("a", price=PRICE, latency=0.01)
    bench = Bench(endpoint, budget=1000 * TOKEN)
    for number in range(LEAST_CALLS):
        await bench.metered.complete(REQUEST, range(number, number + 1))
    balance = bench.ledger.balance
    longer = replace(REQUEST, max_tokens=40)
    ceiling, usual = PROMPT + 3 * 40 * TOKEN, PROMPT + 3 * TOKEN
    # The search has money for one such call and one of usual length.
    reserve = balance.budget - balance.spent - ceiling - usual
    bench.ledger.set_holdout_reserve(reserve)
    calls = [
        asyncio.create_task(bench.metered.complete(longer, range(n, n + 3)))
        for n in (0, 3)
    ]
    await turn()
    assert bench.ledger.reserved == 2 * ceiling
    await asyncio.gather(*calls)
    bench.check()


async def test_nothing_is_sent_that_does_not_fit() -> None:
    bench = Bench(FakeEndpoint("a"), budget=PROMPT + 4 * TOKEN - 1)
    with pytest.raises(BudgetExhausted):
        await bench.metered.complete(REQUEST, range(1))
    assert bench.endpoint.calls == 0
    assert bench.receipts == []


@pytest.mark.parametrize("purpose", ["search", "holdout"])
async def test_what_did_not_fit_is_kept_for_the_report(purpose: str) -> None:
    bench = Bench(FakeEndpoint("a"), budget=PROMPT + 4 * TOKEN - 1)
    bench.metered.purpose = purpose
    with pytest.raises(BudgetExhausted):
        await bench.metered.complete(REQUEST, range(1))
    short = Shortage(needed=PROMPT + 4 * TOKEN, left=PROMPT + 4 * TOKEN - 1)
    found = bench.ledger.shortage, bench.ledger.holdout_shortage
    assert found == ((short, None) if purpose == "search" else (None, short))


async def test_a_draw_sets_money_aside_for_its_judge() -> None:
    bench = Bench(FakeEndpoint("a"), budget=100 * TOKEN, judge_hold=5 * TOKEN)
    await bench.metered.complete(REQUEST, range(2))
    assert bench.ledger.reserved == 10 * TOKEN
    judge = Metered(
        FakeEndpoint("b"),
        price=PRICE,
        store=bench.store,
        ledger=bench.ledger,
        purpose="judge",
        judge=True,
    )
    bench.ledger.set_holdout_reserve(100 * TOKEN)  # nothing else could be bought now
    await judge.complete(Request("fake", "judge", "is it right?", 4), range(1))
    assert bench.ledger.reserved == 10 * TOKEN - judge.ceiling(
        Request("fake", "judge", "is it right?", 4), 1
    )
    assert set(bench.ledger.spent_by_purpose()) == {"search", "judge"}


def test_store_and_ledger_share_one_database() -> None:
    bench = Bench(FakeEndpoint("a"))
    with pytest.raises(ValueError, match="one database"):
        Metered(
            bench.endpoint,
            price=PRICE,
            store=Store(Database(":memory:")),
            ledger=bench.ledger,
        )


async def test_an_observer_gets_one_receipt_for_each_attempt() -> None:
    refused, lost = RateLimited("slow down"), TransientError("reset", charged=True)
    failures = {1: refused, 2: lost}.get
    bench = Bench(FakeEndpoint("a", failures=failures))
    for number in range(3):
        try:
            await bench.metered.complete(REQUEST, range(number, number + 1))
        except TransientError:
            continue
    ceiling = PROMPT + 4 * TOKEN
    assert bench.receipts == [
        Receipt(
            "fake",
            "small",
            "search",
            "settled",
            draws=1,
            ceiling=ceiling,
            cost=PROMPT + TOKEN,
            prompt_tokens=3,
            completion_tokens=1,
        ),
        Receipt(
            "fake",
            "small",
            "search",
            "refused",
            draws=0,
            ceiling=ceiling,
            cost=0,
            error=refused,
        ),
        Receipt(
            "fake",
            "small",
            "search",
            "uncertain",
            draws=0,
            ceiling=ceiling,
            cost=ceiling,
            error=lost,
        ),
    ]


# Failing


@pytest.mark.parametrize(
    "failure",
    [
        RateLimited("slow down"),
        TransientError("connection refused", charged=False),
        AnswerError("too long", reason="context_length"),
        ParameterRejected("no temperature", parameter="temperature"),
        EndpointError("wrong key"),
    ],
)
async def test_a_refusal_costs_nothing(failure: ProviderError) -> None:
    bench = Bench(FakeEndpoint("a", failures={0: failure}.get))
    with pytest.raises(type(failure)) as error:
        await bench.metered.complete(REQUEST, range(1))
    assert error.value is failure
    assert bench.ledger.balance == Balance(
        PICODOLLARS, 0, settled=0, reserved=0, uncertain=0, overshoot=0
    )


@pytest.mark.parametrize(
    "failure",
    [
        TransientError("timeout", charged=True),
        AnswerError("too slow", reason="timeout", charged=True),
    ],
)
async def test_an_unknown_outcome_stays_charged(failure: ProviderError) -> None:
    bench = Bench(FakeEndpoint("a", price=PRICE, failures={0: failure}.get))
    with pytest.raises(type(failure)):
        await bench.metered.complete(REQUEST, range(1))
    assert bench.ledger.uncertain == PROMPT + 4 * TOKEN >= bench.endpoint.billed
    assert bench.texts() == []


@pytest.mark.parametrize(("most_n", "prompts"), [(MANY, 1), (2, 2), (1, 3)])
async def test_a_refused_prompt_that_may_be_billed_stays_charged_as_a_prompt(
    most_n: int, prompts: int
) -> None:
    refusal = AnswerError("filtered", reason="content_filter", prompt_charged=True)
    bench = Bench(
        FakeEndpoint("a", price=PRICE, failures={0: refusal}.get, most_n=most_n)
    )
    with pytest.raises(AnswerError):
        await bench.metered.complete(REQUEST, range(3))
    assert (bench.ledger.settled, bench.ledger.uncertain) == (0, prompts * PROMPT)
    assert bench.ledger.reserved == 0
    assert bench.receipts[0].state == "uncertain"


async def test_a_call_cancelled_after_sending_stays_charged() -> None:
    bench = Bench(FakeEndpoint("a", latency=60))
    call = asyncio.create_task(bench.metered.complete(REQUEST, range(1)))
    await until(lambda: bench.endpoint.calls > 0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert bench.ledger.uncertain == PROMPT + 4 * TOKEN
    assert bench.ledger.reserved == 0


async def test_a_call_cancelled_before_sending_costs_nothing() -> None:
    bench = Bench(FakeEndpoint("a", latency=0.01), budget=PROMPT + 4 * TOKEN)
    first = asyncio.create_task(bench.metered.complete(REQUEST, range(1)))
    second = asyncio.create_task(bench.metered.complete(REQUEST, range(1, 2)))
    await until(lambda: bench.endpoint.calls > 0)
    second.cancel()
    await first
    await asyncio.wait([second])
    assert bench.ledger.spent == PROMPT + TOKEN
    assert bench.endpoint.calls == 1


async def test_a_fault_in_the_code_of_an_endpoint_leaves_its_call_charged() -> None:
    def world(request: Request, rng: random.Random) -> str:
        raise ZeroDivisionError

    bench = Bench(FakeEndpoint(world))
    with pytest.raises(ZeroDivisionError):
        await bench.metered.complete(REQUEST, range(1))
    assert (bench.ledger.uncertain, bench.ledger.reserved) == (PROMPT + 4 * TOKEN, 0)


class Miscounting(FakeEndpoint):
    """Returns another number of answers than it was asked for."""

    def __init__(self, returned: int) -> None:
        super().__init__(lambda request, rng: str(rng.random()), price=PRICE)
        self.returned = returned

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        return await super().complete(
            request, range(numbers.start, numbers.start + self.returned)
        )


async def test_an_empty_answer_is_no_answer_and_stays_charged() -> None:
    bench = Bench(Miscounting(0))
    with pytest.raises(TransientError, match="no answer") as error:
        await bench.metered.complete(REQUEST, range(2))
    assert error.value.charged
    assert bench.ledger.uncertain == PROMPT + 8 * TOKEN


async def test_fewer_answers_than_asked_for_are_kept_and_paid_as_they_are() -> None:
    bench = Bench(Miscounting(2))
    assert len(await bench.metered.complete(REQUEST, range(5))) == 2
    assert list(bench.store.draws(REQUEST, range(9))) == [0, 1]
    assert bench.ledger.settled == bench.endpoint.billed
    bench.check()


async def test_answers_beyond_those_asked_for_are_kept_too() -> None:
    bench = Bench(Miscounting(3))
    assert len(await bench.metered.complete(REQUEST, range(1))) == 1
    assert list(bench.store.draws(REQUEST, range(9))) == [0, 1, 2]
    bench.check()


async def test_when_the_store_fails_neither_draws_nor_settlement_are_there() -> None:
    bench = Bench(FakeEndpoint("a", latency=0.005))
    call = asyncio.create_task(bench.metered.complete(REQUEST, range(1)))
    await until(lambda: bench.endpoint.calls > 0)
    bench.db.execute(
        "CREATE TRIGGER full BEFORE INSERT ON draws BEGIN SELECT raise(ABORT, 'disk is full'); END"
    )
    with pytest.raises(StoreError, match="disk is full"):
        await call
    assert bench.texts() == []
    assert (bench.ledger.settled, bench.ledger.reserved) == (0, PROMPT + 4 * TOKEN)
    again = Ledger(bench.db, "study", PICODOLLARS)
    assert again.uncertain == PROMPT + 4 * TOKEN


# Bills


def saying(**changes: Any) -> Callable[[Request, random.Random], Completion]:
    whole = Completion("a b", "stop", 3, 2, model="small", token_ends=(1, 3))
    return lambda request, rng: replace(whole, **changes)


async def test_a_bill_above_its_ceiling_is_booked_in_full_and_stops_the_endpoint() -> (
    None
):
    bench = Bench(FakeEndpoint(saying(completion_tokens=100), price=PRICE))
    (draw,) = await bench.metered.complete(REQUEST, range(1))
    assert draw.completion_tokens == 100
    assert bench.ledger.settled == bench.endpoint.billed == PROMPT + 100 * TOKEN
    assert bench.ledger.overshoot == 96 * TOKEN == bench.receipts[0].overshoot
    with pytest.raises(
        EndpointError, match="billed 100 tokens for an answer, above its cap"
    ) as error:
        await bench.metered.complete(REQUEST, range(1, 2))
    assert not error.value.charged
    assert bench.endpoint.calls == 1
    bench.check()


async def test_a_call_that_waited_for_money_is_not_sent_to_a_stopped_endpoint() -> None:
    bench = Bench(
        FakeEndpoint(saying(completion_tokens=5), latency=0.002),
        budget=PROMPT * 2 + 10 * TOKEN,
    )
    first = asyncio.create_task(bench.metered.complete(REQUEST, range(2)))
    second = asyncio.create_task(bench.metered.complete(REQUEST, range(2, 3)))
    await first
    with pytest.raises((EndpointError, BudgetExhausted)):
        await second
    assert bench.endpoint.calls == 1
    assert bench.ledger.reserved == bench.ledger.uncertain == 0


async def test_money_that_comes_free_sends_no_waiting_call_to_a_stopped_endpoint() -> (
    None
):
    """The call fits when another one gives its money back, but by then the endpoint overbilled."""
    bench = Bench(
        FakeEndpoint(saying(completion_tokens=5), latency=0.002),
        budget=2 * PROMPT + 14 * TOKEN,
    )
    held = await bench.ledger.reserve(3 * TOKEN, purpose="search", service="other")
    first = asyncio.create_task(bench.metered.complete(REQUEST, range(2)))
    second = asyncio.create_task(bench.metered.complete(REQUEST, range(2, 3)))
    await first
    assert not second.done(), "it waits for money"
    bench.ledger.refuse(held)
    with pytest.raises(EndpointError, match="nothing more is sent to it"):
        await second
    assert bench.endpoint.calls == 1
    assert bench.ledger.reserved == bench.ledger.uncertain == 0


async def test_the_providers_own_bill_is_booked_where_it_is_larger() -> None:
    own = PROMPT + 3 * TOKEN
    bench = Bench(FakeEndpoint(saying(invoice=Invoice(billed=own)), price=PRICE))
    await bench.metered.complete(REQUEST, range(2))
    assert bench.ledger.settled == PROMPT + 4 * TOKEN, "our own count is larger"
    await bench.metered.complete(REQUEST, range(2, 3))
    assert bench.ledger.settled == PROMPT + 4 * TOKEN + own
    assert (
        bench.receipts[1].difference
        == "it bills $0.000033 for a call that costs $0.000023 at its price"
    )
    bench.check()


async def test_an_own_bill_is_shared_by_the_answers_of_its_call() -> None:
    bench = Bench(
        FakeEndpoint(saying(invoice=Invoice(billed=100 * TOKEN + 1)), price=PRICE)
    )
    await bench.metered.complete(REQUEST, range(3))
    costs = [record.cost for record in bench.store.records()]
    assert sum(costs) == bench.ledger.settled == 100 * TOKEN + 1
    assert max(costs) - min(costs) < 3
    bench.check()


@pytest.mark.parametrize("share", [0.96, 1.0, 1.04])
async def test_a_small_difference_from_the_providers_bill_is_not_told(
    share: float,
) -> None:
    bench = Bench(
        FakeEndpoint(
            saying(invoice=Invoice(billed=int(share * (PROMPT + 2 * TOKEN)))),
            price=PRICE,
        )
    )
    await bench.metered.complete(REQUEST, range(1))
    assert bench.receipts[0].difference == ""
    assert bench.ledger.settled == max(1.0, share) * (PROMPT + 2 * TOKEN)


async def test_what_is_in_doubt_is_told_and_not_kept() -> None:
    bench = Bench(
        FakeEndpoint(
            saying(invoice=Invoice(usage_problem="it contradicts itself")), price=PRICE
        )
    )
    (draw,) = await bench.metered.complete(REQUEST, range(1))
    assert bench.receipts[0].usage_problem == "it contradicts itself"
    assert draw.invoice is None


async def test_a_cache_write_is_billed_only_where_it_happened() -> None:
    price = Price(1.0, 10.0, cached_input=0.1, cache_write=1.25)
    bench = Bench(FakeEndpoint(saying(), price=price), price=price)
    await bench.metered.complete(REQUEST, range(1))
    assert bench.ledger.settled == 3 * 1_000_000 + 2 * TOKEN
    bench = Bench(
        FakeEndpoint(saying(invoice=Invoice(written_tokens=2)), price=price),
        price=price,
    )
    await bench.metered.complete(REQUEST, range(1))
    assert bench.ledger.settled == 1 * 1_000_000 + 2 * 1_250_000 + 2 * TOKEN


async def test_tokens_read_from_the_cache_are_billed_at_their_price() -> None:
    price = Price(1.0, 10.0, cached_input=0.1, cache_write=1.25)
    bench = Bench(FakeEndpoint(saying(cached_tokens=2), price=price), price=price)
    await bench.metered.complete(REQUEST, range(1))
    assert (
        bench.ledger.settled
        == bench.endpoint.billed
        == 1_000_000 + 2 * 100_000 + 2 * TOKEN
    )


COUNTS = st.integers(0, 6) | st.sampled_from([10**6, 10**7])


@settings(max_examples=60)
@given(
    answers=st.lists(
        st.tuples(COUNTS, COUNTS, COUNTS, st.none() | COUNTS, st.text(max_size=4)),
        min_size=1,
    ),
    most_n=st.sampled_from([1, 2, MANY]),
)
def test_whatever_is_billed_the_ledger_agrees(
    answers: list[tuple[int, int, int, int | None, str]], most_n: int
) -> None:
    async def run() -> None:
        said = iter(answers)

        def world(request: Request, rng: random.Random) -> Completion:
            prompt, taken, cached, billed, text = next(said)
            return Completion(
                text, "stop", prompt, taken, 0, cached, invoice=Invoice(cached, billed)
            )

        bench = Bench(FakeEndpoint(world, most_n=most_n), budget=10**6 * PICODOLLARS)
        draws = await bench.metered.complete(REQUEST, range(len(answers)))
        assert list(bench.store.draws(REQUEST, range(len(answers))).values()) == draws
        assert bench.ledger.settled == bench.receipts[0].cost
        assert bench.ledger.overshoot == bench.receipts[0].overshoot
        bench.check()

    asyncio.run(run())


# Many at once


@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**32),
    budget=st.integers(PROMPT, 60 * TOKEN),
    most_n=st.sampled_from([1, 2, MANY]),
)
def test_no_mixture_of_faults_spends_more_than_the_budget(
    seed: int, budget: int, most_n: int
) -> None:
    rng = random.Random(seed)
    faults = [None, None, RateLimited("429"), TransientError("reset", charged=True)]

    async def run() -> None:
        endpoint = FakeEndpoint(
            lambda request, rng: "a " * rng.randint(0, 6),
            price=PRICE,
            most_n=most_n,
            failures=lambda call: rng.choice(faults),
        )
        bench = Bench(endpoint, budget=budget)

        async def call(which: int) -> None:
            request = Request("fake", "small", f"prompt number {which}", 4)
            await bench.metered.complete(request, range(rng.randint(1, 3)))

        tasks = [asyncio.create_task(call(which)) for which in range(40)]
        for task in rng.sample(tasks, 5):
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert endpoint.billed <= bench.ledger.spent <= budget
        assert bench.ledger.reserved == bench.ledger.overshoot == 0
        bench.check()

    asyncio.run(run())


# kill -9

_BUYER = """
import asyncio, random, sys
from tune.completion import Request
from tune.store.database import Database
from tune.store.ledger import Ledger
from tune.pricing.prices import PICODOLLARS, Price
from tune.fakes.provider import FakeEndpoint
from tune.providers.metered import Metered
from tune.providers.stored import Stored
from tune.store.draws import Store

async def main(path, seed):
    rng = random.Random(seed)
    db = Database(path)
    store, ledger = Store(db), Ledger(db, "study", PICODOLLARS)
    endpoint = FakeEndpoint(lambda request, rng: "word " * rng.randint(1, 8), latency=0.001)
    metered = Metered(endpoint, price=Price(1.0, 2.0), store=store, ledger=ledger)
    provider = Stored(metered, store=store)
    async def buy():
        while True:
            request = Request("fake", "m", f"prompt {rng.randrange(300)}", 8)
            await provider.complete(request, range(rng.randint(1, 6)))
    sys.stdout.write("buying\\n")
    sys.stdout.flush()
    await asyncio.gather(*(buy() for _ in range(8)))

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def test_a_buyer_killed_at_any_instant_leaves_draws_and_ledger_in_agreement(
    tmp_path: Path,
) -> None:
    path = tmp_path / "draws.db"
    rng = random.Random(3)
    bought = 0
    for kills in range(1, 7):
        buyer = subprocess.Popen(
            [sys.executable, "-c", _BUYER, str(path), str(kills)],
            stdout=subprocess.PIPE,
        )
        assert buyer.stdout is not None
        assert buyer.stdout.readline() == b"buying\n"
        time.sleep(rng.uniform(0.0, 0.25))
        buyer.kill()
        buyer.communicate()
        db = Database(path)
        assert db.rows("PRAGMA integrity_check") == [("ok",)]
        check_ledger_equals_draws(db)
        ledger = Ledger(db, "study", PICODOLLARS)
        ((settled, uncertain, count),) = db.rows(
            "SELECT total(cost) FILTER (WHERE state = 'settled'), "
            "total(cost) FILTER (WHERE state = 'uncertain'), "
            "count(*) FILTER (WHERE state = 'uncertain') FROM attempts"
        )
        assert (ledger.settled, ledger.uncertain, ledger.reserved) == (
            settled,
            uncertain,
            0,
        )
        assert count <= kills * 8  # those that were in flight
        numbers = db.rows(
            "SELECT request, count(*), max(number) + 1 FROM draws GROUP BY request"
        )
        assert all(held == end for _, held, end in numbers), "a draw was bought twice"
        draws = sum(held for _, held, _ in numbers)
        assert draws >= bought
        bought = draws
        db.close()
    assert bought > 100
