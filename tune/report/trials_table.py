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
from tune.stats.intervals import Interval


def trial_rows(trials: Iterable[TrialRow]) -> list[dict[str, Any]]:
    """Return one mapping per trial: the paid point's dimensions, then the best reading's.

    All have the same keys.
    Values are raw: `csv_cell` makes them safe for a spreadsheet.
    """
    trials = list(trials)
    # Models have different dimensions. Every row gets all columns. A dict keeps their order.
    names: dict[str, None] = {}
    for trial in trials:
        names.update(dict.fromkeys(trial.point))
    # In a study with a dimension that is not free, the point has it already.
    free = [name for name in FREE if name not in names]
    return [_trial_row(trial, list(names), free) for trial in trials]


def _trial_row(trial: TrialRow, names: list[str], free: list[str]) -> dict[str, Any]:
    settings = {}
    for name in names:
        settings[name] = _scalar(trial.point.get(name))
    for name in free:
        settings[name] = None
        if trial.best is not None:
            settings[name] = _scalar(trial.best.get(name))
    return {
        "trial": trial.number,
        "state": trial.state,
        "reason": trial.reason,
        **settings,
        "examples": trial.examples,
        "draws": trial.draws,
        "unanswered": trial.unanswered,
        **outcomes_record(trial.outcomes),
        **_quality(trial.quality),
        "cost_per_request": trial.cost,
        "spent": trial.spent,
        "seconds_per_request": trial.service_per_request,
        "seconds_spent": trial.service,
    }


def _quality(quality: Interval | None) -> dict[str, Any]:
    names = ("quality", "quality_low", "quality_high", "quality_examples")
    if quality is None:
        return dict.fromkeys(names)
    numbers = (quality.mean, quality.low, quality.high, quality.n)
    return dict(zip(names, numbers, strict=True))


def _scalar(value: Any) -> Any:
    """Return stop strings as one JSON list, and other values unchanged."""
    if isinstance(value, tuple):
        return json.dumps(value, ensure_ascii=False)
    return value


def trials_csv(report: Report) -> str:
    """Return every trial as CSV with a header line; no cell is a formula, numbers are numbers."""
    rows = trial_rows(report.trials)
    # Without trials the header is there all the same, so that programs can read the file.
    header = _trial_row(TrialRow(0, Point({}), "running"), [], list(FREE))
    if rows:
        header = rows[0]
    out = io.StringIO()
    # One kind of line end on every system, so that files can be compared.
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(list(map(csv_cell, header)))
    for row in rows:
        writer.writerow(list(map(csv_cell, row.values())))
    return out.getvalue()
