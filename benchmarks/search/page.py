"""The page of `benchmarks/search/`: what was promised, each kept or not, and the tables behind
it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.honesty.section import tabled
from benchmarks.search.claims import KIND_NAMES, losses, make_claims, said_share
from benchmarks.search.numbers import dollars_within, mean
from benchmarks.search.plot import Lines, plot
from benchmarks.search.report import CLOSE, Report, percent, points, share_close

COST_HEADS = {
    "limited": """## Under a limit on cost

A request may cost at most what the median config costs. The share of runs whose choice keeps to that in truth, and the
mean regret of those runs against the best config that does.""",
    "cheapest": """## The cheapest that is good enough

Good enough is a score of at most 5 points below the best. The share of runs whose choice is that good in truth, and by
how much more than the cheapest such config it costs in these runs. Rivals choose the cheapest of what they measured as
good enough.""",
    "frontier": """## The best at every cost

The mean regret over eight limits on cost, of the row that a user with that limit takes from the frontier. Rivals'
frontiers are made of what they measured, by the same rule as ours.""",
}


def page(report: Report, head: str, plots: Mapping[str, str]) -> str:
    """The whole page in Markdown.

    Args:
        report: the runs.
        head: how it was made.
        plots: file names of the plots, by kind.
    """
    claims = "\n".join(
        f"- {'yes' if c.holds else '**NO**'}: {c.text}" for c in make_claims(report)
    )
    parts = [
        "# The most quality per dollar",
        head,
        claims,
        *_side_by_side(report, plots),
        _losses(report),
        *(_by_cost(report, setting) for setting in COST_HEADS),
        _within(report),
        _halves(report),
        _ablations(report),
        _seconds(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def draw(report: Report, kind: str) -> str:
    """Mean regret against units, a panel for each group, as SVG."""
    panels: dict[str, Lines] = {}
    for title, worlds in report.groups().items():
        lines = {}
        for name in report.methods(kind):
            means = [
                (units, report.mean_regret(worlds, name, kind, units))
                for units in report.units
            ]
            lines[report.labels[name]] = [one for one in means if not np.isnan(one[1])]
        if any(lines.values()):
            panels[title] = lines
    return plot(
        panels,
        first=report.labels[report.ours],
        x_name="units",
        y_name="mean regret, points",
    )


# --- side by side


def _side_by_side(report: Report, plots: Mapping[str, str]) -> list[str]:
    parts = []
    for kind, said in KIND_NAMES.items():
        if not report.methods(kind):
            continue
        parts.append(f"## Side by side: {said}")
        if kind in plots:
            parts.append(f"![Mean regret against units]({plots[kind]})")
        for title, worlds in report.groups().items():
            if not report.held(worlds, report.ours, kind, report.units[0]):
                continue
            chosen = len(worlds) == 1 and worlds[0] not in report.reported
            mark = " (settings chosen on it)" if chosen else ""
            parts.append(f"### {title}{mark}")
            parts.append(_compared(report, worlds, kind))
            parts.append(_described(report, worlds, kind))
    return parts


def _compared(
    report: Report, worlds: Sequence[str], kind: str, setting: str = "plain"
) -> str:
    """Return a table of mean regrets and paired differences."""
    heads = ["method", *(f"mean regret at {u:g}" for u in report.units)]
    heads += [f"behind ours at {u:g}" for u in report.units]
    rows = []
    for name in report.methods(kind, setting):
        means = [
            points(report.mean_regret(worlds, name, kind, units, setting))
            for units in report.units
        ]
        gaps = [
            _said(report, worlds, name, kind, units) if mean_ else ""
            for units, mean_ in zip(report.units, means, strict=True)
        ]
        rows.append([_named(report, worlds, name, kind), *means, *gaps])
    return tabled(heads, rows)


def _described(report: Report, worlds: Sequence[str], kind: str) -> str:
    """Return a table of medians, shares close to the best, and money that was left."""
    heads = ["method", *(f"median regret at {u:g}" for u in report.units)]
    heads += [f"within {CLOSE:g} point at {u:g}" for u in report.units]
    heads += [f"unspent at {u:g}" for u in report.units]
    rows = []
    for name in report.methods(kind):
        medians, close, unspent = [], [], []
        for units in report.units:
            held = report.held(worlds, name, kind, units)
            medians.append(
                str(report.median_regret(worlds, name, kind, units)) if held else ""
            )
            close.append(percent(share_close(held)) if held else "")
            unspent.append(
                percent(float(np.mean([run.unspent for run in held]))) if held else ""
            )
        rows.append([_named(report, worlds, name, kind), *medians, *close, *unspent])
    return tabled(heads, rows)


def _named(report: Report, worlds: Sequence[str], name: str, kind: str) -> str:
    """A method for people, with its seeds and worlds where it was run with fewer than ours."""
    seeds: dict[str, set[int]] = {name: set(), report.ours: set()}
    there: dict[str, set[str]] = {name: set(), report.ours: set()}
    for task in report.found:
        plain = (task.kind, task.setting) == (kind, "plain") and task.world in worlds
        if plain and task.method in seeds:
            seeds[task.method].add(task.seed)
            there[task.method].add(task.world)
    marks = []
    if len(seeds[name]) < len(seeds[report.ours]):
        marks.append(f"{len(seeds[name])} seeds")
    if len(there[name]) < len(there[report.ours]):
        marks.append(f"{len(there[name])} of {len(there[report.ours])} worlds")
    return report.labels[name] + (f" ({', '.join(marks)})" if marks else "")


def _said(
    report: Report,
    worlds: Sequence[str],
    name: str,
    kind: str,
    units: float,
    setting: str = "plain",
) -> str:
    if name == report.ours:
        return ""
    gap = report.behind(worlds, name, kind, units, setting)
    if np.isnan(gap.value):
        return ""
    verdict = {
        "clearly better": "ours clearly better",
        "clearly worse": "**ours clearly worse**",
    }
    return f"{gap}, {verdict.get(gap.verdict, gap.verdict)}"


def _losses(report: Report) -> str:
    lines = [f"- {text}" for kind in KIND_NAMES for text in losses(report, kind)]
    said = (
        "Rivals with less regret than ours on average, by how many points (negative: ours is "
        "behind)."
    )
    return f"## Where we lose\n\n{said}\n\n" + ("\n".join(lines) or "Nowhere.")


# --- the other settings


def _by_cost(report: Report, setting: str) -> str:
    """Return the section of a goal or a limit that has to do with cost."""
    names = report.methods("read", setting)
    if not names:
        return ""
    budgets = [
        units
        for units in report.units
        if report.held(report.everything, report.ours, "read", units, setting)
    ]
    rows = []
    for title, worlds in report.groups().items():
        for name in names:
            cells, gaps = [], []
            for units in budgets:
                cells.append(_cost_cell(report, worlds, name, units, setting))
                gap = ""
                if setting == "frontier":
                    gap = _said(report, worlds, name, "read", units, setting)
                gaps.append(gap)
            if any(cells):
                shown = cells + (gaps if setting == "frontier" else [])
                rows.append([title, report.labels[name], *shown])
    heads = ["worlds", "method", *(f"at {units:g} units" for units in budgets)]
    if setting == "frontier":
        heads += [f"behind ours at {units:g}" for units in budgets]
    return f"{COST_HEADS[setting]}\n\n{tabled(heads, rows)}"


def _cost_cell(
    report: Report, worlds: Sequence[str], name: str, units: float, setting: str
) -> str:
    held = report.held(worlds, name, "read", units, setting)
    if not held:
        return ""
    if setting == "frontier":
        return points(report.mean_regret(worlds, name, "read", units, setting))
    kept = [run for run in held if run.feasible]
    share = percent(len(kept) / len(held))
    if not kept:
        return share
    if setting == "limited":
        return f"{share}, {mean([run.regret for run in kept])}"
    return f"{share}, {100 * float(np.median([run.excess for run in kept])):+.0f} %"


def _within(report: Report) -> str:
    rows = []
    for title, (world,) in report.single().items():
        shares = [
            dollars_within(report.found, world, report.ours, limit, report.exhausting)
            for limit in (3.0, 2.0, CLOSE)
        ]
        rows.append([title, str(report.points[world]), *map(said_share, shares)])
    said = (
        "Exhausting buys every paid point's draws, as many as the largest n takes, once on the "
        "tuning examples."
    )
    return f"## Dollars, as a share of exhausting\n\n{said}\n\n" + tabled(
        ("world", "paid points", "within 3 points of regret", "within 2", "within 1"),
        rows,
    )


def _halves(report: Report) -> str:
    rows = []
    for title, worlds in report.groups().items():
        for name in report.methods("read", "halves"):
            means = [
                points(report.mean_regret(worlds, name, "read", units, "halves"))
                for units in report.units
            ]
            if any(means):
                rows.append([title, report.labels[name], *means])
    if not rows:
        return ""
    said = """Tuning examples come from one half of a world's examples, and the truth is what a config is worth on the
