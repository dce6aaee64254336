"""Admission: calls wait in order, judges keep their money, and the budget always holds."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.support.store import statements, sums, turn
from tune.errors import BudgetExhausted, StoreError
from tune.store.booking import Attempt
from tune.store.database import Database
from tune.store.ledger import Ledger
from tune.store.ledger_table import Balance, read_balance

pytestmark = pytest.mark.usefixtures("no_disk")


# Beside calls in flight


async def test_beside_cheap_calls_a_call_may_hold_a_part_of_the_holdouts_reserve(
    ledger: Ledger,
) -> None:
    ledger.set_holdout_reserve(40)
    first = await ledger.reserve(60, expected=10)
    second = await ledger.reserve(20, expected=20)
    assert ledger.reserved == 80
    ledger.settle(first, 10)
    ledger.settle(second, 20)
    assert ledger.left == 30


async def test_half_of_the_holdouts_reserve_is_out_of_reach(ledger: Ledger) -> None:
    ledger.set_holdout_reserve(41)
    await ledger.reserve(59, expected=0)
    second = await ledger.reserve(20, expected=0)
    waiting = asyncio.create_task(ledger.reserve(1))
    await turn()
    assert not waiting.done(), "if both cost their ceilings, 21 are still there"
    ledger.settle(second, 20)
    await turn()
    assert not waiting.done(), "more than expected was spent"


async def test_no_more_is_held_than_calls_in_flight_are_expected_to_give_back(
    ledger: Ledger,
) -> None:
    ledger.set_holdout_reserve(40)
    await ledger.reserve(50, expected=45)
    await ledger.reserve(15, expected=15)
    waiting = asyncio.create_task(ledger.reserve(1))
    await turn()
    assert not waiting.done(), "60 of 60 are expected to be spent"


async def test_without_a_call_in_flight_the_holdouts_reserve_is_out_of_reach(
    ledger: Ledger,
) -> None:
    ledger.set_holdout_reserve(40)
    ledger.settle(await ledger.reserve(60, expected=10), 10)
    with pytest.raises(BudgetExhausted):
        await ledger.reserve(51, expected=1)
    ledger.refuse(await ledger.reserve(50, expected=1))
    ledger.mark_unknown(await ledger.reserve(50, expected=1))
    with pytest.raises(BudgetExhausted):
        await ledger.reserve(1, expected=0)


# Waiting


async def test_what_does_not_fit_waits_for_calls_in_flight(ledger: Ledger) -> None:
    first = await ledger.reserve(80)
    waiting = asyncio.create_task(ledger.reserve(50))
    await turn()
    assert not waiting.done()
    ledger.settle(first, 30)
    assert (await waiting).ceiling == 50
    assert ledger.reserved == 50


async def test_it_gives_up_only_when_none_is_in_flight(ledger: Ledger) -> None:
    first, second = await ledger.reserve(40), await ledger.reserve(40)
    waiting = asyncio.create_task(ledger.reserve(90))
    ledger.settle(first, 40)
    await turn()
    assert not waiting.done()
    ledger.refuse(second)
    with pytest.raises(BudgetExhausted):
        await waiting


async def test_a_small_call_never_overtakes(ledger: Ledger) -> None:
    first = await ledger.reserve(80)
    large = asyncio.create_task(ledger.reserve(50))
    await turn()
    small = asyncio.create_task(ledger.reserve(10))
    await turn()
    assert not small.done()
    ledger.settle(first, 40)
    await turn()
    assert large.done()
    assert small.done()
    assert large.result().id < small.result().id


async def test_a_small_call_goes_on_when_the_large_one_before_it_gave_up(
    ledger: Ledger,
) -> None:
    first = await ledger.reserve(80)
    large = asyncio.create_task(ledger.reserve(50))
    small = asyncio.create_task(ledger.reserve(10))
    await turn()
    ledger.settle(first, 80)
    with pytest.raises(BudgetExhausted):
        await large
    assert (await small).ceiling == 10


async def test_a_cancelled_call_neither_holds_money_nor_blocks_the_others(
    ledger: Ledger,
) -> None:
    first = await ledger.reserve(80)
    large = asyncio.create_task(ledger.reserve(50))
    small = asyncio.create_task(ledger.reserve(10))
    await turn()
    large.cancel()
    assert (await small).ceiling == 10
    ledger.settle(first, 0)
    await turn()
    assert ledger.reserved == 10
    assert large.cancelled()


async def test_a_call_cancelled_in_the_moment_of_its_admission_gives_its_money_back(
    ledger: Ledger,
) -> None:
    for ticks in range(6):
        first = await ledger.reserve(80)
        waiting = asyncio.create_task(ledger.reserve(50, hold=5))
        await turn()
        ledger.settle(first, 0)
        await turn(ticks)
        waiting.cancel()
        await asyncio.wait([waiting])
        if not waiting.cancelled():
            ledger.refuse(waiting.result())
        assert ledger.reserved == 0
    assert ledger.left == 100


async def test_a_ceiling_far_above_the_costs_slows_down_but_starves_nobody(
    ledger: Ledger,
) -> None:
    async def call() -> None:
        attempt = await ledger.reserve(60)
        await asyncio.sleep(0)
        ledger.settle(attempt, 1)

    await asyncio.gather(*(call() for _ in range(40)))
    assert ledger.spent == 40


async def test_waiting_ends_with_the_store_that_failed(
    db: Database, ledger: Ledger
) -> None:
    first = await ledger.reserve(80)
    waiting = asyncio.create_task(ledger.reserve(50))
    await turn()
    ledger.refuse(first)
    db.close()
    with pytest.raises(StoreError):
        await waiting


async def test_an_undone_settlement_admits_nobody(db: Database, ledger: Ledger) -> None:
    first = await ledger.reserve(80)
    waiting = asyncio.create_task(ledger.reserve(50))
    await turn()

    def fail() -> None:
        with db.transaction():
            ledger.settle(first, 10)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with pytest.raises(BudgetExhausted):
        await waiting
    assert ledger.balance == Balance(
        100, 0, settled=0, reserved=80, uncertain=0, overshoot=0
    )


async def test_a_closed_ledger_lets_nothing_more_through_and_settles_what_is_in_flight(
    ledger: Ledger,
) -> None:
    flying = await ledger.reserve(80)
    waiting = [asyncio.create_task(ledger.reserve(50)) for _ in range(2)]
    await turn()
    waiting[1].cancel()
    ledger.close("time")
    ledger.close("interrupted")
    assert ledger.closed == "time"
    for ask in (waiting[0], ledger.reserve(0)):
        with pytest.raises(BudgetExhausted, match="time"):
            await ask
    ledger.settle(flying, 30)
    assert ledger.balance == Balance(
        100, 0, settled=30, reserved=0, uncertain=0, overshoot=0
    )
    ledger.reopen()
    assert ledger.closed is None
    assert (await ledger.reserve(70)).ceiling == 70


CALLS = st.lists(
    st.tuples(st.integers(0, 50), st.floats(0, 1), st.integers(0, 4)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60)
@given(calls=CALLS, budget=st.integers(1, 150))
def test_the_same_calls_are_admitted_at_any_concurrency(
    calls: list[tuple[int, float, int]], budget: int
) -> None:
    async def admitted(width: int) -> list[bool]:
        ledger = Ledger(Database(":memory:"), "study", budget)
        gate = asyncio.Semaphore(width)

        async def call(ceiling: int, share: float, ticks: int) -> bool:
            async with gate:
                try:
                    attempt = await ledger.reserve(ceiling)
                except BudgetExhausted:
                    return False
                await turn(ticks)
                ledger.settle(attempt, int(ceiling * share))
                assert ledger.spent + ledger.reserved <= budget
                return True

        return await asyncio.gather(*(call(*each) for each in calls))

    alone = asyncio.run(admitted(1))
    assert asyncio.run(admitted(3)) == alone
    assert asyncio.run(admitted(100)) == alone


# Holds


async def test_a_draw_reserves_its_judge_in_the_same_step(ledger: Ledger) -> None:
    with pytest.raises(BudgetExhausted, match=r"up to 1\.01e-10"):
        await ledger.reserve(60, hold=41)
    attempt = await ledger.reserve(60, hold=40)
    assert (ledger.reserved, ledger.left) == (100, 0)
    ledger.settle(attempt, 60)
    assert (ledger.reserved, ledger.left) == (40, 0)
    judge = await ledger.reserve(40, purpose="judge", from_hold=True)
    assert (ledger.reserved, ledger.left) == (40, 0)
    ledger.settle(judge, 15)
    assert (ledger.spent, ledger.reserved, ledger.left) == (75, 0, 25)


async def test_a_judge_that_is_not_needed_lets_its_money_go(ledger: Ledger) -> None:
    ledger.settle(await ledger.reserve(50, hold=30), 50)
    ledger.release_hold(20)
    assert ledger.reserved == 10
    ledger.release_hold(99)
    assert ledger.left == 50


@pytest.mark.parametrize("end", ["refuse", "mark_unknown"])
async def test_the_judge_of_an_attempt_without_an_answer_is_let_go(
    ledger: Ledger, end: str
) -> None:
    attempt = await ledger.reserve(60, hold=40)
    getattr(ledger, end)(attempt)
    assert ledger.reserved == 0


async def test_a_judge_whose_money_is_held_waits_for_nobody(
    ledger: Ledger,
) -> None:
    ledger.settle(await ledger.reserve(10, hold=20), 10)
    flying = await ledger.reserve(60)
    waiting = asyncio.create_task(ledger.reserve(50))
    await turn()
    judge = await asyncio.wait_for(
        ledger.reserve(20, purpose="judge", from_hold=True), 1
    )
    ledger.settle(judge, 20)
    ledger.settle(flying, 10)
    assert (await waiting).ceiling == 50


async def test_a_judge_takes_what_is_held_first_and_the_rest_from_the_budget(
    ledger: Ledger,
) -> None:
    ledger.settle(await ledger.reserve(10, hold=20), 10)
    await ledger.reserve(30, purpose="judge", from_hold=True)
    assert (ledger.reserved, ledger.left) == (30, 60)


async def test_a_judge_keeps_its_money_when_the_holdout_reserve_grows(
    ledger: Ledger,
) -> None:
    ledger.settle(await ledger.reserve(10, hold=20), 10)
    ledger.set_holdout_reserve(100)
    assert (await ledger.reserve(20, purpose="judge", from_hold=True)).ceiling == 20


async def test_a_waiting_call_gives_the_judge_before_it_time_to_begin(
    ledger: Ledger,
) -> None:
    async def judged_draw() -> None:
        attempt = await ledger.reserve(30, hold=30)
        await turn()
        ledger.settle(attempt, 10)
        await turn(20)  # on its way through the other providers
        judge = await ledger.reserve(30, purpose="judge", from_hold=True)
        await turn()
        ledger.settle(judge, 5)

    await asyncio.gather(judged_draw(), judged_draw(), judged_draw())
    assert ledger.spent == 45


async def test_draws_that_wait_for_each_other_before_judging_do_not_wait_for_ever(
    ledger: Ledger,
) -> None:
    async def example() -> list[Attempt | BaseException]:
        async def draw() -> Attempt:
            attempt = await ledger.reserve(10, hold=30)
            ledger.settle(attempt, 10)
            return attempt

        return await asyncio.gather(*(draw() for _ in range(4)), return_exceptions=True)

    ends = await asyncio.wait_for(example(), 5)
    assert [type(end) for end in ends] == [
        Attempt,
        Attempt,
        BudgetExhausted,
        BudgetExhausted,
    ]


async def test_a_hold_is_void_once_another_process_opened_the_ledger(
    db: Database, ledger: Ledger
) -> None:
    ledger.settle(await ledger.reserve(10, hold=90), 10)
    other = Ledger(Database(db.path), "study", 100)
    taken = await other.reserve(90)
    with pytest.raises(BudgetExhausted):
        await ledger.reserve(5, purpose="judge", from_hold=True)
    ledger.release_hold(90)
    assert other.balance == Balance(
        100, 0, settled=10, reserved=90, uncertain=0, overshoot=0
    )
    other.settle(taken, 0)


async def test_an_attempt_that_another_process_made_uncertain_can_still_be_closed(
    db: Database, ledger: Ledger
) -> None:
    flying = [await ledger.reserve(20, hold=5) for _ in range(3)]
    other = Ledger(Database(db.path), "study", 100)
    assert other.uncertain == 60
    ledger.settle(flying[0], 7)
    ledger.refuse(flying[1])
    ledger.mark_unknown(flying[2])
    assert other.balance == Balance(
        100, 0, settled=7, reserved=0, uncertain=20, overshoot=0
    )


# Everything at once


class Money(RuleBasedStateMachine):
    """Calls in any order with crashes in between: the sums stay exact, the budget holds, nobody is
    left behind.
    """

    @initialize(budget=st.integers(1, 200))
    def begin(self, budget: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda loop, context: pytest.fail(str(context)))
        self.orders: list[tuple[int, asyncio.Task[Attempt]]] = []
        self.flying: list[Attempt] = []
        self.admitted: list[tuple[int, int]] = []  # (attempt, order)
        self.asked = 0
        self.open(budget)

    def open(self, budget: int) -> None:
        self.budget, self.paid_now = budget, 0
        self.db = Database(Path(self.folder.name) / "draws.db")
        self.ledger = Ledger(self.db, "study", budget)

    def run(self, ticks: int) -> None:
        self.loop.run_until_complete(turn(ticks))
        for entry in list(self.orders):
            order, task = entry
            if task.done():
                self.orders.remove(entry)
                if not task.cancelled() and task.exception() is None:
                    self.flying.append(task.result())
                    if order:  # a judge whose money is held need not queue
                        self.admitted.append((task.result().id, order))
                elif not task.cancelled():
                    assert isinstance(task.exception(), BudgetExhausted)

    @rule(
        ceiling=st.integers(0, 90),
        hold=st.sampled_from([0, 0, 20]),
        expected=st.none() | st.integers(0, 90),
        ticks=st.integers(0, 3),
    )
    def ask(self, ceiling: int, hold: int, expected: int | None, ticks: int) -> None:
        self.asked += 1
        purpose = "holdout" if self.asked % 7 == 0 else "search"
        coroutine = self.ledger.reserve(
            ceiling, purpose=purpose, hold=hold, expected=expected
        )
        self.orders.append((self.asked, self.loop.create_task(coroutine)))
        self.run(ticks)

    @rule(ceiling=st.integers(0, 40), ticks=st.integers(0, 3))
    def judge(self, ceiling: int, ticks: int) -> None:
        coroutine = self.ledger.reserve(ceiling, purpose="judge", from_hold=True)
        self.orders.append((0, self.loop.create_task(coroutine)))
        self.run(ticks)

    @precondition(lambda self: self.flying)
    @rule(
        data=st.data(),
        end=st.sampled_from(["settle", "settle", "settle", "refuse", "mark_unknown"]),
    )
    def close(self, data: st.DataObject, end: str) -> None:
        attempt = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        if end == "settle":
            cost = data.draw(
                st.integers(0, attempt.ceiling) | st.just(attempt.ceiling + 3)
            )
            assert self.ledger.settle(attempt, cost) == max(0, cost - attempt.ceiling)
            self.paid_now += cost
        else:
            getattr(self.ledger, end)(attempt)
            self.paid_now += attempt.ceiling if end == "mark_unknown" else 0
        self.run(data.draw(st.integers(0, 3)))

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.orders))[1].cancel()
        self.run(data.draw(st.integers(0, 3)))

    @rule(amount=st.integers(0, 50))
    def let_go(self, amount: int) -> None:
        self.ledger.release_hold(amount)

    @rule(share=st.floats(0, 1))
    def keep_for_the_holdout(self, share: float) -> None:
        self.ledger.set_holdout_reserve(int(share * self.budget))

    @rule(more=st.integers(0, 40))
    def crash(self, more: int) -> None:
        before = self.ledger.balance
        self.db.close()
        for _, task in self.orders:
            task.cancel()
        self.loop.run_until_complete(turn(5))
        assert all(task.done() for _, task in self.orders)
        self.orders.clear()
        in_flight = {attempt.id for attempt in self.flying}
        self.flying.clear()
        self.open(self.budget + more)
        assert self.ledger.settled == before.settled
        assert self.ledger.reserved == 0
        assert self.ledger.uncertain >= before.uncertain
        states = dict(self.db.rows("SELECT id, state FROM attempts"))
        assert all(states[number] == "uncertain" for number in in_flight)

    @precondition(lambda self: not self.flying and not self.orders)
    @rule(billed=st.integers(0, 150))
    def reconcile(self, billed: int) -> None:
        self.ledger.release_hold(10**6)
        self.ledger.reconcile(billed)
        assert (self.ledger.spent, self.ledger.uncertain) == (billed, 0)

    @rule()
    def settle_down(self) -> None:
        self.run(200)
        assert not self.orders or self.flying, (
            "a call waits, and nothing in flight could make room for it"
        )

    @invariant()
    def sums_are_exact_and_the_budget_holds(self) -> None:
        if not hasattr(self, "ledger"):
            return
        balance, true = self.ledger.balance, sums(self.db)
        assert (balance.settled, balance.uncertain) == (
            true["settled"],
            true["uncertain"],
        )
        assert (
            balance.reserved
            >= true["reserved"]
            >= sum(attempt.ceiling for attempt in self.flying)
        )
        assert balance.spent + balance.reserved <= self.budget + balance.overshoot
        assert self.ledger.spent_now == self.paid_now
        self.admitted.sort()
        assert [order for _, order in self.admitted] == sorted(
            order for _, order in self.admitted
        )

    def teardown(self) -> None:
        if not hasattr(self, "ledger"):
            return
        while self.orders or self.flying:
            self.run(200)
            while self.flying:
                self.ledger.settle(self.flying.pop(), 0)
        self.ledger.release_hold(10**6)
        assert self.ledger.reserved == 0
        self.db.close()
        self.loop.close()
        self.folder.cleanup()


Money.TestCase.settings = settings(max_examples=20, stateful_step_count=30)
TestMoney = Money.TestCase


async def test_hundreds_of_calls_at_once_in_any_order_stay_within_the_budget(
    db: Database,
) -> None:
    rng = random.Random(7)
    budget = 20_000
    ledger = Ledger(db, "study", budget)

    async def call(ceiling: int) -> None:
        attempt = await ledger.reserve(ceiling)
        end = rng.random()
        try:
            await turn(rng.randrange(6))
        except asyncio.CancelledError:
            end = 0.2
            raise
        finally:
            balance = ledger.balance
            assert balance.spent + balance.reserved <= budget
            if end < 0.1:
                ledger.refuse(attempt)
            elif end <= 0.2:
                ledger.mark_unknown(attempt)
            else:
                ledger.settle(attempt, rng.randint(0, ceiling))

    tasks = [asyncio.create_task(call(rng.randint(1, 400))) for _ in range(300)]
    for task in rng.sample(tasks, 40):
        await turn(rng.randrange(3))
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(end) for end in ends} <= {
        type(None),
        BudgetExhausted,
        asyncio.CancelledError,
    }
    assert ledger.balance == Balance(budget, 0, **sums(db), overshoot=0)
    assert ledger.reserved == 0
    assert ledger.spent > budget // 2


_SPENDER = """
import asyncio, random, sys
from tune.store.database import Database
from tune.errors import BudgetExhausted
from tune.store.ledger import Ledger

