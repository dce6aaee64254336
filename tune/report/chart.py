"""Quality against cost as one inline SVG: the frontier, the winner and the baseline.

It is drawn by hand, because two axes, a line and a few marks need no library. The page's style
sets colours and widths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from tune.report.amount import Amount, amount_of
from tune.report.chart_scale import Scale, linear, logarithmic
from tune.report.headline import evidence
from tune.report.records import Report, ReportConfig
from tune.report.text import describe_config
from tune.safety.escape import visible
from tune.stats.intervals import Interval

WIDTH, HEIGHT = 640, 380
LEFT, RIGHT, TOP, BOTTOM = 56, 600, 34, 324
"""The page's units, and where the plot ends on each side."""

_LETTER, _LINE = (
    7.6,
    15.0,
)  # the room that one letter of a label takes at most, and one line of it

CAPTION = (
    "Quality against {amount}. The line is the frontier, as it is estimated on tuning examples, "
    "which "
    "flatters it; its small marks rest on few examples. A filled mark was measured on holdout "
    "examples, a hollow one "
    "on tuning examples; bars are 95 % intervals, cut at the edge of the chart."
)


@dataclass(frozen=True, slots=True)
class Mark:
    """One configuration in the chart.

    Attributes:
        name: "winner", "baseline", "baseline (assumed)" or "winner and baseline"; or "frontier",
            which has no label.
        row: the configuration and what is known of it.
        quality: the quality that is drawn, in the metric's own scale.
        cost: dollars per request, or seconds.
        amount: the unit of the cost.
    """

    name: str
    row: ReportConfig
    quality: Interval
    cost: Interval
    amount: Amount

    @property
    def on_holdout(self) -> bool:
        """True if the quality was measured on holdout examples."""
        return self.quality is self.row.holdout

    @property
    def said(self) -> str:
        """All of it in words, not escaped."""
        known = evidence(self.quality, holdout=self.on_holdout)
        few = " (few)" if self.row.few else ""
        return (
            f"{self.name}: {describe_config(self.row.config)}; {known}{few}, at "
            f"{self.amount.said(self.cost.mean)} per request"
        )


Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""


def chart(report: Report) -> str:
    """Return the chart as an HTML figure; "" unless two configurations have a cost to compare."""
    amount = amount_of(report)
    line = [
        mark
        for row in report.frontier
        for mark in _mark(amount, "frontier", row, row.tuning)
    ]
    # The polyline connects the marks in this order.
    line.sort(key=lambda mark: mark.cost.mean)
    named = _named(report)
    marks = [*line, *named]
    costs = [mark.cost.mean for mark in marks]
    # One mark is no comparison, and without a cost there is no axis.
    if len({mark.row.config for mark in marks}) < 2 or max(costs) <= 0:
        return ""
    # The axis must hold the bars, not only the marks.
    limits = [
        y
        for mark in marks
        for y in (mark.quality.mean, mark.quality.low, mark.quality.high)
    ]
    # Costs that differ by a factor of ten would crowd at the left edge of a linear axis.
    across = (logarithmic if 0 < 10 * min(costs) <= max(costs) else linear)(
        [*costs, 0.0], LEFT, RIGHT
    )
    up = linear([y for y in limits if math.isfinite(y)], BOTTOM, TOP)
    # A configuration with a named mark gets its bars there, not twice.
    shown = {mark.row.config for mark in named}
    drawing = [
        *_axes(report, across, up),
        _polyline(line, across, up),
        *(_drawn(mark, across, up, bars=mark.row.config not in shown) for mark in line),
        *(_drawn(mark, across, up, bars=True) for mark in named),
        *_labels(line, named, across, up),
    ]
    labels = "chart-title chart-desc"
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{labels}">'
    title = f'<title id="chart-title">Quality against {amount.per_request}</title>'
    words = f'<desc id="chart-desc">{_plain(_in_words(line, named), limit=2000)}</desc>'
    svg = "\n".join([head, title, words, *(part for part in drawing if part), "</svg>"])
    caption = CAPTION.format(amount=amount.per_request)
    return f"<figure>\n{svg}\n<figcaption>{caption}</figcaption>\n</figure>\n"


