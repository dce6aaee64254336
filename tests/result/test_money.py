"""The money of a study in the report, and why some of it is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.house import House
from tests.support.reported import searched
from tune.pricing.amounts import dollars
from tune.pricing.prices import PICODOLLARS
from tune.report.headline import money_sentence
from tune.result import build_report
from tune.result.money import study_money
from tune.store.admission import Shortage
from tune.strategies.problem import ALL_BOUGHT, NO_WORTH
from tune.study.record import RunRecord, TimeRecord


def with_money(record: RunRecord, **changes: object) -> RunRecord:
    return replace(record, money=replace(record.money, **changes))  # type: ignore[arg-type]


async def test_what_is_left_is_the_budget_less_what_was_settled_and_what_is_uncertain(
    build: Callable[..., House],
) -> None:
    house, record = await searched(build)
    balance = replace(record.money.balance, uncertain=PICODOLLARS // 1000)
    reasons = (("no bill came", 2, PICODOLLARS // 1000),)
    found = study_money(with_money(record, balance=balance, uncertain=reasons))
    assert found.settled == pytest.approx(house.billed, rel=1e-12)
    assert found.uncertain == 0.001
    assert found.spent == pytest.approx(house.billed + 0.001, rel=1e-12)
    assert found.left == pytest.approx(0.01 - found.spent, rel=1e-12)
    (reason,) = found.reasons
    assert (reason.reason, reason.calls, reason.dollars) == ("no bill came", 2, 0.001)


async def test_the_call_that_did_not_fit_is_named_with_what_was_kept_for_the_holdout(
    build: Callable[..., House],
) -> None:
    _, record = await searched(build)
    record = with_money(
        replace(record, stopped="money"),
        holdout_reserve=PICODOLLARS // 500,
        holdout_spent=PICODOLLARS // 1000,
        shortage=Shortage(needed=PICODOLLARS // 100, left=PICODOLLARS // 200),
    )
    assert study_money(record).left_reason == (
        "the next call of the search could cost up to $0.01, $0.005 were left for it, and $0.002 "
        "were kept for the holdout, which took $0.001"
    )
    # An earlier process came to the end of the money.
    again = study_money(with_money(record, shortage=None))
    assert again.left_reason == (
        "a call is only sent when the most it can cost fits, and $0.002 were kept for the holdout, "
        "which took $0.001"
    )


@pytest.mark.parametrize("stopped", ["money", "finished"])
async def test_a_holdout_that_was_not_met_as_a_whole_says_what_its_next_call_could_cost(
    build: Callable[..., House], stopped: str
) -> None:
    _, record = await searched(build)
    short = Shortage(needed=PICODOLLARS // 100, left=PICODOLLARS // 200)
    record = with_money(
        replace(record, stopped=stopped), shortage=short, holdout_shortage=short
    )
    assert study_money(record).left_reason == (
        "the next call of the holdout could cost up to $0.01, and $0.005 were left for it"
    )


@pytest.mark.parametrize("stopped", ["time", "trials", "interrupted"])
async def test_a_run_that_ended_for_another_reason_does_not_explain_its_money(
    build: Callable[..., House], stopped: str
) -> None:
    _, record = await searched(build)
    ended = replace(record, stopped=stopped)
    assert study_money(ended).left_reason == ""
    assert study_money(replace(ended, selection=None)).left_reason == ""
    assert study_money(record).left_reason.startswith("it was kept for telling")


async def test_a_search_that_ends_below_its_budget_says_that_it_saved(
    build: Callable[..., House],
) -> None:
    _, record = await searched(build)
    enough = study_money(replace(record, stopped="gain")).left_reason
    assert enough == "saved, as no more of it was worth spending"
    assert study_money(replace(record, ending=NO_WORTH)).left_reason == enough
    tried = study_money(replace(record, ending=ALL_BOUGHT))
    assert tried.left_reason == "saved, as nothing was left to try"
    report = build_report(replace(record, ending=ALL_BOUGHT))
    assert (
        "the search stopped because nothing was left to try. "
        f"{dollars(tried.left)} of $0.01 are unspent: saved, as nothing was left to try."
    ) in money_sentence(report)


async def test_nothing_is_explained_where_nothing_is_left(
    build: Callable[..., House],
) -> None:
    _, record = await searched(build)
    balance = replace(record.money.balance, settled=record.money.balance.budget)
    found = study_money(with_money(record, balance=balance))
    assert (found.left, found.left_reason) == (0.0, "")


async def test_seconds_are_shown_where_nobody_is_billed(
    build: Callable[..., House],
) -> None:
    _, record = await searched(build)
    assert study_money(record).seconds is None
    assert study_money(replace(record, time=TimeRecord(75.0, 2.0))).seconds == 75.0
