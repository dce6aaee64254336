"""The draws that a study paid for, and those that another one did."""

from __future__ import annotations

import pytest

from tune.completion import Completion, Request
from tune.pricing.prices import PICODOLLARS
from tune.store.database import Database
from tune.store.draw_counts import count_draws
from tune.store.draws import Store, Use
from tune.store.ledger import Ledger

SMALL = ("api.example.org/v1", "small")
LARGE = ("api.example.org/v1", "large")
REQUEST = Request(*SMALL, "Label: fine", 64)


def asking(db: Database, study: str, *, generation: str = "") -> Store:
    return Store(db, generation=generation, study=study)


def use(
    store: Store, draws: int, request: Request = REQUEST, example: str = "0"
) -> None:
    store.note_uses([Use(example, "key", request, draws)])


def buy(
    store: Store, numbers: range, request: Request = REQUEST, attempt: int | None = None
) -> None:
    draws = [Completion(f"draw {n}", "stop", 9, 2) for n in numbers]
    store.put(request, numbers, draws, study=store.study, attempt=attempt)


def test_a_later_process_counts_what_an_earlier_one_of_the_study_bought(
    db: Database,
) -> None:
    first = asking(db, "s")
    use(first, 2)
    buy(first, range(2))
    second = asking(db, "s")
    use(second, 3)
    buy(second, range(2, 3))
    assert count_draws(second, "s") == {SMALL: (3, 0)}


def test_draws_of_another_study_are_reused_as_far_as_they_are_asked_for(
    db: Database,
) -> None:
    other, mine = asking(db, "other"), asking(db, "mine")
    use(other, 5)
    buy(other, range(5))
    use(mine, 3)
    assert count_draws(mine, "mine") == {SMALL: (0, 3)}
    use(mine, 7)
    buy(mine, range(5, 7))
    assert count_draws(mine, "mine") == {SMALL: (2, 5)}
    assert count_draws(other, "other") == {SMALL: (5, 0)}


def test_a_draw_that_two_examples_ask_for_is_counted_once(db: Database) -> None:
    store = asking(db, "s")
    use(store, 2)
    use(store, 1, example="1")
    buy(store, range(2))
    assert count_draws(store, "s") == {SMALL: (2, 0)}


def test_models_are_counted_apart(db: Database) -> None:
    store = asking(db, "s")
    large = Request(*LARGE, "Label: fine", 64)
    use(store, 1)
    use(store, 2, large)
    buy(store, range(1))
    buy(store, range(2), large)
    assert count_draws(store, "s") == {SMALL: (1, 0), LARGE: (2, 0)}


def test_a_fresh_study_counts_its_own_generation(db: Database) -> None:
    other, mine = asking(db, "other"), asking(db, "mine", generation="mine")
    use(other, 2)
    buy(other, range(2))
    use(mine, 1)
    buy(mine, range(1))
    assert count_draws(mine, "mine") == {SMALL: (1, 0)}


@pytest.mark.parametrize(("purpose", "bought"), [("search", 1), ("judge", 0)])
async def test_the_verdicts_of_a_judge_are_no_answers(
    db: Database, purpose: str, bought: int
) -> None:
    store, ledger = asking(db, "s"), Ledger(db, "s", PICODOLLARS)
    attempt = await ledger.reserve(1, purpose=purpose)
    use(store, 1)
    buy(store, range(1), attempt=attempt.id)
    counted = count_draws(store, "s").get(SMALL, (0, 0))
    assert counted == (bought, 0)
