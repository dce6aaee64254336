"""The page of `benchmarks/search/`: what was promised, each kept or not, and the tables behind
it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.honesty.section import Claim, tabled
from benchmarks.search.numbers import (
    Interval,
    behind,
    dollars_within,
    median,
    regrets,
    runs,
)
from benchmarks.search.plot import Lines, plot
from benchmarks.search.runs import Found, Task

KIND_NAMES = {
    "read": "free dimensions read off the draws",
    "paid": "every dimension paid",
}
LIMITS = {10: 3.0, 30: 1.5}
"""Points of median regret that are promised, by units."""

WITHIN, SHARE = 1.0, 0.05
"""Points of regret, and the share of exhausting that they may take."""

LARGE = 200
"""Paid points of a table that a search is judged on; of a smaller one, a few percent are hardly
any.
"""

CLOSE, LONGEST, CROWD = 0.05, 0.5, 300
"""Seconds of computing for a step: in the median, and at worst; and up to how many trials that is
promised.
"""

FEASIBLE = 0.95
"""The share of runs under a limit whose choice keeps it in truth."""


@dataclass(frozen=True)
class Report:
    """Everything that was run, and how it is grouped.

    Attributes:
        found: the runs.
        simulated: worlds that are made up.
        recorded: worlds that were recorded; never in one number with the others.
        outside: tables from outside, likewise.
        ours: the name of our method.
        labels: for people, by method.
        ablations: names of ours with a part taken out.
        units: budgets.
        exhausting: dollars that it takes to buy everything in a task's world.
        points: paid points of each world.
    """

    found: Found
    simulated: Sequence[str]
    recorded: Sequence[str]
    outside: Sequence[str]
    ours: str
    labels: Mapping[str, str]
    ablations: Sequence[str]
    units: Sequence[float]
    exhausting: Callable[[Task], float]
    points: Mapping[str, int]

    def groups(self) -> dict[str, Sequence[str]]:
        """The worlds of each table: all of a kind together, and each on its own."""
        pools = {
            "All simulated worlds": self.simulated,
            "All recorded tables": self.recorded,
            "All tables from outside": self.outside,
        }
        found = {title: worlds for title, worlds in pools.items() if len(worlds) > 1}
        alone = [*((f"Simulated: {name}", name) for name in self.simulated)]
        alone += [*((f"Recorded: {name}", name) for name in self.recorded)]
        alone += [*((f"Outside: {name}", name) for name in self.outside)]
        return found | {title: (name,) for title, name in alone}

    def pools(self) -> dict[str, Sequence[str]]:
        """All simulated worlds, all recorded ones, and all from outside."""
        all_ = {
            "simulated": self.simulated,
            "recorded": self.recorded,
            "outside": self.outside,
        }
        return {title: worlds for title, worlds in all_.items() if worlds}

    def methods(self, kind: str, setting: str = "plain") -> list[str]:
        """The methods that were run so, ours first, without ablations."""
        ran = dict.fromkeys(
            task.method
            for task in self.found
            if (task.kind, task.setting) == (kind, setting)
        )
        return [
            name for name in self.labels if name in ran and name not in self.ablations
        ]


def page(report: Report, head: str, plots: Mapping[str, str]) -> str:
    """The whole page in Markdown.

    Args:
        report: the runs.
        head: how it was made.
        plots: file names of the plots, by kind.
    """
    claims = "\n".join(
        f"- {'yes' if c.holds else '**NO**'}: {c.text}" for c in _claims(report)
    )
    parts = [
        "# The most quality per dollar",
        head,
        claims,
        *_side_by_side(report, plots),
        _losses(report),
        _within(report),
        _limited(report),
        _halves(report),
        _ablations(report),
        _seconds(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def draw(report: Report, kind: str) -> str:
    """Median regret against units, a panel for each group, as SVG."""
    panels: dict[str, Lines] = {}
    for title, worlds in report.groups().items():
        panels[title] = {
            report.labels[name]: [
                (units, float(np.median(values)))
                for units in report.units
                if (values := _plain(report, worlds, name, kind, units))
            ]
            for name in report.methods(kind)
        }
    return plot(
        panels,
        first=report.labels[report.ours],
        x_name="units",
        y_name="median regret, points",
    )


def _plain(
    report: Report, worlds: Sequence[str], method: str, kind: str, units: float
) -> list[float]:
    return regrets(
        report.found, worlds, method=method, kind=kind, units=units, setting="plain"
    )


def _behind(
    report: Report, worlds: Sequence[str], method: str, kind: str, units: float
) -> Interval:
    return behind(
        report.found,
        worlds,
        method,
        report.ours,
        kind=kind,
        units=units,
        setting="plain",
    )


# --- what was promised


def _claims(report: Report) -> list[Claim]:
    found = []
    for units, limit in LIMITS.items():
        if units in report.units:
            medians = {
                title: median(_plain(report, worlds, report.ours, "read", units)).value
                for title, worlds in report.groups().items()
            }
            worst = max(medians, key=lambda title: medians[title])
            text = (
                f"median regret is at most {limit:g} points at {units} units on every table and "
                "over all"
            )
            found.append(
                Claim(
                    f"{text}: {medians[worst]:.1f} ({worst})", medians[worst] <= limit
                )
            )
    found += [*_share_claims(report), *_rival_claims(report)]
    for title, worlds in report.pools().items():
        held = runs(report.found, worlds, method=report.ours, setting="limited")
        if held:
            share = float(np.mean([run.feasible for run in held.values()]))
            text = (
                "under a limit on cost, the choice keeps it in truth in at least 95 % of runs "
                f"({title})"
            )
            found.append(Claim(f"{text}: {100 * share:.0f} %", share >= FEASIBLE))
    own = [run for task, run in report.found.items() if task.method == report.ours]
    middle = float(np.median([run.median_seconds for run in own]))
    slowest = max(
        (run.worst_seconds for run in own if run.trials <= CROWD), default=0.0
    )
    most = max(own, key=lambda run: run.worst_seconds)
    text = (
        "our own computing takes less than 50 ms a step in the median and 0.5 s at worst with up "
        f"to {CROWD} trials"
    )
    said = (
        f"{1000 * middle:.0f} ms, {slowest:.2f} s ({most.worst_seconds:.2f} s in a search of "
        f"{most.trials})"
    )
    found.append(Claim(f"{text}: {said}", middle < CLOSE and slowest < LONGEST))
    return found


def _share_claims(report: Report) -> list[Claim]:
    """Return the claims on tables that are large enough to judge a search, and on the others.

    In a small table, a share of the points is hardly a sample.
    """
    found = []
    for size, fits in ((f"of {LARGE} paid points or more", True), ("of fewer", False)):
        shares = {
            world: dollars_within(
                report.found, world, report.ours, WITHIN, report.exhausting
            )
            for world in report.points
            if (report.points[world] >= LARGE) == fits
        }
        if shares:
            said = ", ".join(
                f"{world} {_percent(share)} ({report.points[world]})"
                for world, share in shares.items()
            )
            text = (
                "the median comes within 1 point for at most 5 % of the dollars of exhausting on "
                f"tables {size}"
            )
            kept = all(
                share is not None and share <= SHARE for share in shares.values()
            )
            found.append(Claim(f"{text}: {said}", kept))
    return found


def _rival_claims(report: Report) -> list[Claim]:
    found = []
    for kind, said in KIND_NAMES.items():
        rivals = [name for name in report.methods(kind) if name != report.ours]
        if not rivals:
            continue
        for title, worlds in report.pools().items():
            for units in [units for units in report.units if units in (3, 10)]:
                there = [
                    name for name in rivals if _plain(report, worlds, name, kind, units)
                ]
                gaps = {
                    name: _behind(report, worlds, name, kind, units) for name in there
                }
                open_ = [
                    f"{report.labels[name]} {gap}"
                    for name, gap in gaps.items()
                    if gap.low <= 0
                ]
                text = (
                    f"over all {title} worlds at {units:g} units, ours has clearly less regret "
                    f"than each rival ({said})"
                )
                found.append(
                    Claim(
                        text + (f"; not than {', '.join(open_)}" if open_ else ""),
                        not open_,
                    )
                )
        lost = _lost(report, kind, clearly=True)
        text = f"on no table and at no budget is a rival clearly better ({said})"
        found.append(
            Claim(text + (f"; but: {len(lost)}, see below" if lost else ""), not lost)
        )
    return found


def _percent(share: float | None) -> str:
    return "not within the budgets run" if share is None else f"{100 * share:.1f} %"


# --- side by side


def _side_by_side(report: Report, plots: Mapping[str, str]) -> list[str]:
    parts = []
    for kind, said in KIND_NAMES.items():
        if not report.methods(kind):
            continue
        parts.append(f"## Side by side: {said}")
        if kind in plots:
            parts.append(f"![Median regret against units]({plots[kind]})")
        for title, worlds in report.groups().items():
            parts.append(f"### {title}\n\n{_compared(report, worlds, kind)}")
    return parts


def _compared(report: Report, worlds: Sequence[str], kind: str) -> str:
    heads = ["method", *(f"median regret at {u:g}" for u in report.units)]
    heads += [f"behind ours at {u:g}" for u in report.units]
    rows = []
    for name in report.methods(kind):
        values = [_plain(report, worlds, name, kind, units) for units in report.units]
        medians = [str(median(held)) if held else "" for held in values]
        gaps = [
            _said(report, worlds, name, kind, units) if held else ""
            for units, held in zip(report.units, values, strict=True)
        ]
        rows.append([_named(report, name, kind), *medians, *gaps])
    return tabled(heads, rows)


def _named(report: Report, name: str, kind: str) -> str:
    """A method for people, with its seeds where it was run with fewer than ours."""
    seeds, own = (
        {
            task.seed
            for task in report.found
            if (task.method, task.kind, task.setting) == (method, kind, "plain")
        }
        for method in (name, report.ours)
    )
    return report.labels[name] + (
        f" ({len(seeds)} seeds)" if len(seeds) < len(own) else ""
    )


def _said(
    report: Report, worlds: Sequence[str], name: str, kind: str, units: float
) -> str:
    if name == report.ours:
        return ""
    gap = _behind(report, worlds, name, kind, units)
    verdict = {
        "clearly better": "ours clearly better",
        "clearly worse": "**ours clearly worse**",
    }
    return f"{gap}, {verdict.get(gap.verdict, gap.verdict)}"


def _lost(report: Report, kind: str, *, clearly: bool) -> list[str]:
    """Return the worlds where a rival has less regret on average: clearly less, or just less."""
    found = []
    for title, worlds in report.groups().items():
        for units in report.units:
            for name in report.methods(kind):
                gap = _behind(report, worlds, name, kind, units)
                if name != report.ours and (gap.high < 0 if clearly else gap.value < 0):
                    found.append(
                        f"{report.labels[name]}, {title}, {units:g} units, {KIND_NAMES[kind]}: "
                        f"{gap}"
                    )
    return found


def _losses(report: Report) -> str:
    lines = []
    for kind in KIND_NAMES:
        clear = _lost(report, kind, clearly=True)
        every = _lost(report, kind, clearly=False)
        lines += [f"- **clearly**: {text}" for text in clear]
        lines += [f"- not clearly: {text}" for text in every if text not in clear]
    said = (
        "Rivals with less regret than ours on average, by how many points (negative: ours is "
        "behind)."
    )
    return f"## Where we lose\n\n{said}\n\n" + ("\n".join(lines) or "Nowhere.")


# --- the other settings


def _within(report: Report) -> str:
    rows = []
    for world in report.points:
        shares = [
            dollars_within(report.found, world, report.ours, points, report.exhausting)
            for points in (3.0, 2.0, WITHIN)
        ]
        rows.append([world, str(report.points[world]), *map(_percent, shares)])
    said = (
        "Exhausting buys every paid point's draws, as many as the largest n takes, once on the "
        "tuning examples."
    )
    return f"## Dollars, as a share of exhausting\n\n{said}\n\n" + tabled(
        ("world", "paid points", "within 3 points of regret", "within 2", "within 1"),
        rows,
    )


def _limited(report: Report) -> str:
    rows = []
    for title, worlds in report.groups().items():
        for name in report.methods("read", "limited"):
            cells = []
            for units in report.units:
                held = list(
                    runs(
                        report.found,
                        worlds,
                        method=name,
                        units=units,
                        setting="limited",
                    ).values()
                )
                kept = [run for run in held if run.feasible]
                share = 100 * len(kept) / len(held) if held else float("nan")
                cells.append(f"{share:.0f} %, {median([run.regret for run in kept])}")
            rows.append([title, report.labels[name], *cells])
    if not rows:
        return ""
    said = """A request may cost at most what the median config costs. The share of runs whose choice keeps to that in
