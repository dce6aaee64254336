"""The section of the page on the course of the run: dollars, the best so far, what was dropped."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tune.pricing.amounts import dollars
from tune.pricing.clock import format_duration
from tune.report.money_section import estimate_section, money_section
from tune.report.page.plot import frame
from tune.report.records import Report
from tune.report.text import count, describe_config, number


def course(report: Report) -> dict[str, Any]:
    """Return the charts of the run, its money, and what the estimate had said."""
    return {
        "spent": _spent(report),
        "best": _best(report),
        "calls": _calls(report),
        "dropped": _dropped(report),
        "waves": report.search.course.waves,
        "money": money_section(report),
        "estimate": estimate_section(report),
    }


def _spent(report: Report) -> dict[str, Any] | None:
    """Return the chart of dollars over time; None where nobody is billed, or with one call."""
    points = report.search.course.spent
    if len(points) < 2 or report.money.seconds is not None:
        return None
    seconds = points[-1].seconds
    unit, size = "seconds", 1.0
    if seconds > 300:
        unit, size = "minutes", 60.0
    times = [point.seconds / size for point in points]
    sums = [point.spent for point in points]
    shown = frame(
        "spent",
        f"Dollars over time: {count(report.search.course.calls, 'call')} in "
        f"{format_duration(seconds)}. Long pauses between runs are left out.",
        times,
        [0.0, *sums],
        across_title=f"{unit} since the first call",
        up_title="dollars spent",
        up_said=dollars,
    )
    return {
        "frame": shown,
        "line": shown.steps(list(zip(times, sums, strict=True))),
        "last": {"x": shown.x(times[-1]), "y": shown.y(sums[-1]), "spent": sums[-1]},
        "words": f"{dollars(sums[-1])} after {format_duration(seconds)}.",
    }


def _best(report: Report) -> dict[str, Any] | None:
    """Return the chart of the best configuration so far; None without two waves."""
    points = report.search.course.best
    if len(points) < 2 or points[-1].spent <= points[0].spent:
        return None
    sums = [point.spent for point in points]
    qualities = []
    for point in points:
        qualities += [point.quality.mean, point.quality.low, point.quality.high]
    shown = frame(
        "best",
        "The best configuration so far, by its tuning estimate with its 95 % interval. A step "
        "shows that more examples corrected the estimate, or that another one took the lead.",
        sums,
        qualities,
        across_title="dollars spent",
        up_title=report.provenance.metric,
        said=dollars,
    )
    placed = []
    for point in points:
        one = {
            "point": point,
            "x": shown.x(point.spent),
            "y": shown.y(point.quality.mean),
            "top": shown.y(point.quality.high),
            "bottom": shown.y(point.quality.low),
            "said": _leader(report, point.trial),
        }
        placed.append(one)
    line = [(point.spent, point.quality.mean) for point in points]
    last = points[-1]
    return {
        "frame": shown,
        "line": shown.steps(line),
        "points": placed,
        "words": (
            f"It ends with trial {last.trial} at {number(last.quality.mean)} after "
            f"{dollars(last.spent)}."
        ),
    }


def _leader(report: Report, number_of: int) -> str:
    for trial in report.trials:
        if trial.number == number_of:
            return f"trial {number_of}: {describe_config(trial.point)}"
    return f"trial {number_of}"


def _calls(report: Report) -> list[str]:
    """Return sentences on calls, refusals and reused draws."""
    course = report.search.course
    said = []
    if course.calls:
        sentence = f"{count(course.calls, 'call')} were sent"
        if course.refused:
            sentence += (
                f"; {course.refused:,} of them were refused at no cost, and most of these were "
                "sent again"
            )
        said.append(f"{sentence}.")
    if course.holdout > 0:
        said.append(
            f"The final test on holdout examples took {dollars(course.holdout)}."
        )
    if report.draws_reused:
        sentence = f"{count(report.draws_reused, 'draw')} were there from other studies and reused"
        if course.saved:
            sentence += f", which saved about {dollars(course.saved)}"
        said.append(f"{sentence}.")
    return said


def _dropped(report: Report) -> list[dict[str, Any]]:
    """Return the reasons why trials ended early, with the trials, the most frequent first."""
    reasons: Counter[str] = Counter()
    trials: dict[str, list[int]] = {}
    for trial in report.trials:
        if trial.state in ("stopped", "failed"):
            # Progress differs from trial to trial; what follows it is the reason.
            reason = trial.reason.rpartition("examples: ")[2] or str(trial.state)
            reasons[reason] += 1
            trials.setdefault(reason, []).append(trial.number)
    found = []
    for reason, size in reasons.most_common():
        found.append({"reason": reason, "count": size, "trials": trials[reason]})
    return found
