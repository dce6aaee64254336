"""The tables of `report.md` on the search: the frontier, and the trials."""

from __future__ import annotations

from tune.pricing.amounts import dollars
from tune.report.amount import Amount, amount_of
from tune.report.records import Report, ReportConfig, TrialRow
from tune.report.text import (
    count,
    describe_config,
    exact_seconds,
    inline,
    seconds,
    table,
    with_limits,
)

MOST_WAVES = 40
"""Lines on waves. The page has them all."""

MOST_TRIALS = 40
"""Rows of the table of trials. `trials.csv` has them all."""


def frontier_section(report: Report) -> str:
    """Return the frontier with its notes; "" without one."""
    if not report.frontier:
        return ""
    amount = amount_of(report)
    header = [
        "configuration",
        "tuning estimate (95 %)",
        "tuning examples",
        amount.per_request,
        "holdout (95 %)",
        "median time",
        "trial",
    ]
    note = (
        "Each configuration is compared by its holdout score, or by its tuning estimate if it has "
        "none; one with a holdout score beats one without only if both its numbers are better. No "
        f"row but the winner is beaten in both quality and {amount.name} by another. The winner is "
        "always here. Each row was picked because it looked good, so tuning estimates flatter."
    )
    rows = [_frontier_cells(row, amount) for row in report.frontier]
    parts = [f"## Quality against {amount.name}", note, table(header, rows)]
    if amount.timed:
        parts.append(
            "Seconds per request are those of all calls that a request makes; the median time has "
            "them side by side."
        )
    # Signs in the table are explained only if one of them is there.
    if any(row.few for row in report.frontier):
        parts.append(
            "few: the search stopped after a few examples, so this tuning estimate may be luck. "
            "Rows on few examples that seem to beat a row on many are left out, except the winner."
        )
    if any(row.approximate for row in report.frontier):
        parts.append(
            "≈: an estimate from text that was cut without known token boundaries."
        )
    return "\n\n".join(parts)


def _frontier_cells(row: ReportConfig, amount: Amount) -> list[str]:
    tuning, examples, trial = with_limits(row.tuning), "0", "-"
    if row.tuning is not None:
        examples = f"{row.tuning.n:,}"
    if row.approximate:
        tuning += " ≈"
    if row.few:
        examples += " (few)"
    if row.trial is not None:
        trial = str(row.trial)
    return [
        inline(describe_config(row.config)),
        tuning,
        examples,
        with_limits(amount.of(row), amount.said),
        with_limits(row.holdout),
        seconds(row.seconds_median),
        trial,
    ]


def trials_section(report: Report) -> str:
    """Return the best trials, by their tuning estimates; "" without any."""
    if not report.trials:
        return ""
    header = [
        "trial",
        "point",
        "state",
        "examples",
        "draws",
        "best reading",
        "its tuning estimate",
        "spent",
    ]
    ranked = sorted(report.trials, key=lambda trial: _rank(report, trial))
    timed = amount_of(report).timed
    rows = [_trial_cells(trial, timed=timed) for trial in ranked[:MOST_TRIALS]]
    more = "`trials.csv` has the same."
    if len(ranked) > MOST_TRIALS:
        others = count(len(ranked) - MOST_TRIALS, "other")
        more = f"The {others} are in `trials.csv`."
    note = f"Best tuning estimate first. {more}"
    return "\n\n".join(["## Trials", note, table(header, rows)])


def waves_section(report: Report) -> str:
    """Return what each wave bought and why; "" without any."""
    waves = report.search.course.waves
    if not waves:
        return ""
    lines = [f"- {inline(wave.line, limit=500)}" for wave in waves[:MOST_WAVES]]
    if len(waves) > MOST_WAVES:
        others = count(len(waves) - MOST_WAVES, "other")
        lines.append(f"- The {others} are in `report.html`.")
    note = (
        "A point is a hundredth of the metric's range. An expected gain is that of the best "
        "configuration."
    )
    return "\n\n".join(["## What was bought, and why", note, "\n".join(lines)])


def _rank(report: Report, trial: TrialRow) -> tuple[float, int]:
    # Trials without a score come last.
    if trial.quality is None:
        return float("inf"), trial.number
    if report.larger_is_better:
        return -trial.quality.mean, trial.number
    return trial.quality.mean, trial.number


def _trial_cells(trial: TrialRow, *, timed: bool) -> list[str]:
    state = str(trial.state)
    if trial.reason:
        state = f"{state}: {trial.reason}"
    examples = f"{trial.examples:,}"
    if trial.unanswered:
        examples += f" ({trial.unanswered:,} unanswered)"
    spent = dollars(trial.spent)
    if timed:
        # A trial without an answer has no seconds.
        spent = exact_seconds(trial.service or 0.0)
    return [
        str(trial.number),
        inline(describe_config(trial.point)),
        inline(state),
        examples,
        f"{trial.draws:,}",
        inline(free_part(trial)),
        with_limits(trial.quality),
        spent,
    ]


def free_part(trial: TrialRow) -> str:
    """Describe the free dimensions of a trial's best configuration. It is not escaped."""
    if trial.best is None:
        return "-"
    # The column before has the point, so only what is read off its draws is new here.
    free = {}
    for name, value in trial.best.items():
        if name not in trial.point:
            free[name] = value
    return describe_config(free) or "as bought"
