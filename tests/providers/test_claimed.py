"""Two processes on one store: what one of them is buying, the other waits for, and reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.store import until
from tune.completion import Completion, Message, Request
from tune.fakes.provider import FakeEndpoint
from tune.pricing.prices import PICODOLLARS, Price
from tune.providers.claimed import Claimed
from tune.providers.metered import Metered
from tune.providers.splitting import Splitting
from tune.providers.stored import Stored
from tune.store.claims import BEAT, STALE, Claims
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.ledger import Ledger

REQUEST = Request("fake", "small", (Message("user", "one two three"),), 4)


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Process:
    """A study in a process of its own on one store, as far as the store can see."""

    def __init__(
        self,
        path: Path,
        study: str,
        *,
        patience: float = 60.0,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.db = Database(path)
        store, self.ledger = Store(self.db), Ledger(self.db, study, PICODOLLARS)
        self.claims = Claims(self.db, study, **({"clock": clock} if clock else {}))
        self.gate = asyncio.Event()
        self.sent = 0
        process = self

        class Endpoint(FakeEndpoint):
            async def complete(
                self, request: Request, numbers: range
            ) -> list[Completion]:
                process.sent += len(numbers)
                await process.gate.wait()
                return await super().complete(request, numbers)

        endpoint = Endpoint(lambda *_: "x")
        metered = Metered(
            endpoint, price=Price(1.0, 2.0), store=store, ledger=self.ledger
        )
        claimed = Claimed(
            metered,
            store=store,
            claims=self.claims,
            patience=patience,
            closed=lambda: self.ledger.closed is not None,
        )
        self.stored = Stored(Splitting(claimed, endpoint), store=store, payer=study)

    def ask(self, draws: int) -> asyncio.Task[list[Completion]]:
        return asyncio.create_task(self.stored.complete(REQUEST, range(draws)))


async def test_what_one_process_is_buying_another_waits_for_and_reads(
    tmp_path: Path,
) -> None:
    one, two = (
        Process(tmp_path / "draws.db", "one"),
        Process(tmp_path / "draws.db", "two"),
    )
    first = one.ask(2)
    await until(lambda: one.sent == 2)
    second = two.ask(3)
    await asyncio.sleep(0.15)
    assert two.sent == 0
    one.gate.set()
    two.gate.set()
    assert (await second)[:2] == await first
    assert (one.sent, two.sent) == (2, 1)
    assert two.stored.bought == 1
    assert one.db.rows("SELECT count(*) FROM claims") == [(0,)]


async def test_a_purchase_that_takes_longer_than_one_call_may_is_not_waited_for(
    tmp_path: Path,
) -> None:
    one, two = (
        Process(tmp_path / "draws.db", "one"),
        Process(tmp_path / "draws.db", "two", patience=0.1),
    )
    first = one.ask(1)
    await until(lambda: one.sent == 1)
    two.gate.set()
    await two.ask(1)
    assert two.sent == 1
    one.gate.set()
    await first


async def test_a_process_that_was_killed_loses_its_claims(tmp_path: Path) -> None:
    clock = Clock()
    db = Database(tmp_path / "draws.db")
    await Claims(db, "killed", clock=clock).take(REQUEST)
    other = Claims(Database(tmp_path / "draws.db"), "other", clock=clock)
    clock.now += STALE - 0.1
    assert not await other.take(REQUEST)
    clock.now += 0.2
    assert await other.take(REQUEST)


async def test_a_living_process_keeps_its_claims_however_long_its_call_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("tune.store.claims.BEAT", BEAT / 1000)
    mine, other = (
        Claims(Database(tmp_path / "draws.db"), who, clock=clock)
        for who in ("mine", "other")
    )
    assert await mine.take(REQUEST)
    for _ in range(5):
        clock.now += STALE - 0.1
        await until(lambda: other._db.rows("SELECT beat FROM claims") == [(clock.now,)])
        assert not await other.take(REQUEST)
    mine.release(REQUEST)
    assert await other.take(REQUEST)
    other.release(REQUEST)


async def test_the_next_process_of_a_study_drops_what_the_killed_one_claimed(
    tmp_path: Path,
) -> None:
    db = Database(tmp_path / "draws.db")
    await Claims(db, "one").take(REQUEST)
    await Claims(db, "two").take(Request("fake", "small", "another", 4))
    Claims(Database(tmp_path / "draws.db"), "one").drop()
    assert db.rows("SELECT owner FROM claims") == [("two",)]


async def test_a_failed_call_lets_go_of_its_claim(tmp_path: Path) -> None:
    one = Process(tmp_path / "draws.db", "one")
    call = one.ask(1)
    await until(lambda: one.sent == 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert one.db.rows("SELECT count(*) FROM claims") == [(0,)]


async def test_a_claim_that_was_taken_by_force_is_not_let_go_by_the_one_who_lost_it(
    tmp_path: Path,
) -> None:
    one, two = (Claims(Database(tmp_path / "draws.db"), who) for who in ("one", "two"))
    await one.take(REQUEST)
    assert await two.take(REQUEST, by_force=True)
    one.release(REQUEST)
    assert two._db.rows("SELECT owner FROM claims") == [("two",)]
    two.release(REQUEST)


async def test_fresh_draws_of_another_study_are_not_waited_for(tmp_path: Path) -> None:
    one, two = (
        Claims(Database(tmp_path / "draws.db"), who, generation=who)
        for who in ("one", "two")
    )
    assert await one.take(REQUEST)
    assert await two.take(REQUEST)
    one.release(REQUEST)
    two.release(REQUEST)


async def test_who_is_interrupted_does_not_wait_for_another_process(
    tmp_path: Path,
) -> None:
    one, two = (
        Process(tmp_path / "draws.db", "one"),
        Process(tmp_path / "draws.db", "two"),
    )
    first = one.ask(1)
    await until(lambda: one.sent == 1)
    second = two.ask(1)
    await asyncio.sleep(0.02)
    two.ledger.close("interrupted")
    with pytest.raises(Exception, match="interrupted"):
        await second
    one.gate.set()
    await first