async def main(path, seed):
    rng = random.Random(seed)
    ledger = Ledger(Database(path), "study", 10_000)
    async def call():
        try:
            attempt = await ledger.reserve(rng.randint(1, 300), hold=rng.randint(0, 50))
        except BudgetExhausted:
            return
        await asyncio.sleep(rng.random() * 0.003)
        balance = ledger.balance
        assert balance.spent + balance.reserved <= 10_000, balance
        if rng.random() < 0.1:
            return ledger.mark_unknown(attempt)
        ledger.settle(attempt, rng.randint(0, attempt.ceiling))
        ledger.release_hold(attempt.hold)
    await asyncio.gather(*(call() for _ in range(150)))

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def test_processes_that_hammer_one_ledger_never_overspend_together(
    tmp_path: Path,
) -> None:
    path = tmp_path / "draws.db"
    spenders = [
        subprocess.Popen(
            [sys.executable, "-c", _SPENDER, str(path), str(seed)],
            stderr=subprocess.PIPE,
        )
        for seed in range(3)
    ]
    for spender in spenders:
        _, errors = spender.communicate()
        assert spender.returncode == 0, errors.decode()
    db = Database(path)
    balance = read_balance(db, "study")
    assert balance is not None
    assert balance == Balance(10_000, 0, **sums(db), overshoot=0)
    assert 5_000 < balance.spent <= 10_000


