"""`trials.csv`, and the rows behind it."""

from __future__ import annotations

import csv
import io

from tests.support.reports import (
    whole,
)
from tune.report import (
    TrialRow,
    trial_rows,
    trials_csv,
)
from tune.space import Point


def test_the_csv_has_numbers_for_numbers_and_the_best_readings_free_part() -> None:
    (row,) = csv.DictReader(io.StringIO(trials_csv(whole())))
    assert row["model"] == "small"
    assert (row["n"], row["aggregate"], row["stop"], row["max_tokens"]) == (
        "5",
        "vote",
        '["\\n"]',
        "16",
    )
    assert float(row["quality_low"]) == 0.75
    assert float(row["spent"]) == 1.2


def test_rows_have_the_same_keys_where_models_take_different_settings() -> None:
    rows = trial_rows(
        [
            TrialRow(0, Point({"model": "a", "temperature": 0.5}), "complete"),
            TrialRow(
                1,
                Point({"model": "b", "reasoning_effort": "low"}),
                "failed",
                "too much is missing",
            ),
        ]
    )
    assert list(rows[0]) == list(rows[1])
    assert rows[0]["reasoning_effort"] is None
    assert rows[1]["reason"] == "too much is missing"
