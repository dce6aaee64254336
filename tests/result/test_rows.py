"""The rows of winner, baseline and runners-up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.house import House
from tests.support.reported import searched, unbought
from tune.readout.trial import Step, Trial
from tune.report import markdown
from tune.result import build_report
from tune.strategies import Selection
from tune.study.holdout import read_holdout_test


async def test_runners_up_are_compared_with_the_baseline_on_tuning_examples_and_the_baseline_is_none_of_them(
    build: Callable[..., House],
) -> None:
    house, record = await searched(build)
    report = build_report(record)
    (other,) = report.runners_up
    assert (other.name, other.config["temperature"]) == ("runner-up 1", 0.8)
    assert other.tuning_difference is not None
    assert other.tuning_difference.n == 24
    base, mine = (house.run.standings.current()[trial].readings[0] for trial in (1, 2))
    assert other.tuning_difference.mean == pytest.approx(mine.difference(base).mean)
    assert other.holdout is None
    assert report.baseline is not None
    assert report.baseline.tuning is not None
    assert report.baseline.holdout is not None
    for row in (report.winner, report.baseline, other):
        assert row is not None
        assert None not in (row.quality, row.cost, row.seconds_median, row.seconds_p95)
    assert report.detectable is not None


async def test_a_baseline_that_never_met_the_holdout_is_shown_on_tuning_examples(
    build: Callable[..., House],
) -> None:
    _, record = await searched(build)
    report = build_report(replace(record, holdout={}))
    assert report.baseline is not None
    assert report.baseline.tuning is not None
    assert (report.baseline.holdout, report.difference, report.detectable) == (
        None,
        None,
        None,
    )
    assert "no gain is claimed" in markdown(report)


async def test_where_rows_of_a_group_are_copies_the_whole_report_counts_groups(
    build: Callable[..., House],
) -> None:
    rows = [
        {
            "id": str(i),
            "text": f"ticket {i // 4}",
            "label": "yes" if i // 4 % 4 else "no",
        }
        for i in range(160)
    ]
    house, record = await searched(build, rows=rows)
    report = build_report(record)
    plan = replace(house.plan, split=replace(house.plan.split, clusters={}))
    naive = build_report(replace(record, plan=plan))

    def width(found: Any) -> float:
        return float(found.high - found.low)

    for ours, theirs in (
        (report.winner, naive.winner),
        (report.baseline, naive.baseline),
    ):
        assert ours is not None
        assert theirs is not None
        assert width(ours.holdout) > 1.4 * width(theirs.holdout)
        assert width(ours.tuning) > 1.4 * width(theirs.tuning)
    assert width(report.difference) > 1.3 * width(naive.difference)
    assert width(report.trials[0].quality) > 1.4 * width(naive.trials[0].quality)
    assert width(report.runners_up[0].tuning_difference) > 1.3 * width(
        naive.runners_up[0].tuning_difference
    )
    assert any(
        "count as one observation in every interval" in notice
        for notice in report.notices
    )
    assert not any("count as one observation" in notice for notice in naive.notices)


async def test_a_winner_that_was_not_bought_is_shown_on_the_holdout_alone(
    build: Callable[..., House],
) -> None:
    house, record = await unbought(build)
    report = build_report(record)
    assert report.winner is not None
    assert (report.winner.config.n, report.winner.tuning, report.winner.trial) == (
        3,
        None,
        0,
    )
    assert report.winner.holdout is not None
    assert report.difference is not None
    assert report.detectable is not None
    assert len(report.deployment_record["scores"]) == len(house.plan.split.holdout), (
        "those of the config that was tested"
    )
    assert any(
        "asks for 3 answers, and the search bought 1 of each" in notice
        for notice in report.notices
    )
    assert "| **winner** | " in markdown(report)


@pytest.mark.parametrize(
    ("stopped", "holdout"), [("interrupted", True), ("finished", False)]
)
async def test_where_nobody_met_it_what_it_rests_on_is_the_winner(
    build: Callable[..., House], stopped: str, holdout: bool
) -> None:
    house, record = await unbought(build)
    found = replace(record, stopped=stopped) if holdout else replace(record, holdout={})
    report = build_report(found)
    assert report.winner is not None
    assert (report.winner.config.n, report.winner.holdout) == (1, None)
    assert report.winner.tuning is not None
    assert len(report.deployment_record["scores"]) == len(house.plan.split.tuning)
    assert not any("asks for" in notice for notice in report.notices)


async def test_a_winner_that_was_not_bought_is_on_the_frontier(
    build: Callable[..., House],
) -> None:
    _, record = await unbought(build)
    report = build_report(record)
    assert report.winner is not None
    (row,) = [row for row in report.frontier if row.config == report.winner.config]
    assert row == replace(report.winner, name="frontier")


async def test_on_the_frontier_a_smaller_cap_has_the_holdout_scores_of_the_same_draws(
    build: Callable[..., House],
) -> None:
    house = build(baseline={"temperature": 0.5, "n": 1, "max_tokens": 12})
    await house.buy(examples=2, draws=1)
    (read,) = (
        reading
        for reading in house.run.standings.current()[0].readings
        if reading.config == house.plan.baseline
    )
    first, last = len(house.plan.split.tuning), len(house.plan.examples)
    trials: dict[int, Trial] = {}
    step = Step(0, read.config, tuple(range(first, last)), 1, 12)
    await house.run.evaluator.run([step], trials)
    readings = house.run.standings.readings()
    test = read_holdout_test(house.run.evaluator.reader, trials.values(), readings)
    record = house.record(Selection(read, (), feasible=True), holdout=test.readings)
    record = replace(record, holdout_trials=test.trials, holdout_shared=test.shared)
    rows = {row.config.max_tokens: row for row in build_report(record).frontier}
    assert rows[12].config == read.config, "it is the winner"
    assert rows[8].holdout is not None
    assert rows[8].holdout.n == last - first
    assert rows[8].tuning is not None
    assert (rows[8].tuning.n, rows[8].few) == (2, True)


async def test_a_half_holdout_is_not_on_the_frontier(
    build: Callable[..., House],
) -> None:
    _, record = await searched(build)
    report = build_report(replace(record, stopped="interrupted"))
    assert report.frontier
    assert all(row.holdout is None for row in report.frontier)
