"""Every configuration that was read, as rows: for CSV, data frames and Parquet."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from tune.report.records import Report
from tune.report.text import csv_cell
from tune.space import Point


def reading_records(report: Report) -> list[dict[str, Any]]:
    """Return one flat mapping for each reading, the best one first; all have the same keys."""
    points = {trial.number: trial.point for trial in report.trials}
    # Models have different dimensions. Every row gets all columns. A dict keeps their order.
    names: dict[str, None] = {}
    for point in points.values():
        names.update(dict.fromkeys(point))
    rows = []
    for reading in report.search.readings:
        read = reading._asdict()
        point = points.get(reading.trial, Point({}))
        settings = {name: scalar(point.get(name)) for name in names if name not in read}
        number = read.pop("trial")
        rows.append({"trial": number, **settings, **read})
    sign = -1 if report.larger_is_better else 1
    return sorted(rows, key=lambda row: (sign * row["quality"], row["trial"]))


def readings_csv(report: Report) -> str:
    """Return every reading as CSV with a header line; no cell is a formula."""
    rows = reading_records(report)
    out = io.StringIO()
    # One kind of line end on every system, so that files can be compared.
    writer = csv.writer(out, lineterminator="\n")
    if rows:
        writer.writerow(list(map(csv_cell, rows[0])))
    for row in rows:
        writer.writerow(list(map(csv_cell, row.values())))
    return out.getvalue()


def scalar(value: Any) -> Any:
    """Return lists and mappings as JSON, and other values unchanged."""
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False)
    return value