other half. The best config there is partly the best by chance, so regrets are larger than above for every method."""
    heads = (
        "worlds",
        "method",
        *(f"mean regret at {units:g}" for units in report.units),
    )
    return f"## Held-out halves\n\n{said}\n\n" + tabled(heads, rows)


def _ablations(report: Report) -> str:
    there = [
        name
        for name in report.ablations
        if any(task.method == name for task in report.found)
    ]
    if not there:
        return ""
    ran = [task for task in report.found if task.method in there]
    budgets = [
        units for units in report.units if any(task.units == units for task in ran)
    ]
    rows = []
    for title, worlds in report.groups().items():
        for name in there:
            means = [
                points(report.mean_regret(worlds, name, "read", units))
                for units in budgets
            ]
            gaps = [_said(report, worlds, name, "read", units) for units in budgets]
            if any(means):
                rows.append([title, report.labels[name], *means, *gaps])
    heads = ["worlds", "ours", *(f"mean regret at {u:g}" for u in budgets)]
    heads += [f"behind the whole at {u:g}" for u in budgets]
    said = (
        f"In {len({task.seed for task in ran})} seeds. A part that brings nothing clear in them "
        "may still bring some."
    )
    return f"## What each part brings\n\n{said}\n\n" + tabled(heads, rows)


def _seconds(report: Report) -> str:
    rows = []
    for name in report.labels:
        own = [run for task, run in report.found.items() if task.method == name]
        if own:
            middle = 1000 * float(np.median([run.median_seconds for run in own]))
            late = 1000 * float(np.quantile([run.worst_seconds for run in own], 0.95))
            worst = max(run.worst_seconds for run in own)
            trials = max(run.trials for run in own)
            rows.append(
                [
                    report.labels[name],
                    f"{middle:.1f} ms",
                    f"{late:.0f} ms",
                    f"{worst:.2f} s",
                    f"{trials}",
                ]
            )
    said = (
        "Processor time between what came back and the next wave, the readings aside."
    )
    heads = (
        "method",
        "median step",
        "a run's slowest step: 95 % of runs below",
        "slowest of all",
        "most trials",
    )
    return f"## Seconds of computing\n\n{said}\n\n" + tabled(heads, rows)
