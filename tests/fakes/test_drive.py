"""A strategy is driven wave by wave, and what it returns comes back."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.fakes.drive import drive
from tune.readout.trial import Step
from tune.space import Point
from tune.strategies import Outcome

POINT = Point({"model": "m", "prompt": "p"})


def wave(number: int) -> list[Step]:
    return [Step(number, POINT, (0,), 1, 8)]


@given(dollars=st.lists(st.floats(0, 1), max_size=6))
def test_every_wave_is_bought_once_in_order_and_its_outcome_sent_back(
    dollars: list[float],
) -> None:
    bought: list[list[Step]] = []
    told: list[Outcome] = []

    def strategy() -> Generator[list[Step], Outcome, str]:
        for number in range(len(dollars)):
            outcome = yield wave(number)
            told.append(outcome)
        return "the end"

    def buy(steps: list[Step]) -> Outcome:
        bought.append(steps)
        return Outcome({}, dollars[len(bought) - 1], complete=True)

    assert drive(strategy(), buy) == "the end"
    assert bought == [wave(number) for number in range(len(dollars))]
    assert [outcome.left for outcome in told] == dollars


def test_a_strategy_that_asks_for_nothing_buys_nothing() -> None:
    def strategy() -> Generator[list[Step], Outcome, int]:
        yield from ()
        return 7

    assert drive(strategy(), lambda steps: pytest.fail(f"bought {steps}")) == 7


def test_an_error_of_a_strategy_or_of_its_ledger_is_raised() -> None:
    def strategy() -> Generator[list[Step], Outcome, None]:
        outcome = yield wave(0)
        raise LookupError(outcome.left)

    with pytest.raises(LookupError, match=r"^0\.25$"):
        drive(strategy(), lambda steps: Outcome({}, 0.25, complete=True))

    def broken(steps: list[Step]) -> Outcome:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        drive(strategy(), broken)
