"""Answered calls are kept: what one call brought is one transaction, shared with others."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.store import statements, turn
from tune.completion import Completion, Message, Request
from tune.errors import StoreError
from tune.store.booking import Attempt
from tune.store.database import Database
from tune.store.draws import BoughtDraw, Store
from tune.store.ledger import Ledger
from tune.store.purchases import Purchases

pytestmark = pytest.mark.usefixtures("no_disk")


def request(number: int) -> Request:
    return Request("fake", "small", (Message("user", f"ticket {number}"),), 4)


def bought(number: int, attempt: Attempt, cost: int = 10) -> BoughtDraw:
    answer = Completion(f"answer {number}", "stop", 3, 1)
    return BoughtDraw(request(number), range(1), [answer], [cost], attempt.id)


def kept(store: Store, number: int) -> list[str]:
    return [draw.text for draw in store.draws(request(number), range(9)).values()]


@pytest.fixture
def store(db: Database) -> Store:
    return Store(db)


async def test_all_calls_of_one_turn_share_a_transaction(
    db: Database, ledger: Ledger, store: Store
) -> None:
    purchases = Purchases(ledger, store)
    attempts = [await ledger.reserve(20) for _ in range(5)]
    with statements(db) as found:
        calls = [
            purchases.keep(attempt, bought(number, attempt))
            for number, attempt in enumerate(attempts)
        ]
        await asyncio.gather(*calls)
    assert found.count("COMMIT") == 1
    assert (ledger.settled, ledger.reserved, ledger.spent_now) == (50, 0, 50)
    assert [kept(store, number) for number in range(5)] == [
        [f"answer {number}"] for number in range(5)
    ]


async def test_a_call_whose_task_is_cancelled_is_kept(
    ledger: Ledger, store: Store
) -> None:
    purchases = Purchases(ledger, store)
    attempt = await ledger.reserve(20)
    task = asyncio.create_task(purchases.keep(attempt, bought(0, attempt)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert kept(store, 0) == ["answer 0"]
    assert (ledger.settled, ledger.reserved) == (10, 0)


async def test_the_fault_of_one_call_takes_no_other_with_it(
    ledger: Ledger, store: Store
) -> None:
    purchases = Purchases(ledger, store)
    attempts = [await ledger.reserve(20) for _ in range(3)]
    ledger.settle(attempts[1], 5)
    calls = [
        purchases.keep(attempt, bought(number, attempt))
        for number, attempt in enumerate(attempts)
    ]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert outcomes[0] is outcomes[2] is None
    assert isinstance(outcomes[1], ValueError)
    assert (ledger.settled, ledger.reserved, ledger.spent_now) == (25, 0, 25)
    assert [kept(store, number) for number in range(3)] == [
        ["answer 0"],
        [],
        ["answer 2"],
    ]


async def test_an_attempt_that_another_process_made_uncertain_is_settled_with_others(
    db: Database, ledger: Ledger, store: Store
) -> None:
    purchases = Purchases(ledger, store)
    attempts = [await ledger.reserve(20) for _ in range(2)]
    Ledger(Database(db.path), "study", 100)
    assert ledger.uncertain == 40
    await asyncio.gather(
        *(
            purchases.keep(one, bought(number, one))
            for number, one in enumerate(attempts)
        )
    )
    assert (ledger.settled, ledger.uncertain, ledger.reserved) == (20, 0, 0)


async def test_a_store_that_fails_is_told_to_all_who_wait(
    ledger: Ledger, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("the disk is full")

    purchases = Purchases(ledger, store)
    attempts = [await ledger.reserve(20) for _ in range(2)]
    monkeypatch.setattr(store, "put_all", full)
    calls = [purchases.keep(one, bought(0, one)) for one in attempts]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [str(one) for one in outcomes] == ["the disk is full"] * 2
    await turn()
    assert ledger.settled == 0
