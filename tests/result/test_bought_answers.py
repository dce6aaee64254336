"""Counts of all answers of a search, and the money that brought nothing."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.support.house import House, number
from tune.completion import Request
from tune.result.bought_answers import count_bought


def mixed(request: Request, _: random.Random) -> str:
    """A right answer, nothing at all, or a text that no answer is found in."""
    place = number(request) % 4
    if place == 1:
        return ""
    if place == 2:
        return "I do not know"
    return "yes" if place else "no"


async def test_answers_are_counted_by_kind_as_they_were_bought(
    build: Callable[..., House],
) -> None:
    house = build(mixed)
    await house.buy(examples=24, draws=1)
    numbers = [int(e.inputs["text"].split()[-1]) for e in house.plan.split.tuning]
    found = count_bought(house.record())
    assert found.outcomes.answers == 24
    assert found.outcomes.empty == sum(n % 4 == 1 for n in numbers)
    assert found.outcomes.no_answer == sum(n % 4 == 2 for n in numbers)
    assert (found.outcomes.wrong, found.outcomes.cut) == (0, 0)
    assert (found.cap, found.hidden) == (12, False)
    # Right answers were worth their money; the shares are of what brought nothing.
    assert set(found.shares) == {"empty", "no_answer"}
    assert 0 < found.shares["empty"] < found.shares["no_answer"] < 1


async def test_a_right_answer_after_the_cap_of_another_config_is_not_cut(
    build: Callable[..., House],
) -> None:
    house = build()
    await house.buy(examples=5, draws=1)
    found = count_bought(house.record())
    assert found.outcomes.cut == 0
    short = build()
    await short.buy(examples=5, draws=1, cap=2)
    found = count_bought(short.record())
    assert found.outcomes.cut == 5
    assert found.shares == pytest.approx({"cut": 1.0})


def test_without_answers_there_are_no_shares(build: Callable[..., House]) -> None:
    found = count_bought(build().record())
    assert (found.outcomes.answers, found.shares, found.cap) == (0, {}, 0)
