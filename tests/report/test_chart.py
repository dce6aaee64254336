"""The chart of a report: every mark stands where the numbers beside the axes say, and nothing is
drawn of nothing.
"""

from __future__ import annotations

import math
import random
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.reports import (
    BASELINE,
    EMPTY,
    HOSTILE,
    WINNER,
    config,
    provenance,
    whole,
)
from tune.report import Report, ReportConfig
from tune.report.chart import chart
from tune.report.chart_plane import BOTTOM, LEFT, RIGHT, TOP
from tune.report.chart_scale import MOST_TICKS
from tune.stats.intervals import Interval

WIDE = ((0.00001, 0.3), (0.00002, 0.52), (0.00009, 0.6), (0.0003, 0.71), (0.0012, 0.83))
"""Costs that differ a hundredfold, with their qualities."""


def interval(mean: float, reach: float = 0.1) -> Interval:
    return Interval(mean, mean - reach, mean + reach, 100)


def row(number: int, cost: float, quality: float, **more: object) -> ReportConfig:
    made = ReportConfig(
        "frontier",
        config(model=f"m{number}"),
        trial=number,
        tuning=interval(quality),
        cost=Interval(cost, cost * 0.9, cost * 1.1, 100),
    )
    return replace(made, **more)  # type: ignore[arg-type]


def study(points: tuple[tuple[float, float], ...] = WIDE, **more: object) -> Report:
    """A frontier, the last but one of which won, and a baseline that is not on it."""
    frontier = [
        row(number, cost, quality) for number, (cost, quality) in enumerate(points)
    ]
    place = max(0, len(frontier) - 2)
    frontier[place] = replace(frontier[place], holdout=Interval(0.66, 0.57, 0.75, 120))
    baseline = replace(
        BASELINE,
        cost=Interval(0.00035, 0.0003, 0.0004, 120),
        holdout=Interval(0.58, 0.5, 0.66, 120),
    )
    parts = {
        "winner": replace(frontier[place], name="winner"),
        "baseline": baseline,
        "frontier": tuple(frontier),
    }
    return whole(**{**parts, **more})


# --- what is drawn, read back from the picture


def svg(report: Report) -> ElementTree.Element:
    """The picture, which is well-formed XML too."""
    found = ElementTree.fromstring(chart(report)).find("svg")
    assert found is not None
    return found


def marks(picture: ElementTree.Element) -> list[tuple[str, float, float]]:
    """Kind and centre of each mark."""
    found = []
    for group in picture.findall("g"):
        circle, square = group.find("circle"), group.find("rect")
        if circle is not None:
            at = float(circle.attrib["cx"]), float(circle.attrib["cy"])
        else:
            assert square is not None
            size = float(square.attrib["width"]), float(square.attrib["height"])
            at = (
                float(square.attrib["x"]) + size[0] / 2,
                float(square.attrib["y"]) + size[1] / 2,
            )
        found.append((group.attrib["class"], *at))
    return found


