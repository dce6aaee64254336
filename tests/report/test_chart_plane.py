"""The plane of a chart: only what can be drawn becomes a mark, and each mark has its place."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.support.reports import BASELINE, WINNER
from tune.report.amount import DOLLARS
from tune.report.chart_plane import BOTTOM, LEFT, RIGHT, TOP, Plane, mark
from tune.report.chart_scale import linear
from tune.stats.intervals import Interval

PLANE = Plane(linear([0.0, 0.001], LEFT, RIGHT), linear([0.0, 1.0], BOTTOM, TOP))


def test_a_mark_is_filled_in_from_its_row() -> None:
    made = mark(DOLLARS, "winner", WINNER, WINNER.holdout)
    assert made is not None
    assert made.on_holdout
    assert made.said.startswith("winner: small, prompt few")
    assert made.said.endswith("at $0.000123 per request")
    few = mark(DOLLARS, "frontier", replace(WINNER, few=True), WINNER.tuning)
    assert few is not None
    assert not few.on_holdout
    assert "100 tuning examples (95 % interval 0.750 to 0.900) (few)," in few.said


def test_the_style_knows_a_mark_by_the_first_word_of_its_name() -> None:
    assumed = mark(DOLLARS, "baseline (assumed)", WINNER, WINNER.holdout)
    assert assumed is not None
    assert assumed.kind == "baseline"


@pytest.mark.parametrize(
    "quality",
    [None, Interval(math.inf, 0, 1, 9), Interval(0.5, math.nan, 1, 9)],
)
def test_a_quality_that_has_no_place_is_not_drawn(quality: Interval | None) -> None:
    assert mark(DOLLARS, "winner", WINNER, quality) is None


@pytest.mark.parametrize(
    "cost", [None, Interval(math.inf, 0, 1, 9), Interval(0.5, 0, math.nan, 9)]
)
def test_a_cost_that_has_no_place_is_not_drawn(cost: Interval | None) -> None:
    row = replace(WINNER, cost=cost)
    assert mark(DOLLARS, "winner", row, row.holdout) is None
    assert mark(DOLLARS, "winner", None, WINNER.holdout) is None


def test_better_is_higher_up_and_dearer_is_further_right() -> None:
    row = replace(BASELINE, cost=Interval(0.0005, 0.0, math.inf, 9))
    made = mark(DOLLARS, "baseline", row, Interval(0.5, 0.25, 1.0, 9))
    assert made is not None
    x, y = PLANE.centre(made)
    assert x == pytest.approx((LEFT + RIGHT) / 2)
    assert y == pytest.approx((TOP + BOTTOM) / 2)
    left, top, right, bottom = PLANE.reach(made)
    # A bar without an end stops at the edge.
    assert (left, top, right) == pytest.approx((LEFT, TOP, RIGHT))
    assert y < bottom < BOTTOM
