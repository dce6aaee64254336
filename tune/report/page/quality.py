"""The section of the page on quality against cost: every reading, the frontier, other limits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tune.pricing.amounts import dollars
from tune.report.amount import Amount, amount_of
from tune.report.headline import evidence
from tune.report.page.plot import Frame, frame
from tune.report.records import Report, ReportConfig
from tune.report.search_section import frontier_section
from tune.report.text import describe_config, exact_seconds, number
from tune.stats.intervals import Interval

CAPTION = (
    "Each small dot is a configuration that was read from the draws, by its tuning estimate. The "
    "line is the frontier: no configuration on it but the winner is beaten in both. Filled marks "
    "were measured on holdout examples, hollow ones on tuning examples, which flatter. Bars are "
    "95 % intervals."
)


@dataclass(frozen=True, slots=True)
class Mark:
    """One configuration with a mark and intervals.

    Attributes:
        kind: "winner", "baseline" or "frontier".
        row: the configuration.
        quality: that is drawn.
        cost: dollars or seconds.
        said: all of it in words.
        reading: its place in the list of readings, or None.
    """

    kind: str
    row: ReportConfig
    quality: Interval
    cost: Interval
    said: str
    reading: int | None

    @property
    def filled(self) -> bool:
        """True if the quality was measured on holdout examples."""
        return self.quality is self.row.holdout


def quality(report: Report) -> dict[str, Any] | None:
    """Return the chart, the limits and the frontier; None where nothing has a cost."""
    marks = _marks(report)
    dots = _dots(report)
    frontier = frontier_section(report)
    drawn = None
    # One mark is no comparison, and without a cost there is no axis.
    if len({mark.row.config for mark in marks}) + len(dots) > 1:
        drawn = _drawn(report, marks, dots)
    if drawn is None and not frontier:
        return None
    return {
        "drawn": drawn,
        "frontier": frontier,
        "limits": limit_data(report),
        "limit_scales": _limit_scales(report),
    }


def _drawn(
    report: Report, marks: list[Mark], dots: list[tuple[int, float, float]]
) -> dict[str, Any] | None:
    """Return the chart; None if nothing costs anything."""
    amount = amount_of(report)
    costs = [mark.cost.mean for mark in marks] + [cost for _, cost, _ in dots]
    if not costs or max(costs) <= 0:
        return None
    qualities = [score for _, _, score in dots]
    for mark in marks:
        qualities += [mark.quality.mean, mark.quality.low, mark.quality.high]
    better = "higher is better" if report.larger_is_better else "lower is better"
    shown = frame(
        "quality",
        CAPTION,
        costs,
        qualities,
        across_title=f"{amount.unit} per request",
        up_title=f"{report.provenance.metric} ({better})",
        said=amount.said,
        log=True,
    )
    line = []
    for mark in marks:
        if mark.kind == "frontier":
            line.append((mark.cost.mean, mark.quality.mean))
    return {
        "frame": shown,
        "dots": [(k, shown.x(cost), shown.y(score)) for k, cost, score in dots],
        "line": shown.line(line) if len(line) > 1 else "",
        "marks": [_placed(mark, shown) for mark in marks],
        "words": _words(report, marks, amount),
        "kind": amount.name,
    }


def _placed(mark: Mark, shown: Frame) -> dict[str, Any]:
    x, y = shown.x(mark.cost.mean), shown.y(mark.quality.mean)
    return {
        "mark": mark,
        "x": x,
        "y": y,
        "left": shown.x(mark.cost.low),
        "right": shown.x(mark.cost.high),
        "top": shown.y(mark.quality.high),
        "bottom": shown.y(mark.quality.low),
        # A name beside the right edge would be cut.
        "before": x > 60,
    }


def _words(report: Report, marks: list[Mark], amount: Amount) -> str:
    """Describe the chart for screen readers."""
    said = [mark.said for mark in marks if mark.kind != "frontier"]
    line = [mark for mark in marks if mark.kind == "frontier"]
    if line:
        ends = []
        for mark in (line[0], line[-1]):
            cost = amount.said(mark.cost.mean)
            ends.append(f"{number(mark.quality.mean)} at {cost}")
        said.append(
            f"The frontier has {len(line)} configurations, from {' to '.join(ends)}"
        )
    return f"{'. '.join(said)}. {len(report.search.readings):,} readings."


def _marks(report: Report) -> list[Mark]:
    """Return the marks: the frontier from the cheapest on, the baseline, then the winner."""
    amount = amount_of(report)
    found = []
    for row in report.frontier:
        found.append(_mark(report, amount, "frontier", row, row.quality))
    baseline = None if report.winner_is_baseline else report.baseline
    for kind, named in (("baseline", baseline), ("winner", report.winner)):
        if named is not None:
            found.append(_mark(report, amount, kind, named, named.quality))
    known = [mark for mark in found if mark is not None]
    order = ("frontier", "baseline", "winner")
    return sorted(known, key=lambda mark: (order.index(mark.kind), mark.cost.mean))


def _mark(
    report: Report,
    amount: Amount,
    kind: str,
    row: ReportConfig,
    shown: Interval | None,
) -> Mark | None:
    cost = amount.of(row)
    if shown is None or cost is None:
        return None
    # An infinite bar is cut at the edge; an infinite mean has no place, and NaN cannot be drawn.
    limits = (shown.low, shown.high, cost.low, cost.high)
    if any(map(math.isnan, limits)):
        return None
    if not math.isfinite(shown.mean) or not math.isfinite(cost.mean):
        return None
    on_holdout = shown is row.holdout
    known = evidence(shown, holdout=on_holdout)
    if row.few and not on_holdout:
        known += " (few)"
    name = kind
    if kind == "winner" and report.winner_is_baseline:
        name = "winner and baseline"
    said = (
        f"{name}: {describe_config(row.config)}; {known}, at {amount.said(cost.mean)} per "
        "request"
    )
    return Mark(kind, row, shown, cost, said, reading_of(report, row))


def reading_of(report: Report, row: ReportConfig) -> int | None:
    """Return the place of a configuration in the list of readings; None if it is not there."""
    config = row.config
    for place, reading in enumerate(report.search.readings):
        if reading.trial != row.trial:
            continue
        known = (reading.n, reading.aggregate, reading.max_tokens)
        if known == (config.n, config.aggregate, config.max_tokens):
            return place
    return None


def _dots(report: Report) -> list[tuple[int, float, float]]:
    """Return the place, the cost and the quality of each reading."""
    timed = amount_of(report).timed
    found = []
    for place, reading in enumerate(report.search.readings):
        cost = reading.seconds if timed else reading.cost
        if cost is not None and math.isfinite(reading.quality):
            found.append((place, cost, reading.quality))
    return found


def limit_data(report: Report) -> list[dict[str, Any]]:
    """Return the selections under other limits, for the sliders."""
    found = []
    for choice in report.search.limits:
        cost, seconds = "unknown", "unknown"
        if choice.cost is not None:
            cost = dollars(choice.cost)
        if choice.seconds is not None:
            seconds = exact_seconds(choice.seconds)
        row = ReportConfig("limit", choice.config, choice.trial)
        found.append(
            {
                "limits": {"cost": choice.max_cost, "seconds": choice.max_seconds},
                "config": describe_config(choice.config),
                "score": evidence(choice.quality, holdout=False),
                "cost": cost,
                "seconds": seconds,
                "keeps": choice.keeps,
                "trial": choice.trial,
                "reading": reading_of(report, row),
            }
        )
    return found


def _limit_scales(report: Report) -> list[dict[str, Any]]:
    """Return the limits of each slider, the smallest first, and the place of the study's own."""
    costs = dict.fromkeys(choice.max_cost for choice in report.search.limits)
    seconds = dict.fromkeys(choice.max_seconds for choice in report.search.limits)
    scales = (
        ("cost", costs, report.max_cost, dollars),
        ("seconds", seconds, report.max_seconds, exact_seconds),
    )
    found = []
    for kind, limits, own, said in scales:
        values = list(limits)
        # No limit is no choice: a slider needs one beside it.
        if len(values) > 1:
            shown = ["no limit" if one is None else said(one) for one in values]
            found.append(
                {
                    "kind": kind,
                    "values": values,
                    "shown": shown,
                    "own": values.index(own) if own in values else len(values) - 1,
                }
            )
    return found