def ticks(
    picture: ElementTree.Element,
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Place and number of what is written beside the axes: across, then up."""
    across, up = [], []
    for text in picture.findall("text[@class='tick']"):
        said = float((text.text or "").replace("$", "").replace(",", ""))
        if text.attrib["text-anchor"] == "middle":
            across.append((float(text.attrib["x"]), said))
        else:
            up.append((float(text.attrib["y"]) - 4, said))
    return across, up


def read(picture: ElementTree.Element, x: float, y: float) -> tuple[float, float]:
    """Cost and quality at a place, as somebody with a ruler reads them off the first and the last
    number of an axis.
    """
    across, up = ticks(picture)
    log = "logarithmic" in "".join(picture.itertext())
    (x0, low), (x1, high) = across[0], across[-1]
    share = (x - x0) / (x1 - x0)
    cost = low * (high / low) ** share if log else low + share * (high - low)
    (y0, least), (y1, most) = up[0], up[-1]
    return cost, least + (y - y0) / (y1 - y0) * (most - least)


def names(picture: ElementTree.Element) -> list[ElementTree.Element]:
    """The labels."""
    return [
        text
        for text in picture.findall("text")
        if text.get("class", "").startswith("name ")
    ]


def bars(picture: ElementTree.Element, kind: str) -> list[tuple[float, ...]]:
    """For each mark of a kind that has bars: x, top, bottom, left, y, right."""
    paths = [
        group.find("path")
        for group in picture.findall("g")
        if group.attrib["class"].startswith(kind)
    ]
    found = [
        re.findall(r"-?[\d.]+", path.attrib["d"]) for path in paths if path is not None
    ]
    return [tuple(map(float, numbers)) for numbers in found]


@pytest.mark.parametrize(
    "points",
    [WIDE, tuple((0.001 * k, 0.5 + 0.05 * k) for k in (1, 2, 4, 5))],
    ids=["logarithmic", "linear"],
)
def test_every_mark_stands_where_the_axes_say_that_its_numbers_are(
    points: tuple[tuple[float, float], ...],
) -> None:
    baseline = row(9, points[1][0] * 1.5, 0.4, name="baseline")
    picture = svg(study(points, baseline=baseline))
    found = [(kind, *read(picture, x, y)) for kind, x, y in marks(picture)]
    *line, below, winner = found
    assert [kind for kind, _, _ in found] == [
        *["frontier hollow"] * len(points),
        "baseline hollow",
        "winner filled",
    ]
    for (_, cost, quality), (true_cost, true_quality) in zip(line, points, strict=True):
        assert cost == pytest.approx(true_cost, rel=0.005)
        assert quality == pytest.approx(true_quality, abs=0.002)
    assert winner[1:] == (
        pytest.approx(points[-2][0], rel=0.005),
        pytest.approx(0.66, abs=0.002),
    )
    assert below[1:] == (
        pytest.approx(points[1][0] * 1.5, rel=0.005),
        pytest.approx(0.4, abs=0.002),
    )


def test_the_line_goes_through_the_frontier_from_the_cheapest_on() -> None:
    for report in (study(), study(frontier=study().frontier[::-1])):
        picture = svg(report)
        (line,) = picture.findall("polyline")
        through = [
            tuple(map(float, point.split(",")))
            for point in line.attrib["points"].split()
        ]
        assert through == [
            (x, y) for kind, x, y in marks(picture) if kind.startswith("frontier")
        ]
        assert through == sorted(through)


def test_bars_are_the_intervals_and_one_configuration_has_them_once() -> None:
    picture = svg(study())
    ((x, top, bottom, left, y, right),) = bars(picture, "winner")
    assert read(picture, x, top)[1] == pytest.approx(0.75, abs=0.002)
    assert read(picture, x, bottom)[1] == pytest.approx(0.57, abs=0.002)
    assert read(picture, left, y)[0] == pytest.approx(0.00027, rel=0.01)
    assert read(picture, right, y)[0] == pytest.approx(0.00033, rel=0.01)
    assert len(bars(picture, "frontier")) == len(WIDE) - 1, (
        "the winner's are drawn at its own mark"
    )


def test_a_bar_without_an_end_stops_at_the_edge_of_the_chart() -> None:
    endless = Interval(0.5, -math.inf, math.inf, 1)
    free = Interval(0.0005, 0.0, math.inf, 1)
    picture = svg(study(baseline=replace(BASELINE, holdout=endless, cost=free)))
    ((_, top, bottom, left, _, right),) = bars(picture, "baseline")
    assert (left, top, right, bottom) == (LEFT, TOP, RIGHT, BOTTOM)


@pytest.mark.parametrize(
    ("dearest", "log"), [(9.9, False), (10.0, True), (1000.0, True)]
)
def test_the_axis_is_logarithmic_where_costs_differ_tenfold_and_says_so(
    dearest: float, log: bool
) -> None:
    points = ((0.0001, 0.5), (0.0001 * dearest, 0.8))
    text = chart(study(points, baseline=None))
    assert ("logarithmic scale" in text) is log
    assert (">$0<" in text) is not log
    assert ("from zero" in text) is not log


def test_a_configuration_that_costs_nothing_has_its_place_at_zero() -> None:
    picture = svg(study(((0.0, 0.5), (0.01, 0.8)), baseline=None))
    assert marks(picture)[0][1] == LEFT


def test_the_axes_have_their_units_and_the_metrics_direction() -> None:
    assert "exact_match (higher is better)" in chart(study())
    assert "exact_match (lower is better)" in chart(study(larger_is_better=False))
    assert "dollars per request" in chart(study())


# --- words


def test_who_cannot_see_it_hears_the_winner_the_baseline_and_the_ends_of_the_frontier() -> (
    None
):
    picture = svg(study())
    assert picture.attrib["role"] == "img"
    assert picture.attrib["aria-labelledby"].split() == [
        picture[0].attrib["id"],
        picture[1].attrib["id"],
    ]
    assert (picture[0].tag, picture[1].tag) == ("title", "desc")
    said = picture[1].text or ""
    assert (
        "winner: m3, prompt few, temperature 0.2, n 1, max_tokens 16; 0.660 on 120 holdout examples"
        in said
    )
    assert (
        "baseline: small, prompt plain, temperature 1, n 1, max_tokens 16; 0.580 on 120 holdout "
        "examples" in said
    )
    assert (
        "5 configurations, from the cheapest to the dearest: 0.300 at $0.00001, then 0.830 at "
        "$0.0012." in said
    )
    assert "5 configurations" not in (svg(study(frontier=()))[1].text or "")


def test_whoever_points_at_a_mark_reads_what_it_is() -> None:
    said = [group.findtext("title") or "" for group in svg(study()).findall("g")]
    assert said[0] == (
        "frontier: m0, prompt few, temperature 0.2, n 1, max_tokens 16; 0.300 on 100 tuning "
        "examples "
        "(95 % interval 0.200 to 0.400), at $0.00001 per request"
    )


def test_a_mark_is_filled_where_it_was_measured_on_holdout_examples() -> None:
    kinds = [kind for kind, _, _ in marks(svg(study()))]
    assert kinds[-2:] == ["baseline filled", "winner filled"]
    winner = replace(study().winner or WINNER, holdout=None)
    assert marks(svg(study(winner=winner)))[-1][0] == "winner hollow"


def test_a_winner_that_is_the_baseline_is_marked_once_and_named_both() -> None:
    report = study()
    assert report.winner is not None
    picture = svg(replace(report, baseline=replace(report.winner, name="baseline")))
    assert [text.text for text in names(picture)] == ["winner and baseline"]
    assert (
        sum(kind.startswith(("winner", "baseline")) for kind, _, _ in marks(picture))
        == 1
    )


def boxes(picture: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    """Around each label, as wide as bold letters of 13 units are on average."""
    found = []
    for text in names(picture):
        x, y = float(text.attrib["x"]), float(text.attrib["y"])
        found.append((x, y - 10, x + 7.2 * len(text.text or ""), y + 2))
    return found


def crowd(seed: int) -> tuple[tuple[float, float], ...]:
    """A frontier of two dozen."""
    luck, cost, quality, points = random.Random(seed), 1e-6, 0.3, []
    for _ in range(24):
        cost, quality = (
            cost * luck.uniform(1.05, 1.6),
            quality + luck.uniform(0.005, 0.04),
        )
        points.append((cost, min(quality, 0.99)))
    return tuple(points)


@pytest.mark.parametrize(
    "points", [WIDE, *map(crowd, range(12))], ids=["few", *map(str, range(12))]
)
@pytest.mark.parametrize("times", [0.03, 0.7, 0.85, 0.9, 1.0, 1.1, 4.0])
def test_the_names_of_two_that_are_alike_do_not_cover_each_other_or_a_mark(
    points: tuple[tuple[float, float], ...], times: float
) -> None:
    for quality in (0.2, 0.55, 0.62, 0.64, 0.66, 0.68, 0.9):
        picture = svg(study(points, baseline=row(9, points[-2][0] * times, quality)))
        one, two = boxes(picture)
        assert one[2] < two[0] or two[2] < one[0] or one[3] < two[1] or two[3] < one[1]
        for box in (one, two):
            assert LEFT <= box[0] <= box[2] <= RIGHT
            assert TOP - 8 <= box[1] <= box[3] <= BOTTOM
            for kind, x, y in marks(picture):
                if not kind.startswith("frontier"):
                    assert not (
                        box[0] < x + 6
                        and x - 6 < box[2]
                        and box[1] < y + 6
                        and y - 6 < box[3]
                    )


# --- nothing to show


@pytest.mark.parametrize(
    "report",
    [
        EMPTY,
        replace(EMPTY, baseline=BASELINE),
        whole(winner=WINNER, baseline=None, frontier=(WINNER,)),
        whole(
            winner=WINNER, baseline=replace(WINNER, name="baseline"), frontier=(WINNER,)
        ),
        whole(winner=replace(WINNER, cost=None), baseline=BASELINE, frontier=()),
        study(((0.0, 0.4), (0.0, 0.5)), baseline=None),
        study(((math.inf, 0.4), (math.nan, 0.5), (0.1, math.nan)), baseline=None),
    ],
    ids=[
        "nothing",
        "only a baseline",
        "one config",
        "it is the baseline",
        "no costs",
        "all is free",
        "no numbers",
    ],
)
def test_nothing_is_drawn_where_there_are_not_two_to_compare(report: Report) -> None:
    assert chart(report) == ""


def test_without_a_winner_or_a_baseline_the_frontier_is_still_drawn() -> None:
    picture = svg(study(winner=None, baseline=None))
    assert len(marks(picture)) == len(WIDE)
    assert names(picture) == []


def test_without_a_frontier_winner_and_baseline_are_still_drawn() -> None:
    picture = svg(study(frontier=()))
    assert len(marks(picture)) == 2
    assert picture.findall("polyline") == []


# --- any numbers, any words

numbers = st.floats(-1000, 1000)
costs = st.one_of(st.just(0.0), st.floats(1e-9, 1000))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(costs, numbers), min_size=2, max_size=12),
    st.floats(0, 100),
    st.integers(0, 11),
)
def test_whatever_the_numbers_everything_stays_inside(
    points: list[tuple[float, float]], reach: float, won: int
) -> None:
    rows = [
        row(k, cost, quality, tuning=interval(quality, reach))
        for k, (cost, quality) in enumerate(points)
    ]
    winner, baseline = rows[won % len(rows)], rows[(won + 1) % len(rows)]
    report = study(frontier=tuple(rows), winner=winner, baseline=baseline)
    if max(cost for cost, _ in points) == 0:
        assert chart(report) == ""
        return
    assert not re.search(r"\b(nan|inf)\b", chart(report))
    picture = svg(report)
    assert len(marks(picture)) == len(rows) + 2
    for _, x, y in marks(picture):
        assert LEFT <= x <= RIGHT
        assert TOP <= y <= BOTTOM
    for left, top, right, bottom in boxes(picture):
        assert LEFT <= left < right <= RIGHT
        assert TOP - 12 <= top < bottom <= BOTTOM
    for axis in ticks(picture):
        assert 2 <= len(axis) <= MOST_TICKS + 1


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_are_only_words_in_it(text: str) -> None:
    evil = config(model=text or "m", prompt=text or "p", effort=text)
    report = study(
        winner=replace(WINNER, config=evil),
        frontier=(*study().frontier, replace(WINNER, config=evil)),
        provenance=provenance(metric=text or "m"),
    )
    assert {part.tag for part in svg(report).iter()} <= {
        "svg",
        "title",
        "desc",
        "path",
        "text",
        "polyline",
        "g",
        "circle",
        "rect",
    }
    chart(report).encode("utf-8")


def test_a_long_name_is_cut() -> None:
    report = study(
        provenance=provenance(metric="m" * 5000),
        winner=replace(WINNER, config=config(model="x" * 5000)),
    )
    assert len(chart(report)) < 12_000
