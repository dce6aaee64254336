"""`comparison.csv` and `comparison.tex`: the main configurations for spreadsheets and papers."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace

from tests.support.reports import WINNER, money, whole
from tune.report import PassAtK, comparison_csv, comparison_tex
from tune.report.comparison import COLUMNS, latex
from tune.stats.intervals import Interval

REPORT = whole(pass_at_k=(PassAtK(4, Interval(0.9, 0.8, 0.95, 9)),))


def test_every_row_has_its_numbers_and_an_oracle_has_no_cost() -> None:
    rows = list(csv.DictReader(io.StringIO(comparison_csv(REPORT))))
    by_name = {row["configuration"]: row for row in rows}
    assert list(by_name) == [
        "winner",
        "baseline",
        "for agents",
        "runner-up 1",
        "pass@4 (oracle)",
    ]
    assert tuple(rows[0]) == COLUMNS
    winner, other, oracle = rows[0], by_name["runner-up 1"], rows[-1]
    assert (winner["on"], winner["examples"], winner["quality"]) == (
        "holdout",
        "120",
        "0.79",
    )
    assert winner["difference"] == "0.55"
    assert (other["on"], other["difference"]) == ("tuning", "0.5")
    assert (oracle["on"], oracle["quality"], oracle["cost_per_request"]) == (
        "tuning",
        "0.9",
        "",
    )
    assert by_name["baseline"]["cost_per_request"] == ""


def test_the_table_for_papers_has_the_same_rows() -> None:
    tex = comparison_tex(REPORT)
    assert tex.count(r"\\") == 6
    assert (
        r"winner & 0.790 [0.720, 0.860] & \$0.000123 & 0.550 [0.450, 0.640] \\" in tex
    )
    assert r"pass@4 (oracle) & 0.900 [0.800, 0.950] & -- & -- \\" in tex
    assert "baseline & 0.240 [0.170, 0.330] & -- & -- " in tex


def test_seconds_take_the_place_of_dollars_where_nobody_is_billed() -> None:
    winner = replace(WINNER, service=Interval(1.5, 1.0, 2.0, 9))
    tex = comparison_tex(replace(REPORT, winner=winner, money=money(seconds=9.0)))
    assert r" & 1.5\,s & " in tex
    assert "seconds per request" in tex


def test_a_number_that_is_not_finite_is_left_out_of_papers() -> None:
    winner = replace(WINNER, cost=Interval(math.nan, 0.0, 1.0, 9))
    tex = comparison_tex(replace(REPORT, winner=winner))
    assert r"[0.720, 0.860] & -- & 0.550" in tex


def test_nothing_that_a_user_named_breaks_the_table() -> None:
    name = "50 % & more_\\input{x}"
    hostile = replace(REPORT, winner=replace(WINNER, name=name))
    assert latex(name) == r"50 \% \& more\_\textbackslash{}input\{x\}"
    assert r"\input" not in comparison_tex(hostile)
    plain = comparison_csv(REPORT)
    assert comparison_csv(hostile).count("\n") == plain.count("\n")
