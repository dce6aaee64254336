"""Every reading as a row: all have the same columns, and no cell is a formula."""

from __future__ import annotations

import csv
import io

from tests.support.reports import EMPTY, whole
from tune.report import TrialRow
from tune.report.readings_table import reading_records, readings_csv
from tune.report.search_records import ReadingRow, SearchDetails
from tune.space import Point

ROWS = tuple(
    ReadingRow(number, n, "vote", 16, '["=x"]', 0.5 + n / 10, 20, 0.001, None, False)
    for number in (0, 1)
    for n in (1, 3)
)
TRIALS = (
    TrialRow(0, Point({"model": "=a", "prompt": "p", "temperature": 0.5}), "complete"),
    TrialRow(1, Point({"model": "b", "prompt": "p", "effort": "low"}), "complete"),
)


def test_each_reading_has_its_settings_and_numbers_the_best_first() -> None:
    report = whole(trials=TRIALS, search=SearchDetails(readings=ROWS))
    rows = reading_records(report)
    assert [row["quality"] for row in rows] == sorted(
        (row["quality"] for row in rows), reverse=True
    )
    assert all(list(row) == list(rows[0]) for row in rows)
    assert (rows[0]["model"], rows[0]["n"], rows[0]["effort"]) == ("=a", 3, None)
    read = list(csv.DictReader(io.StringIO(readings_csv(report))))
    assert len(read) == 4
    assert read[0]["model"] == "'=a"
    assert read[0]["quality"] == "0.8"


def test_without_readings_the_table_is_empty() -> None:
    assert reading_records(EMPTY) == []
    assert readings_csv(EMPTY) == ""