def _mark(
    amount: Amount, name: str, row: ReportConfig | None, quality: Interval | None
) -> list[Mark]:
    """The mark of a row, where its quality and cost are known."""
    cost = amount.of(row) if row is not None else None
    if row is None or quality is None or cost is None:
        return []
    # An infinite bar is cut at the edge; a NaN cannot be drawn.
    limits = (quality.low, quality.high, cost.low, cost.high)
    known = (
        math.isfinite(quality.mean)
        and math.isfinite(cost.mean)
        and not any(map(math.isnan, limits))
    )
    return [Mark(name, row, quality, cost, amount)] if known else []


def _named(report: Report) -> list[Mark]:
    """Return the marks with a label: the baseline, then the winner on top of it."""
    winner, baseline, amount = report.winner, report.baseline, amount_of(report)
    if report.winner_is_baseline:
        return _mark(
            amount, "winner and baseline", winner, winner.quality if winner else None
        )
    below = _mark(
        amount,
        baseline.name if baseline else "",
        baseline,
        baseline.quality if baseline else None,
    )
    return [
        *below,
        *_mark(amount, "winner", winner, winner.quality if winner else None),
    ]


def _in_words(line: Sequence[Mark], named: Sequence[Mark]) -> str:
    """Describe the chart for screen readers."""
    said = [f"{mark.said}." for mark in named]
    if line:
        # A list of all marks would be too long to listen to.
        ends = [line[0], line[-1]] if len(line) > 1 else [line[0]]
        places = ", then ".join(
            f"{mark.quality.mean:.3f} at {mark.amount.said(mark.cost.mean)}"
            for mark in ends
        )
        order = (
            "from the fastest to the slowest"
            if line[0].amount.timed
            else "from the cheapest to the dearest"
        )
        said.append(f"The frontier has {len(line)} configurations, {order}: {places}.")
    return " ".join(said)


# --- the parts of the drawing


def _axes(report: Report, across: Scale, up: Scale) -> list[str]:
    """Lines behind the plot, their numbers, and what each axis is."""
    parts, amount = [], amount_of(report)
    for value in up.ticks:
        y = up.place(value)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{RIGHT}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" '
            f'text-anchor="end">{up.shown(value)}</text>'
        )
    for value in across.ticks:
        x = across.place(value)
        parts.append(f'<path class="grid" d="M{x:.1f} {TOP}V{BOTTOM}"/>')
        at = f'x="{x:.1f}" y="{BOTTOM + 20}" text-anchor="middle"'
        parts.append(f'<text class="tick" {at}>{amount.said(value)}</text>')
    better = "higher is better" if report.larger_is_better else "lower is better"
    kind = "logarithmic scale" if across.log else "from zero"
    parts.append(
        f'<text x="8" y="16">{_plain(report.provenance.metric, limit=60)} ({better})</text>'
    )
    middle = (LEFT + RIGHT) / 2
    parts.append(
        f'<text x="{middle:g}" y="{BOTTOM + 44}" text-anchor="middle">{amount.unit} per request, '
        f"{kind}</text>"
    )
    return parts


def _polyline(line: Sequence[Mark], across: Scale, up: Scale) -> str:
    points = " ".join(
        "{:.1f},{:.1f}".format(*_centre(mark, across, up)) for mark in line
    )
    return f'<polyline class="frontier" points="{points}"/>' if len(line) > 1 else ""


def _drawn(mark: Mark, across: Scale, up: Scale, *, bars: bool) -> str:
    """Draw a mark with its bars, and a tooltip."""
    x, y = _centre(mark, across, up)
    radius = (2 if mark.row.few else 4) if mark.name == "frontier" else 7
    shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>'
    if mark.name.startswith(
        "baseline"
    ):  # a shape of its own, so that colour is not all that tells it apart
        shape = f'<rect x="{x - 6.5:.1f}" y="{y - 6.5:.1f}" width="13" height="13"/>'
    left, top, right, bottom = _reach(mark, across, up)
    lines = (
        f'<path d="M{x:.1f} {top:.1f}V{bottom:.1f}M{left:.1f} {y:.1f}H{right:.1f}"/>'
        if bars
        else ""
    )
    kind = f"{mark.name.split()[0]} {'filled' if mark.on_holdout else 'hollow'}"
    return f'<g class="{kind}"><title>{_plain(mark.said)}</title>{lines}{shape}</g>'


