"""The promises at the top of the page of `benchmarks/search/`, each kept or not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.honesty.section import Claim
from benchmarks.search.numbers import Interval, dollars_within, runs, versus
from benchmarks.search.report import CLOSE, Report, points

KIND_NAMES = {
    "read": "free dimensions read off the draws",
    "paid": "every dimension paid",
}

OUTSIDE_LIMITS = {1: 3.0, 3: 0.9, 10: 0.3}
"""Points of mean regret on tables from outside that are promised, by units."""

LIMITS = {10: 3.0, 30: 1.5}
"""Points of median regret on every table that are promised, by units."""

CLEAR_AT = 1
"""Units at which ours is clear of every rival."""

MOST_BEHIND = 0.3
"""Points that ours may be behind a rival at other budgets: the far end of the interval."""

MOST_BEHIND_ON_ONE = 1.0
"""Points that ours may be behind a rival on average on one world."""

TENTH, ECOOPTIGEN = 0.1, "blendsearch"
"""The share of its dollars with which ours is as good as EcoOptiGen."""

SHARE = 0.05
"""The share of exhausting that it takes to come close to the best."""

LARGE = 200
"""Paid points of a table that a search is judged on; of a smaller one, a few percent are hardly
any.
"""

MIDDLE, LONGEST, CROWD = 0.05, 0.5, 300
"""Seconds of computing for a step: in the median, and at worst; and up to how many trials that is
promised.
"""

FEASIBLE = 0.95
"""The share of runs under a limit whose choice keeps it in truth."""


def make_claims(report: Report) -> list[Claim]:
    """Return every promise that the runs can judge."""
    return [
        *_outside(report),
        *_medians(report),
        *_clear(report),
        *_behind(report),
        *_on_one(report),
        *_tenth(report),
        *_shares(report),
        *_limits(report),
        *_seconds(report),
    ]


def _outside(report: Report) -> list[Claim]:
    found = []
    for units, limit in OUTSIDE_LIMITS.items():
        for said, worlds in (
            ("all", report.outside),
            ("reported", [w for w in report.outside if w in report.reported]),
        ):
            mean = report.mean_regret(worlds, report.ours, "read", units)
            if not np.isnan(mean):
                text = (
                    f"mean regret on tables from outside is at most {limit:g} points at {units} "
                    f"units ({said}: {len(worlds)}): {points(mean)}"
                )
                found.append(Claim(text, mean <= limit))
    return found


def _medians(report: Report) -> list[Claim]:
    found = []
    for units, limit in LIMITS.items():
        medians = {
            title: report.median_regret(worlds, report.ours, "read", units).value
            for title, worlds in report.groups().items()
            if report.held(worlds, report.ours, "read", units)
        }
        if medians:
            worst = max(medians, key=lambda title: medians[title])
            text = (
                f"median regret is at most {limit:g} points at {units} units on every table and "
                f"over all: {medians[worst]:.1f} ({worst})"
            )
            found.append(Claim(text, medians[worst] <= limit))
    return found


def _clear(report: Report) -> list[Claim]:
    found = []
    for kind, said in _kinds(report):
        for title, worlds in report.scopes().items():
            if not _compared(report, worlds, kind, CLEAR_AT):
                continue
            open_ = []
            for name in report.rivals(kind):
                gap = report.behind(worlds, name, kind, CLEAR_AT)
                if known(gap) and gap.low <= 0:
                    open_.append(f"{report.labels[name]} {gap}")
            text = (
                f"over {title} at {CLEAR_AT} units, ours has clearly less regret than each rival "
                f"({said})"
            )
            but = f"; not than {', '.join(open_)}" if open_ else ""
            found.append(Claim(text + but, not open_))
    return found


def _behind(report: Report) -> list[Claim]:
    found = []
    for kind, said in _kinds(report):
        for title, worlds in report.scopes().items():
            for units in report.units:
                if units == CLEAR_AT or not _compared(report, worlds, kind, units):
                    continue
                late = []
                for name in report.rivals(kind):
                    gap = report.behind(worlds, name, kind, units)
                    if known(gap) and gap.low < -MOST_BEHIND:
                        late.append(f"{report.labels[name]} {gap}")
                text = (
                    f"over {title} at {units:g} units, ours is behind no rival by more than "
                    f"{MOST_BEHIND:g} points ({said})"
                )
                but = f"; it may be behind {', '.join(late)}" if late else ""
                found.append(Claim(text + but, not late))
    return found


def known(gap: Interval) -> bool:
    """Tell if there are enough pairs for an interval."""
    return bool(np.isfinite(gap.low))


def _compared(report: Report, worlds: Sequence[str], kind: str, units: float) -> bool:
    """Tell if there are enough pairs to compare ours with a rival."""
    return any(
        known(report.behind(worlds, name, kind, units)) for name in report.rivals(kind)
    )


def _on_one(report: Report) -> list[Claim]:
    found = []
    for kind, said in _kinds(report):
        late = losses(report, kind, MOST_BEHIND_ON_ONE)
        text = (
            f"on no world is ours behind a rival by more than {MOST_BEHIND_ON_ONE:g} point on "
            f"average ({said})"
        )
        but = f"; but {len(late)} times, see below" if late else ""
        found.append(Claim(text + but, not late))
    return found


def losses(report: Report, kind: str, least: float = 0.0) -> list[str]:
    """Return in words where rivals have less regret on average, by more than so many points."""
    found = []
    for title, worlds in report.groups().items():
        for units in report.units:
            ahead = []
            for name in report.rivals(kind):
                gap = report.behind(worlds, name, kind, units)
                if gap.value < -least:
                    clear = "**clearly** " if gap.high < 0 else ""
                    ahead.append((gap.value, f"{clear}{report.labels[name]} {gap}"))
            if ahead:
                all_ = "; ".join(text for _, text in sorted(ahead))
                found.append(f"{title}, {units:g} units, {KIND_NAMES[kind]}: {all_}")
    return found


def _tenth(report: Report) -> list[Claim]:
    found = []
    for units in report.units:
        few = round(TENTH * units, 6)
        for title, worlds in report.scopes().items():
            theirs = runs(
                report.found, worlds, method=ECOOPTIGEN, kind="read", units=units,
                setting="plain",
            )  # fmt: skip
            own = runs(
                report.found, worlds, method=report.ours, kind="read", units=few,
                setting="plain",
            )  # fmt: skip
            gap = versus(theirs, own)
            if not np.isnan(gap.value):
                text = (
                    f"over {title}, ours at {few:g} units has no more regret on average than "
                    f"EcoOptiGen at {units:g}: {gap} points less"
                )
                found.append(Claim(text, gap.value >= 0))
    return found


def _shares(report: Report) -> list[Claim]:
    """Return the claims on tables that are large enough to judge a search, and on the others.

    In a small table, a share of the points is hardly a sample.
    """
    found = []
    for size, fits in ((f"of {LARGE} paid points or more", True), ("of fewer", False)):
        shares = {
            world: dollars_within(
                report.found, world, report.ours, CLOSE, report.exhausting
            )
            for world in report.points
            if (report.points[world] >= LARGE) == fits
        }
        if shares:
            said = ", ".join(
                f"{world.partition('#')[0]} {said_share(share)} ({report.points[world]})"
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


def said_share(share: float | None) -> str:
    """Return a share of exhausting for people."""
    return "not within the budgets run" if share is None else f"{100 * share:.1f} %"


def _limits(report: Report) -> list[Claim]:
    found = []
    for title, worlds in report.scopes().items():
        held = runs(report.found, worlds, method=report.ours, setting="limited")
        if held:
            share = float(np.mean([run.feasible for run in held.values()]))
            text = (
                "under a limit on cost, the choice keeps it in truth in at least 95 % of runs "
                f"({title}): {100 * share:.0f} %"
            )
            found.append(Claim(text, share >= FEASIBLE))
    return found


def _seconds(report: Report) -> list[Claim]:
    own = [run for task, run in report.found.items() if task.method == report.ours]
    if not own:
        return []
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
    return [Claim(f"{text}: {said}", middle < MIDDLE and slowest < LONGEST)]


def _kinds(report: Report) -> Sequence[tuple[str, str]]:
    return [(kind, said) for kind, said in KIND_NAMES.items() if report.rivals(kind)]
