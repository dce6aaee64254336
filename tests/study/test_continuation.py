"""The same command again: what a study's journal allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.house import House
from tune.errors import StudyError
from tune.study.continuation import continue_study, may_do_more, open_study
from tune.study.stop_reasons import ENOUGH, FINISHED, INTERRUPTED, UNREAD


def opened(house: House, stopped: str | None = None, **plan: Any) -> House:
    """A house whose study was begun, and ended for a reason."""
    assert open_study(house.journal, replace(house.plan, **plan)) is None
    if stopped is not None:
        house.journal.append("result", stopped=stopped, record={})
    return house


def test_a_new_study_is_begun_with_its_limits(build: Callable[..., House]) -> None:
    house = opened(build())
    (first,) = house.journal.events
    assert first["event"] == "study"
    assert first["identity"] == dict(house.plan.identity)
    assert (first["budget"], first["time_limit"]) == (
        house.plan.budget,
        house.plan.time_limit,
    )


def test_what_is_no_study_and_another_study_are_refused(
    build: Callable[..., House],
) -> None:
    house = build()
    house.journal.append("wave", phase="search", steps=[])
    with pytest.raises(StudyError, match="is no study: its first line is 'wave'"):
        open_study(house.journal, house.plan)
    house = opened(build())
    other = replace(house.plan, identity={**house.plan.identity, "metric": "other"})
    with pytest.raises(StudyError, match="holds a study with other metric"):
        open_study(house.journal, other)


def test_a_refused_study_is_told_how_to_use_what_was_bought(
    build: Callable[..., House],
) -> None:
    house = opened(build())
    store = house.journal.path.parent / "draws.db"
    store.touch()
    other = replace(house.plan, identity={**house.plan.identity, "metric": "other"})
    with pytest.raises(StudyError) as caught:
        open_study(house.journal, other)
    assert str(caught.value).endswith(
        f": choose another with --results (--store {store} reuses what was bought here)"
    )


def test_a_smaller_budget_is_refused(build: Callable[..., House]) -> None:
    house = opened(build())
    with pytest.raises(
        StudyError, match=r"has a budget of \$0.01, which \$0.005 would lower"
    ):
        open_study(house.journal, replace(house.plan, budget=0.005))


@pytest.mark.parametrize(
    ("stopped", "then", "now", "more"),
    [
        (FINISHED, {}, {}, False),
        ("money", {}, {"budget": 0.02}, True),
        ("time", {"time_limit": 60.0}, {"time_limit": 90.0}, True),
        ("time", {"time_limit": 60.0}, {"time_limit": None}, True),
        ("time", {"time_limit": 60.0}, {"time_limit": 30.0}, False),
        (ENOUGH, {"min_gain": 0.01}, {"min_gain": 0.005}, True),
        (ENOUGH, {"min_gain": 0.01}, {"min_gain": 0.01}, False),
        (FINISHED, {"min_gain": 0.01}, {"min_gain": 0.005}, False),
        (UNREAD, {}, {"keep_going": True}, True),
        (UNREAD, {}, {}, False),
        (FINISHED, {}, {"keep_going": True}, False),
    ],
)
def test_a_run_may_do_more_than_the_last_one_if_it_is_given_more(
    build: Callable[..., House],
    stopped: str,
    then: dict[str, Any],
    now: dict[str, Any],
    more: bool,
) -> None:
    house = opened(build(), stopped, **then)
    plan = replace(house.plan, **{**then, **now})
    assert may_do_more(plan, house.journal) is more
    continue_study(house.journal, plan, house.ledger)
    assert (house.journal.events[-1]["event"] == "continue") is more


@pytest.mark.parametrize(
    ("freed", "stopped", "more"),
    [(1, "money", True), (0, "money", False), (1, "time", False)],
)
def test_money_that_was_found_to_be_unspent_may_be_used(
    build: Callable[..., House], freed: int, stopped: str, more: bool
) -> None:
    house = opened(build(), stopped)
    house.journal.append("reconciled", freed=freed)
    house.journal.append("result", stopped=stopped, record={})
    house.journal.append("look")
    assert may_do_more(house.plan, house.journal) is more


def test_an_interrupted_study_resumes_without_a_word(
    build: Callable[..., House],
) -> None:
    house = opened(build(), INTERRUPTED)
    assert open_study(house.journal, house.plan) is None
    continue_study(house.journal, house.plan, house.ledger)
    assert house.journal.events[-1]["event"] == "result"
