"""Claims: two studies on one store do not buy the same draws at the same time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.support.store import statements
from tune.completion import Message, Request
from tune.store.claims import STALE, Claims
from tune.store.database import Database

REQUEST = Request("fake", "small", (Message("user", "one"),), 4)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_a_claimed_purchase_is_refused_to_another_study_until_it_ends(
    db: Database, clock: Clock
) -> None:
    mine, theirs = Claims(db, "mine", clock=clock), Claims(db, "theirs", clock=clock)
    assert await mine.take(REQUEST)
    assert not await theirs.take(REQUEST)
    mine.release(REQUEST)
    assert await theirs.take(REQUEST)
    theirs.release(REQUEST)
    assert db.rows("SELECT * FROM claims") == []


async def test_a_claim_that_is_taken_twice_is_released_twice(
    db: Database, clock: Clock
) -> None:
    mine, theirs = Claims(db, "mine", clock=clock), Claims(db, "theirs", clock=clock)
    assert await mine.take(REQUEST)
    assert await mine.take(REQUEST)
    mine.release(REQUEST)
    assert not await theirs.take(REQUEST)
    mine.release(REQUEST)
    assert await theirs.take(REQUEST)
    theirs.release(REQUEST)


async def test_claims_that_end_while_others_are_held_are_removed_together(
    db: Database, clock: Clock
) -> None:
    mine, theirs = Claims(db, "mine", clock=clock), Claims(db, "theirs", clock=clock)
    requests = [replace(REQUEST, max_tokens=number) for number in range(1, 5)]
    for request in requests:
        assert await mine.take(request)
    for request in requests[1:]:
        mine.release(request)
    assert len(db.rows("SELECT * FROM claims")) == 4
    # One that is wanted again at once stays held.
    assert await mine.take(requests[1])
    await asyncio.sleep(0.5)
    assert len(db.rows("SELECT * FROM claims")) == 2
    assert not await theirs.take(requests[1])
    assert await theirs.take(requests[2])
    # The last one takes its row with it, so that a run leaves none.
    mine.release(requests[1])
    mine.release(requests[0])
    theirs.release(requests[2])
    assert db.rows("SELECT * FROM claims") == []


@pytest.mark.parametrize(("seconds", "void"), [(STALE - 1, False), (STALE + 1, True)])
async def test_the_claim_of_a_killed_process_is_void_after_a_while(
    db: Database, clock: Clock, seconds: float, void: bool
) -> None:
    killed, theirs = (
        Claims(db, "killed", clock=clock),
        Claims(db, "theirs", clock=clock),
    )
    assert await killed.take(REQUEST)
    clock.now += seconds
    assert await theirs.take(REQUEST) is void
    killed.release(REQUEST)
    if void:
        theirs.release(REQUEST)


async def test_a_claim_can_be_taken_by_force(db: Database, clock: Clock) -> None:
    slow, theirs = Claims(db, "slow", clock=clock), Claims(db, "theirs", clock=clock)
    assert await slow.take(REQUEST)
    assert await theirs.take(REQUEST, by_force=True)
    slow.release(REQUEST)  # it removes only a claim of its own
    assert db.rows("SELECT owner FROM claims") == [("theirs",)]
    theirs.release(REQUEST)


async def test_fresh_draws_of_two_studies_are_claimed_apart(
    db: Database, clock: Clock
) -> None:
    one = Claims(db, "one", generation="one", clock=clock)
    other = Claims(db, "other", generation="other", clock=clock)
    assert await one.take(REQUEST)
    assert await other.take(REQUEST)
    one.release(REQUEST)
    other.release(REQUEST)


async def test_a_new_run_of_a_study_drops_the_claims_of_its_last_one(
    db: Database, clock: Clock
) -> None:
    killed = Claims(db, "study", clock=clock)
    assert await killed.take(REQUEST)
    Claims(db, "study", clock=clock).drop()
    assert db.rows("SELECT * FROM claims") == []
    killed.release(REQUEST)


async def test_a_purchase_that_takes_long_stays_claimed(
    db: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tune.store.claims.BEAT", 0.001)
    mine = Claims(db, "mine", clock=clock)
    assert await mine.take(REQUEST)
    clock.now += 7
    async with asyncio.timeout(10):
        while db.rows("SELECT beat FROM claims") != [(1007.0,)]:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.001)
    mine.release(REQUEST)


async def test_all_claims_of_one_turn_share_a_transaction(
    db: Database, clock: Clock
) -> None:
    mine, theirs = Claims(db, "mine", clock=clock), Claims(db, "theirs", clock=clock)
    requests = [replace(REQUEST, max_tokens=number) for number in range(1, 6)]
    assert await theirs.take(requests[2])
    with statements(db) as found:
        taken = await asyncio.gather(*map(mine.take, requests))
    assert found.count("COMMIT") == 1
    assert taken == [True, True, False, True, True]
    theirs.release(requests[2])
    for request in requests[:2] + requests[3:]:
        mine.release(request)
    assert db.rows("SELECT * FROM claims") == []


async def test_whoever_is_cancelled_while_asking_holds_no_claim(
    db: Database, clock: Clock
) -> None:
    mine = Claims(db, "mine", clock=clock)
    task = asyncio.create_task(mine.take(REQUEST))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert db.rows("SELECT * FROM claims") == []
