"""The ledger of a study: attempts are held, settled, refused or marked unknown."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.store import sums, turn
from tune.errors import BudgetError, BudgetExhausted
from tune.pricing.prices import PICODOLLARS
from tune.store.booking import MOST
from tune.store.database import Database
from tune.store.ledger import Ledger
from tune.store.ledger_table import Balance, read_balance

pytestmark = pytest.mark.usefixtures("no_disk")

# One attempt


async def test_an_attempt_is_held_at_its_ceiling_and_settled_at_its_cost(
    ledger: Ledger,
) -> None:
    attempt = await ledger.reserve(60, purpose="search", service="api.example.org")
    assert (attempt.ceiling, attempt.purpose, attempt.service) == (
        60,
        "search",
        "api.example.org",
    )
    assert (ledger.reserved, ledger.settled, ledger.left) == (60, 0, 40)
    assert ledger.settle(attempt, 25) == 0
    assert (ledger.reserved, ledger.settled, ledger.left) == (0, 25, 75)
    assert ledger.spent == ledger.spent_now == 25


async def test_a_refusal_costs_nothing(ledger: Ledger) -> None:
    ledger.refuse(await ledger.reserve(60))
    assert ledger.balance == Balance(
        100, 0, settled=0, reserved=0, uncertain=0, overshoot=0
    )
    assert ledger.spent_now == 0


async def test_an_unknown_outcome_stays_charged_at_its_ceiling(
    ledger: Ledger,
) -> None:
    ledger.mark_unknown(await ledger.reserve(60))
    assert (ledger.uncertain, ledger.settled, ledger.reserved) == (60, 0, 0)
    assert ledger.spent == ledger.spent_now == 60
    assert ledger.left == 40


async def test_a_bill_above_its_ceiling_is_booked_in_full(ledger: Ledger) -> None:
    attempt = await ledger.reserve(60)
    assert ledger.settle(attempt, 130) == 70
    assert (ledger.settled, ledger.overshoot, ledger.left) == (130, 70, 0)
    with pytest.raises(BudgetExhausted):
        await ledger.reserve(1)


async def test_an_absurd_bill_does_not_break_the_sums(ledger: Ledger) -> None:
    for attempt in [await ledger.reserve(1) for _ in range(3)]:
        ledger.settle(attempt, 10**40)
    assert ledger.settled == 3 * MOST
    assert ledger.overshoot == 3 * MOST - 3


@pytest.mark.parametrize("again", ["settle", "refuse", "mark_unknown"])
async def test_an_attempt_is_closed_once(ledger: Ledger, again: str) -> None:
    attempt = await ledger.reserve(60)
    ledger.settle(attempt, 10)
    with pytest.raises(ValueError, match="closed already: it is settled"):
        ledger.settle(attempt, 10) if again == "settle" else getattr(ledger, again)(
            attempt
        )
    assert ledger.spent == ledger.spent_now == 10


async def test_amounts_are_never_negative(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="ceiling=-1"):
        await ledger.reserve(-1)
    with pytest.raises(ValueError, match="hold=-1"):
        await ledger.reserve(1, hold=-1)
    attempt = await ledger.reserve(1)
    with pytest.raises(ValueError, match="-5"):
        ledger.settle(attempt, -5)
    with pytest.raises(ValueError, match="-5"):
        ledger.release_hold(-5)


async def test_a_call_that_costs_nothing_fits_into_a_budget_that_is_used_up(
    ledger: Ledger,
) -> None:
    ledger.settle(await ledger.reserve(100), 100)
    ledger.settle(await ledger.reserve(0), 0)


async def test_the_refusal_says_how_much_was_wanted_and_how_much_is_left(
    db: Database,
) -> None:
    ledger = Ledger(db, "study", 5 * PICODOLLARS)
    ledger.settle(await ledger.reserve(4 * PICODOLLARS), 4 * PICODOLLARS)
    with pytest.raises(
        BudgetExhausted, match=r"up to 1\.5 dollars, and 1 of 5 are left"
    ):
        await ledger.reserve(3 * PICODOLLARS // 2)


async def test_a_ceiling_beyond_all_integers_is_refused_as_any_other(
    ledger: Ledger,
) -> None:
    with pytest.raises(BudgetExhausted):
        await ledger.reserve(10**60)


# Opening


@pytest.mark.parametrize("budget", [0, -1, MOST + 1])
def test_a_budget_that_cannot_be_is_refused(db: Database, budget: int) -> None:
    with pytest.raises(BudgetError, match="must hold"):
        Ledger(db, "study", budget)


async def test_a_study_is_resumed_with_what_it_spent(
    db: Database, ledger: Ledger
) -> None:
    ledger.settle(await ledger.reserve(60), 30)
    again = Ledger(Database(db.path), "study", 100)
    assert (again.spent, again.spent_now, again.left) == (30, 0, 70)


async def test_what_a_killed_process_left_in_flight_is_uncertain(
    db: Database, ledger: Ledger
) -> None:
    ledger.settle(await ledger.reserve(10), 10)
    await ledger.reserve(60, hold=20)
    assert ledger.reserved == 80
    again = Ledger(Database(db.path), "study", 100)
    assert again.balance == Balance(
        100, 0, settled=10, reserved=0, uncertain=60, overshoot=0
    )


async def test_a_budget_may_be_raised_and_lowered_down_to_what_is_spent(
    db: Database, ledger: Ledger
) -> None:
    ledger.settle(await ledger.reserve(60), 60)
    assert Ledger(db, "study", 200).left == 140
    assert Ledger(db, "study", 60).left == 0
    with pytest.raises(BudgetError, match="has spent"):
        Ledger(db, "study", 59)
    assert Ledger(db, "study", 60).budget == 60


async def test_a_study_that_overshot_can_be_opened_at_its_own_budget(
    db: Database, ledger: Ledger
) -> None:
    ledger.settle(await ledger.reserve(60), 130)
    again = Ledger(db, "study", 100)
    assert (again.spent, again.left) == (130, 0)


async def test_studies_in_one_database_have_money_of_their_own(
    db: Database, ledger: Ledger
) -> None:
    other = Ledger(Database(db.path), "other", 50)
    first, second = await ledger.reserve(100), await other.reserve(50)
    ledger.settle(first, 70)
    other.mark_unknown(second)
    assert (ledger.spent, other.spent) == (70, 50)


def test_a_balance_can_be_read_without_opening_the_ledger(
    db: Database, ledger: Ledger
) -> None:
    asyncio.run(ledger.reserve(60))
    assert read_balance(db, "study") == Balance(
        100, 0, settled=0, reserved=60, uncertain=0, overshoot=0
    )
    assert ledger.reserved == 60
    assert read_balance(db, "nobody") is None


async def test_it_tells_what_was_spent_on_what(ledger: Ledger) -> None:
    ledger.settle(await ledger.reserve(20, purpose="search"), 12)
    ledger.mark_unknown(await ledger.reserve(5, purpose="search"))
    ledger.settle(await ledger.reserve(20, purpose="judge"), 3)
    ledger.refuse(await ledger.reserve(20, purpose="holdout"))
    assert ledger.spent_by_purpose() == {"judge": 3, "search": 17}


# The holdout's holdout_reserve


async def test_only_the_holdout_may_use_the_holdout_reserve(ledger: Ledger) -> None:
    ledger.set_holdout_reserve(40)
    assert (ledger.limit, ledger.left) == (60, 60)
    for purpose in ("search", "judge"):
        with pytest.raises(BudgetExhausted, match="of 6e-11 are left"):
            await ledger.reserve(61, purpose=purpose)
    ledger.settle(await ledger.reserve(60), 60)
    with pytest.raises(BudgetExhausted):
        await ledger.reserve(1)
    ledger.settle(await ledger.reserve(40, purpose="holdout"), 40)
    assert ledger.spent == 100


async def test_the_holdout_reserve_is_kept_replaced_and_released(
    db: Database, ledger: Ledger
) -> None:
    ledger.set_holdout_reserve(40)
    ledger.set_holdout_reserve(30)
    assert Ledger(db, "study", 100).limit == 70
    ledger.set_holdout_reserve(0)
    assert ledger.limit == 100


@pytest.mark.parametrize("amount", [-1, 101])
def test_the_holdout_reserve_is_part_of_the_budget(ledger: Ledger, amount: int) -> None:
    with pytest.raises(BudgetError, match="must hold"):
        ledger.set_holdout_reserve(amount)


async def test_releasing_the_holdout_reserve_lets_those_go_on_who_wait(
    ledger: Ledger,
) -> None:
    ledger.set_holdout_reserve(40)
    await ledger.reserve(60)
    waiting = asyncio.create_task(ledger.reserve(30))
    await turn()
    assert not waiting.done()
    ledger.set_holdout_reserve(0)
    await turn()
    assert waiting.done()


# Reconciling


@pytest.mark.parametrize("billed", [0, 25, 30, 45, 70, 140])
async def test_the_bill_replaces_what_is_uncertain(
    db: Database, ledger: Ledger, billed: int
) -> None:
    ledger.settle(await ledger.reserve(30), 30)
    ledger.mark_unknown(await ledger.reserve(40))
    ledger.reconcile(billed)
    assert (ledger.spent, ledger.settled, ledger.uncertain) == (billed, billed, 0)
    assert ledger.overshoot == max(0, billed - 70)
    assert sums(db)["settled"] == billed
    assert Ledger(db, "study", 200).spent == billed


async def test_a_study_can_be_reconciled_again(ledger: Ledger) -> None:
    ledger.mark_unknown(await ledger.reserve(40))
    ledger.reconcile(99)
    ledger.reconcile(12)
    ledger.settle(await ledger.reserve(5), 5)
    assert ledger.spent == 17
    assert ledger.spent_by_purpose() == {"reconcile": -28, "search": 45}


@pytest.mark.parametrize("billed", [-1, MOST + 1])
async def test_a_bill_that_cannot_be_is_refused(ledger: Ledger, billed: int) -> None:
    with pytest.raises(BudgetError, match="a bill is between"):
        ledger.reconcile(billed)


async def test_a_study_with_calls_in_flight_is_not_reconciled(ledger: Ledger) -> None:
    ledger.mark_unknown(await ledger.reserve(10))
    await ledger.reserve(10)
    with pytest.raises(BudgetError, match="in flight"):
        ledger.reconcile(5)
    assert ledger.uncertain == 10