async def test_who_waits_for_money_hears_of_it_when_the_ledger_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A full disk: the attempt stays reserved, and nobody waits for ever for what it would have
    given back.
    """
    ledger = Ledger(Database(":memory:"), "s", 100)
    first = await ledger.reserve(80)
    waiting = asyncio.create_task(ledger.reserve(50))
    await asyncio.sleep(0)

    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(ledger._table, "close", full)
    monkeypatch.setattr(ledger._table, "settle", full)
    for close in (
        lambda: ledger.settle(first, 10),
        lambda: ledger.refuse(first),
        lambda: ledger.mark_unknown(first),
    ):
        with pytest.raises(StoreError):
            close()
    with pytest.raises(BudgetExhausted):
        await asyncio.wait_for(waiting, 5)
    assert ledger.reserved == 80


async def test_all_reservations_of_one_turn_share_a_transaction(
    db: Database, ledger: Ledger
) -> None:
    with statements(db) as found:
        await asyncio.gather(*(ledger.reserve(10) for _ in range(7)))
    assert found.count("COMMIT") == 1
    assert ledger.reserved == 70


async def test_where_reservations_cannot_be_written_none_of_them_holds_money(
    db: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(db, "executemany", full)
        calls = [ledger.reserve(10) for _ in range(3)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [str(one) for one in outcomes] == ["the disk is full"] * 3
    assert ledger.reserved == 0
    assert (await ledger.reserve(100)).ceiling == 100
