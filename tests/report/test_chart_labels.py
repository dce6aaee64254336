"""The names in a chart: beside their marks, inside the plot, and not on top of each other."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.support.reports import WINNER
from tune.report.amount import DOLLARS
from tune.report.chart_labels import labels
from tune.report.chart_plane import BOTTOM, LEFT, RIGHT, TOP, Mark, Plane, mark
from tune.report.chart_scale import linear
from tune.stats.intervals import Interval

PLANE = Plane(linear([0.0, 1.0], LEFT, RIGHT), linear([0.0, 1.0], BOTTOM, TOP))


def at(name: str, cost: float, quality: float) -> Mark:
    row = replace(WINNER, cost=Interval(cost, cost, cost, 9))
    made = mark(DOLLARS, name, row, Interval(quality, quality, quality, 9))
    assert made is not None
    return made


def place(label: str) -> tuple[float, float]:
    found = re.search(r'x="([\d.]+)" y="([\d.]+)"', label)
    assert found is not None
    return float(found[1]), float(found[2])


def test_a_label_stands_to_the_right_of_its_mark_where_there_is_room() -> None:
    one = at("winner", 0.5, 0.5)
    (label,) = labels([], [one], PLANE)
    x, y = place(label)
    centre = PLANE.centre(one)
    assert x > centre[0]
    assert abs(y - centre[1]) < 10
    assert label.startswith('<text class="name winner"')
    assert label.endswith(">winner</text>")


def test_a_label_at_the_right_edge_stands_to_the_left() -> None:
    one = at("winner", 1.0, 0.5)
    (label,) = labels([], [one], PLANE)
    assert LEFT < place(label)[0] < PLANE.centre(one)[0]


@pytest.mark.parametrize("quality", [0.0, 1.0])
def test_a_label_stays_in_the_plot(quality: float) -> None:
    (label,) = labels([], [at("winner", 0.5, quality)], PLANE)
    assert TOP - 8 <= place(label)[1] <= BOTTOM


def test_two_marks_at_one_place_have_labels_at_two() -> None:
    named = [at("baseline", 0.5, 0.5), at("winner", 0.5, 0.5)]
    first, second = map(place, labels([], named, PLANE))
    assert first != second


def test_a_label_makes_way_for_the_line() -> None:
    one = at("winner", 0.5, 0.5)
    line = [at("frontier", 0.5, 0.5), at("frontier", 1.0, 0.5)]
    (label,) = labels(line, [one], PLANE)
    # The line goes to the right, where the label would stand.
    assert place(label)[0] < PLANE.centre(one)[0]
