"""`trials.csv`, and the rows behind it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from tune.report.records import Report, TrialRow
from tune.report.text import csv_cell
from tune.report.wrong_answers import outcomes_record
from tune.space import FREE, Point


def trial_rows(trials: Iterable[TrialRow]) -> list[dict[str, Any]]:
    """One mapping per trial, all with the same keys: the paid point's dimensions, then the best
    reading's.

    Values are raw: `csv_cell` makes them safe for a spreadsheet.
    """
    trials = list(trials)
    # Models have different dimensions. Every row gets all columns.
    names = list(dict.fromkeys(name for trial in trials for name in trial.point))
    free = [name for name in FREE if name not in names]
    return [_trial_row(trial, names, free) for trial in trials]


def _trial_row(trial: TrialRow, names: list[str], free: list[str]) -> dict[str, Any]:
    quality = trial.quality
    return {
        "trial": trial.number,
        "state": trial.state,
        "reason": trial.reason,
        **{name: _scalar(trial.point.get(name)) for name in names},
        **{
            name: _scalar(trial.best.get(name)) if trial.best is not None else None
            for name in free
        },
        "examples": trial.examples,
        "draws": trial.draws,
        "unanswered": trial.unanswered,
        **outcomes_record(trial.outcomes),
        "quality": None if quality is None else quality.mean,
        "quality_low": None if quality is None else quality.low,
        "quality_high": None if quality is None else quality.high,
        "quality_examples": None if quality is None else quality.n,
        "cost_per_request": trial.cost,
        "spent": trial.spent,
        "seconds_per_request": trial.service_per_request,
        "seconds_spent": trial.service,
    }


def _scalar(value: Any) -> Any:
    """Stop strings as one JSON list; everything else as it is."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, tuple) else value


def trials_csv(report: Report) -> str:
    """Every trial as CSV with a header line; no cell is a formula, and numbers are numbers."""
    rows = trial_rows(report.trials)
    header = (
        rows[0]
        if rows
        else _trial_row(TrialRow(0, Point({}), "running"), [], list(FREE))
    )
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(list(map(csv_cell, header)))
    writer.writerows(list(map(csv_cell, row.values())) for row in rows)
    return out.getvalue()
