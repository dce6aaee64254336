"""Dollars, or seconds where nobody is billed."""

from __future__ import annotations

from dataclasses import replace

from tests.support.reports import WINNER, money, whole
from tune.report.amount import DOLLARS, SECONDS, amount_of
from tune.stats.intervals import Interval


def test_seconds_count_only_where_a_study_has_them() -> None:
    assert amount_of(whole()) is DOLLARS
    assert amount_of(whole(money=money(seconds=0.0))) is SECONDS


def test_each_unit_reads_its_own_interval_and_writes_it_its_own_way() -> None:
    service = Interval(1.5, 1.0, 2.0, 9)
    row = replace(WINNER, service=service)
    assert DOLLARS.of(row) is WINNER.cost
    assert SECONDS.of(row) is service
    assert SECONDS.of(WINNER) is None
    assert (DOLLARS.said(0.5), SECONDS.said(0.5)) == ("$0.50", "0.50 s")
    assert DOLLARS.per_request == "cost per request"