truth, and the median regret of those runs against the best config that does."""
    heads = ("worlds", "method", *(f"at {units:g} units" for units in report.units))
    return f"## Under a limit on cost\n\n{said}\n\n" + tabled(heads, rows)


def _halves(report: Report) -> str:
    rows = []
    for title, worlds in report.groups().items():
        for name in report.methods("read", "halves"):
            values = [
                median(
                    regrets(
                        report.found, worlds, method=name, units=units, setting="halves"
                    )
                )
                for units in report.units
            ]
            rows.append([title, report.labels[name], *map(str, values)])
    if not rows:
        return ""
    said = """Tuning examples come from one half of a world's examples, and the truth is what a config is worth on the
other half. The best config there is partly the best by chance, so regrets are larger than above for every method."""
    heads = (
        "worlds",
        "method",
        *(f"median regret at {units:g}" for units in report.units),
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
        if not any(task.world in worlds for task in ran):
            continue
        for name in there:
            values = [
                median(_plain(report, worlds, name, "read", units)) for units in budgets
            ]
            gaps = [_said(report, worlds, name, "read", units) for units in budgets]
            rows.append([title, report.labels[name], *map(str, values), *gaps])
    heads = ["worlds", "ours", *(f"median regret at {u:g}" for u in budgets)]
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