def _centre(mark: Mark, across: Scale, up: Scale) -> tuple[float, float]:
    return across.place(mark.cost.mean), up.place(mark.quality.mean)


def _reach(mark: Mark, across: Scale, up: Scale) -> Box:
    """Return the box that the bars of a mark span."""
    cost, quality = mark.cost, mark.quality
    return (
        across.place(cost.low),
        up.place(quality.high),
        across.place(cost.high),
        up.place(quality.low),
    )


# --- labels


def _labels(
    line: Sequence[Mark], named: Sequence[Mark], across: Scale, up: Scale
) -> list[str]:
    """The names, each where it covers the least of what is drawn."""
    taken = _obstacles(line, named, across, up)
    parts = []
    for mark in named:
        # min keeps the first of equals, so places are tried in the order of `_places`.
        box = min(_places(mark, across, up), key=lambda box: _covered(box, taken))
        taken.append((_NAMED, box))
        at = f'x="{box[0] + 3:.1f}" y="{box[3] - 4:.1f}"'
        parts.append(
            f'<text class="name {mark.name.split()[0]}" {at}>{mark.name}</text>'
        )
    return parts


_NAMED, _OUTSIDE = 1_000, 100_000
"""What it weighs to cover another label or a mark that has one, and to leave the plot; all else
weighs 1.
"""


def _places(mark: Mark, across: Scale, up: Scale) -> list[Box]:
    """Return the places for a label: beside its mark, at its corners, above, below, farther off."""
    x, y = _centre(mark, across, up)
    wide, near = len(mark.name) * _LETTER + 6, 10.0
    starts = (x + near, x - near - wide)
    beside = [(left, y - _LINE / 2) for left in starts]
    above, below = y - near - _LINE, y + near
    corners = [(left, top) for top in (above, below) for left in starts]
    over = [(x - wide / 2, above), (x - wide / 2, below)]
    farther = [
        (left, top)
        for top in (above - _LINE, below + _LINE)
        for left in (*starts, x - wide / 2)
    ]
    return [
        (left, top, left + wide, top + _LINE)
        for left, top in (*beside, *corners, *over, *farther)
    ]


def _obstacles(
    line: Sequence[Mark], named: Sequence[Mark], across: Scale, up: Scale
) -> list[tuple[int, Box]]:
    """Return the weight and the box of each mark, each bar and each piece of the line."""
    boxes: list[tuple[int, Box]] = []
    for mark in (*line, *named):
        x, y = _centre(mark, across, up)
        left, top, right, bottom = _reach(mark, across, up)
        boxes.append((_NAMED if mark in named else 1, (x - 7, y - 7, x + 7, y + 7)))
        boxes += [(1, (x - 2, top, x + 2, bottom)), (1, (left, y - 2, right, y + 2))]
    for one, next_one in pairwise(line):
        (x0, y0), (x1, y1) = _centre(one, across, up), _centre(next_one, across, up)
        # A line has no box of its own, so small boxes along it stand in.
        for share in (k / 16 for k in range(17)):
            x, y = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
            boxes.append((1, (x - 1, y - 1, x + 1, y + 1)))
    return boxes


def _covered(box: Box, taken: Sequence[tuple[int, Box]]) -> int:
    """The weight of all that a label would cover."""
    left, top, right, bottom = box
    outside = left < LEFT or right > RIGHT or top < TOP - _LINE / 2 or bottom > BOTTOM
    met = (
        weight
        for weight, (x0, y0, x1, y1) in taken
        if x0 < right and left < x1 and y0 < bottom and top < y1
    )
    return _OUTSIDE * outside + sum(met)


def _plain(text: str, *, limit: int = 300) -> str:
    """Escape text for an element, and cut it at the limit."""
    text = visible(text)
    return escape(text if len(text) <= limit else text[: limit - 1] + "…")
