"""From a finished run to its report, and how often the holdout was looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.house import House, unsure
from tests.support.reported import recorded, searched
from tune.report import markdown
from tune.result import STOPPED, build_report
from tune.result.stopped import ENDED


async def test_a_whole_run_is_concluded_with_what_the_endpoint_billed(
    build: Callable[..., House],
) -> None:
    house = build(unsure, baseline={"n": 1, "temperature": 0.5, "max_tokens": 2})
    record = await house.run.go()
    report = build_report(record)
    assert report.money.spent == pytest.approx(house.billed)
    assert report.money.spent + report.money.left == pytest.approx(report.money.budget)
    assert report.stopped in {*STOPPED.values(), *ENDED.values()}
    assert report.winner is not None
    assert report.winner.holdout is not None
    assert report.baseline is not None
    assert report.draws_bought == house.endpoint.draws
    assert report.readings == sum(len(s.readings) for s in record.standings.values())
    assert report.read_cost is not None
    assert report.readings_cost is not None
    assert (
        report.readings_cost > 2 * report.read_cost
    )  # one of two tokens fits every cap
    assert f"Read {report.readings} configurations off draws that cost" in markdown(
        report
    )
    assert [row.number for row in report.trials] == list(record.trials)
    if report.winner_is_baseline:
        assert report.difference is None
    else:
        assert report.difference is not None
        assert report.difference.n == report.winner.holdout.n


def test_nothing_scored_is_still_a_report(build: Callable[..., House]) -> None:
    report = build_report(build().record(stopped="money"))
    assert report.winner is None
    assert report.frontier == ()
    assert (report.read_cost, report.readings_cost) == (0.0, 0.0)
    assert report.money.left_reason
    assert "None" not in markdown(report)


async def test_a_holdout_that_was_interrupted_is_not_looked_at(
    build: Callable[..., House],
) -> None:
    """A verdict on half of it would be a look that nobody paid for."""
    _, record = await searched(build)
    report = build_report(replace(record, stopped="interrupted"))
    assert report.winner is not None
    assert (report.winner.holdout, report.difference, report.look) == (None, None, 1)
    assert any(
        "looked at when all of it is there" in notice for notice in report.notices
    )
    assert not any("The money reached" in notice for notice in report.notices)


async def test_a_second_look_at_the_holdout_is_wider_and_said_and_showing_it_again_costs_nothing(
    build: Callable[..., House],
) -> None:
    house, record = await searched(build)
    assert record.selection is not None
    configs, first = (
        (record.selection.reading.config, house.plan.baseline),
        len(house.plan.split.tuning),
    )
    house.journal.append("holdout", **recorded(*configs, list(range(first, first + 8))))
    once = build_report(replace(record, events=house.journal.events))
    house.journal.append(
        "holdout", **recorded(*configs, list(range(first, first + 16)))
    )
    more = build_report(replace(record, events=house.journal.events))
    house.journal.append(
        "holdout", **recorded(*configs, list(range(first, first + 16)))
    )
    again = build_report(replace(record, events=house.journal.events))
    assert [(r.look, r.confidence) for r in (once, more, again)] == [
        (1, 0.96),
        (2, 0.995),
        (2, 0.995),
    ]
    assert once.difference is not None
    assert more.difference is not None
    assert more.difference.low < once.difference.low
    assert more.difference == again.difference
    assert more.detectable is not None
    assert once.detectable is not None
    assert more.detectable > once.detectable
    assert more.runners_up == once.runners_up
    assert [notice for notice in more.notices if notice not in once.notices] == [
        "This is look 2 at the same holdout, so its intervals are wider: each is 99.5 % sure, and "
        "all looks together "
        "are wrong at most 5 % of the time."
    ]
