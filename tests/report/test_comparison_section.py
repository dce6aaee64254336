"""The first table: winner, baseline and runners-up side by side."""

from __future__ import annotations

from tests.support.reports import (
    cells,
    whole,
)
from tune.report import (
    best_json,
    markdown,
)


def test_the_table_sets_winner_baseline_and_majority_class_side_by_side() -> None:
    rows = cells(markdown(whole()).split("\n\n")[2])
    assert rows[1][:2] == ["winner", "0.790 (0.720 to 0.860)"]
    assert rows[1][3:6] == [
        "0.550 (0.450 to 0.640)",
        "better",
        "$0.000123 ($0.00012 to $0.000126)",
    ]
    assert rows[1][6] == "0.20 s / 0.51 s"
    assert rows[2][:2] == ["baseline", "0.240 (0.170 to 0.330)"]
    assert [row[0] for row in rows[3:]] == [
        "for agents",
        "runner-up 1",
        "always the majority class (positive)",
    ]


def test_the_verdict_of_a_runner_up_knows_the_metrics_direction() -> None:
    study = whole(larger_is_better=False)
    assert cells(markdown(study).split("\n\n")[2])[4][4] == "worse (tuning)"
    assert best_json(study)["runners_up"][0]["tuning_difference"]["verdict"] == "worse"
