"""Quality against cost as one inline SVG: the frontier, the winner and the baseline.

It is drawn by hand, because two axes, a line and a few marks need no library. The page's style
sets colours and widths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from tune.report.amount import amount_of
from tune.report.chart_labels import labels
from tune.report.chart_plane import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Mark,
    Plane,
    mark,
)
from tune.report.chart_scale import linear, logarithmic
from tune.report.records import Report
from tune.safety.escape import visible

CAPTION = (
    "Quality against {amount}. The line is the frontier, as it is estimated on tuning examples, "
    "which flatters it; its small marks rest on few examples. A filled mark was measured on "
    "holdout examples, a hollow one on tuning examples; bars are 95 % intervals, cut at the edge "
    "of the chart."
)


def chart(report: Report) -> str:
    """Return the chart as an HTML figure; "" unless two configurations have a cost to compare."""
    line, named = _line(report), _named(report)
    marks = [*line, *named]
    shown = {mark.row.config for mark in marks}
    # One mark is no comparison, and without a cost there is no axis.
    if len(shown) < 2 or max(mark.cost.mean for mark in marks) <= 0:
        return ""
    plane = _plane(marks)
    # A configuration with a named mark gets its bars there, not twice.
    labelled = {mark.row.config for mark in named}
    drawing = _axes(report, plane)
    if len(line) > 1:
        drawing.append(_polyline(line, plane))
    for one in line:
        drawing.append(_drawn(one, plane, bars=one.row.config not in labelled))
    for one in named:
        drawing.append(_drawn(one, plane, bars=True))
    drawing += labels(line, named, plane)
    return _figure(report, _in_words(line, named), drawing)


def _figure(report: Report, words: str, drawing: Sequence[str]) -> str:
    amount = amount_of(report).per_request
    names = "chart-title chart-desc"
    # Screen readers tell the title and the description in place of the drawing.
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{names}">',
        f'<title id="chart-title">Quality against {amount}</title>',
        f'<desc id="chart-desc">{_plain(words, limit=2000)}</desc>',
        *drawing,
        "</svg>",
    ]
    svg = "\n".join(parts)
    caption = CAPTION.format(amount=amount)
    return f"<figure class='plane'>\n{svg}\n<figcaption>{caption}</figcaption>\n</figure>\n"


def _line(report: Report) -> list[Mark]:
    """Return the marks of the frontier, in the order in which the line connects them."""
    amount = amount_of(report)
    marks = [mark(amount, "frontier", row, row.tuning) for row in report.frontier]
    known = [one for one in marks if one is not None]
    return sorted(known, key=lambda one: one.cost.mean)


def _named(report: Report) -> list[Mark]:
    """Return the marks with a label: the baseline, then the winner on top of it."""
    amount = amount_of(report)
    wanted = [(report.baseline, ""), (report.winner, "winner")]
    if report.winner_is_baseline:
        wanted = [(report.winner, "winner and baseline")]
    marks = []
    for row, name in wanted:
        if row is not None:
            # A baseline may be called "baseline (assumed)".
            marks.append(mark(amount, name or row.name, row, row.quality))
    return [one for one in marks if one is not None]


def _plane(marks: Sequence[Mark]) -> Plane:
    """Return axes that hold all marks."""
    costs = [mark.cost.mean for mark in marks]
    # Costs that differ by a factor of ten would crowd at the left edge of a linear axis.
    across = linear([*costs, 0.0], LEFT, RIGHT)
    if 0 < 10 * min(costs) <= max(costs):
        across = logarithmic([*costs, 0.0], LEFT, RIGHT)
    # The quality's axis must hold the bars, not only the marks. An infinite bar is cut.
    qualities: list[float] = []
    for one in marks:
        limits = (one.quality.mean, one.quality.low, one.quality.high)
        qualities.extend(filter(math.isfinite, limits))
    return Plane(across, linear(qualities, BOTTOM, TOP))


def _in_words(line: Sequence[Mark], named: Sequence[Mark]) -> str:
    """Describe the chart for screen readers."""
    said = [f"{mark.said}." for mark in named]
    if line:
        said.append(_line_in_words(line))
    return " ".join(said)


def _line_in_words(line: Sequence[Mark]) -> str:
    # A list of all marks would be too long to listen to.
    ends = [line[0]]
    if len(line) > 1:
        ends.append(line[-1])
    places = []
    for one in ends:
        cost = one.amount.said(one.cost.mean)
        places.append(f"{one.quality.mean:.3f} at {cost}")
    order = "from the cheapest to the dearest"
    if line[0].amount.timed:
        order = "from the fastest to the slowest"
    return f"The frontier has {len(line)} configurations, {order}: {', then '.join(places)}."


# --- the parts of the drawing


def _axes(report: Report, plane: Plane) -> list[str]:
    """Return the lines behind the plot, their numbers, and the names of the axes."""
    parts, amount = [], amount_of(report)
    for value in plane.up.ticks:
        y = plane.up.place(value)
        at = f'x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end"'
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{RIGHT}"/>')
        parts.append(f'<text class="tick" {at}>{plane.up.shown(value)}</text>')
    for value in plane.across.ticks:
        x = plane.across.place(value)
        at = f'x="{x:.1f}" y="{BOTTOM + 20}" text-anchor="middle"'
        parts.append(f'<path class="grid" d="M{x:.1f} {TOP}V{BOTTOM}"/>')
        parts.append(f'<text class="tick" {at}>{amount.said(value)}</text>')
    better, kind = "lower is better", "from zero"
    if report.larger_is_better:
        better = "higher is better"
    if plane.across.log:
        kind = "logarithmic scale"
    metric = _plain(report.provenance.metric, limit=60)
    at = f'x="{(LEFT + RIGHT) / 2:g}" y="{BOTTOM + 44}" text-anchor="middle"'
    parts += [
        f'<text x="8" y="16">{metric} ({better})</text>',
        f"<text {at}>{amount.unit} per request, {kind}</text>",
    ]
    return parts


def _polyline(line: Sequence[Mark], plane: Plane) -> str:
    points = []
    for one in line:
        x, y = plane.centre(one)
        points.append(f"{x:.1f},{y:.1f}")
    return f'<polyline class="frontier" points="{" ".join(points)}"/>'


def _drawn(mark: Mark, plane: Plane, *, bars: bool) -> str:
    """Draw a mark with its bars, and a tooltip."""
    x, y = plane.centre(mark)
    lines = ""
    if bars:
        left, top, right, bottom = plane.reach(mark)
        lines = f'<path d="M{x:.1f} {top:.1f}V{bottom:.1f}M{left:.1f} {y:.1f}H{right:.1f}"/>'
    filled = "hollow"
    if mark.on_holdout:
        filled = "filled"
    title = f"<title>{_plain(mark.said)}</title>"
    return f'<g class="{mark.kind} {filled}">{title}{lines}{_shape(mark, x, y)}</g>'


def _shape(mark: Mark, x: float, y: float) -> str:
    # A square, so that colour alone does not tell the baseline apart.
    if mark.kind == "baseline":
        return f'<rect x="{x - 6.5:.1f}" y="{y - 6.5:.1f}" width="13" height="13"/>'
    radius = 7
    if mark.kind == "frontier":
        radius = 4
        if mark.row.few:
            radius = 2
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>'


def _plain(text: str, *, limit: int = 300) -> str:
    """Escape text for an element, and cut it at the limit."""
    text = visible(text)
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    return escape(text)
