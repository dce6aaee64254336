"""The ledger of a study: attempts are held, settled, refused or marked unknown."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.store import sums, turn
from tune.errors import BudgetError, BudgetExhausted
from tune.pricing.prices import PICODOLLARS
from tune.store.admission import Account
from tune.store.database import Database
from tune.store.ledger import MOST, Balance, read_balance

pytestmark = pytest.mark.usefixtures("no_disk")

# One attempt


async def test_an_attempt_is_held_at_its_ceiling_and_settled_at_its_cost(
    account: Account,
) -> None:
    attempt = await account.reserve(60, purpose="search", service="api.example.org")
    assert (attempt.ceiling, attempt.purpose, attempt.service) == (
        60,
        "search",
        "api.example.org",
    )
    assert (account.reserved, account.settled, account.left) == (60, 0, 40)
    assert account.settle(attempt, 25) == 0
    assert (account.reserved, account.settled, account.left) == (0, 25, 75)
    assert account.spent == account.spent_now == 25


async def test_a_refusal_costs_nothing(account: Account) -> None:
    account.refuse(await account.reserve(60))
    assert account.balance == Balance(
        100, 0, settled=0, reserved=0, uncertain=0, overshoot=0
    )
    assert account.spent_now == 0


async def test_an_unknown_outcome_stays_charged_at_its_ceiling(
    account: Account,
) -> None:
    account.strand(await account.reserve(60))
    assert (account.uncertain, account.settled, account.reserved) == (60, 0, 0)
    assert account.spent == account.spent_now == 60
    assert account.left == 40


async def test_a_bill_above_its_ceiling_is_booked_in_full(account: Account) -> None:
    attempt = await account.reserve(60)
    assert account.settle(attempt, 130) == 70
    assert (account.settled, account.overshoot, account.left) == (130, 70, 0)
    with pytest.raises(BudgetExhausted):
        await account.reserve(1)


async def test_an_absurd_bill_does_not_break_the_sums(account: Account) -> None:
    for attempt in [await account.reserve(1) for _ in range(3)]:
        account.settle(attempt, 10**40)
    assert account.settled == 3 * MOST
    assert account.overshoot == 3 * MOST - 3


@pytest.mark.parametrize("again", ["settle", "refuse", "strand"])
async def test_an_attempt_is_closed_once(account: Account, again: str) -> None:
    attempt = await account.reserve(60)
    account.settle(attempt, 10)
    with pytest.raises(ValueError, match="closed already: it is settled"):
        account.settle(attempt, 10) if again == "settle" else getattr(account, again)(
            attempt
        )
    assert account.spent == account.spent_now == 10


async def test_amounts_are_never_negative(account: Account) -> None:
    with pytest.raises(ValueError, match="ceiling=-1"):
        await account.reserve(-1)
    with pytest.raises(ValueError, match="earmark=-1"):
        await account.reserve(1, earmark=-1)
    attempt = await account.reserve(1)
    with pytest.raises(ValueError, match="-5"):
        account.settle(attempt, -5)
    with pytest.raises(ValueError, match="-5"):
        account.release_earmark(-5)


async def test_a_call_that_costs_nothing_fits_into_a_budget_that_is_used_up(
    account: Account,
) -> None:
    account.settle(await account.reserve(100), 100)
    account.settle(await account.reserve(0), 0)


async def test_the_refusal_says_how_much_was_wanted_and_how_much_is_left(
    db: Database,
) -> None:
    account = Account(db, "study", 5 * PICODOLLARS)
    account.settle(await account.reserve(4 * PICODOLLARS), 4 * PICODOLLARS)
    with pytest.raises(
        BudgetExhausted, match=r"up to 1\.5 dollars, and 1 of 5 are left"
    ):
        await account.reserve(3 * PICODOLLARS // 2)


async def test_a_ceiling_beyond_all_integers_is_refused_as_any_other(
    account: Account,
) -> None:
    with pytest.raises(BudgetExhausted):
        await account.reserve(10**60)


# Opening


@pytest.mark.parametrize("budget", [0, -1, MOST + 1])
def test_a_budget_that_cannot_be_is_refused(db: Database, budget: int) -> None:
    with pytest.raises(BudgetError, match="must hold"):
        Account(db, "study", budget)


async def test_a_study_is_resumed_with_what_it_spent(
    db: Database, account: Account
) -> None:
    account.settle(await account.reserve(60), 30)
    again = Account(Database(db.path), "study", 100)
    assert (again.spent, again.spent_now, again.left) == (30, 0, 70)


async def test_what_a_killed_process_left_in_flight_is_uncertain(
    db: Database, account: Account
) -> None:
    account.settle(await account.reserve(10), 10)
    await account.reserve(60, earmark=20)
    assert account.reserved == 80
    again = Account(Database(db.path), "study", 100)
    assert again.balance == Balance(
        100, 0, settled=10, reserved=0, uncertain=60, overshoot=0
    )


async def test_a_budget_may_be_raised_and_lowered_down_to_what_is_spent(
    db: Database, account: Account
) -> None:
    account.settle(await account.reserve(60), 60)
    assert Account(db, "study", 200).left == 140
    assert Account(db, "study", 60).left == 0
    with pytest.raises(BudgetError, match="has spent"):
        Account(db, "study", 59)
    assert Account(db, "study", 60).budget == 60


async def test_a_study_that_overshot_can_be_opened_at_its_own_budget(
    db: Database, account: Account
) -> None:
    account.settle(await account.reserve(60), 130)
    again = Account(db, "study", 100)
    assert (again.spent, again.left) == (130, 0)


async def test_studies_in_one_database_have_money_of_their_own(
    db: Database, account: Account
) -> None:
    other = Account(Database(db.path), "other", 50)
    first, second = await account.reserve(100), await other.reserve(50)
    account.settle(first, 70)
    other.strand(second)
    assert (account.spent, other.spent) == (70, 50)


def test_a_balance_can_be_read_without_opening_the_account(
    db: Database, account: Account
) -> None:
    asyncio.run(account.reserve(60))
    assert read_balance(db, "study") == Balance(
        100, 0, settled=0, reserved=60, uncertain=0, overshoot=0
    )
    assert account.reserved == 60
    assert read_balance(db, "nobody") is None


async def test_it_tells_what_was_spent_on_what(account: Account) -> None:
    account.settle(await account.reserve(20, purpose="search"), 12)
    account.strand(await account.reserve(5, purpose="search"))
    account.settle(await account.reserve(20, purpose="judge"), 3)
    account.refuse(await account.reserve(20, purpose="holdout"))
    assert account.spent_by_purpose() == {"judge": 3, "search": 17}


# The holdout's envelope


async def test_only_the_holdout_may_use_what_is_set_aside(account: Account) -> None:
    account.set_aside(40)
    assert (account.limit, account.left) == (60, 60)
    for purpose in ("search", "judge"):
        with pytest.raises(BudgetExhausted, match="of 6e-11 are left"):
            await account.reserve(61, purpose=purpose)
    account.settle(await account.reserve(60), 60)
    with pytest.raises(BudgetExhausted):
        await account.reserve(1)
    account.settle(await account.reserve(40, purpose="holdout"), 40)
    assert account.spent == 100


async def test_the_envelope_is_kept_replaced_and_released(
    db: Database, account: Account
) -> None:
    account.set_aside(40)
    account.set_aside(30)
    assert Account(db, "study", 100).limit == 70
    account.release()
    assert account.limit == 100


@pytest.mark.parametrize("amount", [-1, 101])
def test_an_envelope_is_part_of_the_budget(account: Account, amount: int) -> None:
    with pytest.raises(BudgetError, match="must hold"):
        account.set_aside(amount)


async def test_opening_the_envelope_lets_those_go_on_who_wait(account: Account) -> None:
    account.set_aside(40)
    await account.reserve(60)
    waiting = asyncio.create_task(account.reserve(30))
    await turn()
    assert not waiting.done()
    account.release()
    await turn()
    assert waiting.done()


# Reconciling


@pytest.mark.parametrize("billed", [0, 25, 30, 45, 70, 140])
async def test_the_bill_replaces_what_is_uncertain(
    db: Database, account: Account, billed: int
) -> None:
    account.settle(await account.reserve(30), 30)
    account.strand(await account.reserve(40))
    account.reconcile(billed)
    assert (account.spent, account.settled, account.uncertain) == (billed, billed, 0)
    assert account.overshoot == max(0, billed - 70)
    assert sums(db)["settled"] == billed
    assert Account(db, "study", 200).spent == billed


async def test_a_study_can_be_reconciled_again(account: Account) -> None:
    account.strand(await account.reserve(40))
    account.reconcile(99)
    account.reconcile(12)
    account.settle(await account.reserve(5), 5)
    assert account.spent == 17
    assert account.spent_by_purpose() == {"reconcile": -28, "search": 45}


@pytest.mark.parametrize("billed", [-1, MOST + 1])
async def test_a_bill_that_cannot_be_is_refused(account: Account, billed: int) -> None:
    with pytest.raises(BudgetError, match="a bill is between"):
        account.reconcile(billed)


async def test_a_study_with_calls_in_flight_is_not_reconciled(account: Account) -> None:
    account.strand(await account.reserve(10))
    await account.reserve(10)
    with pytest.raises(BudgetError, match="in flight"):
        account.reconcile(5)
    assert account.uncertain == 10
