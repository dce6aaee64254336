"""The tables of the frontier and of the trials."""

from __future__ import annotations

from dataclasses import replace

from tests.support.reports import (
    WINNER,
    cells,
    config,
    whole,
)
from tune.report import (
    TrialRow,
    markdown,
    trials_csv,
)
from tune.report.search_records import Course, SearchDetails, WaveRow
from tune.report.search_section import (
    MOST_WAVES,
    frontier_section,
    trials_section,
    waves_section,
)
from tune.space import Point
from tune.stats.intervals import Interval


def test_the_best_trial_comes_first_and_a_long_list_ends_in_the_csv() -> None:
    rows = [
        TrialRow(
            i,
            Point({"model": "m"}),
            "complete",
            quality=Interval(i / 100, 0, 1, 9) if i % 2 else None,
        )
        for i in range(60)
    ]
    text = markdown(whole(trials=tuple(rows)))
    listed = [row for row in cells(text) if len(row) == 8][1:]
    assert [row[0] for row in listed[:2]] == ["59", "57"]
    assert len(listed) == 40
    assert "The 20 others are in `trials.csv`" in text
    assert len(trials_csv(whole(trials=tuple(rows))).splitlines()) == 61
    lower = [
        row
        for row in cells(markdown(whole(trials=tuple(rows), larger_is_better=False)))
        if len(row) == 8
    ]
    assert lower[1][0] == "1"


def test_the_frontier_is_marked_as_tuning_estimates() -> None:
    text = markdown(whole(frontier=(replace(WINNER, approximate=True),)))
    section = text[text.index("## Quality against cost") :]
    assert "so tuning estimates flatter" in section
    assert "0.830 (0.750 to 0.900) ≈" in section
    assert "without known token boundaries" in section


def test_signs_in_the_frontier_are_explained_only_if_they_are_there() -> None:
    plain = frontier_section(whole())
    assert "few:" not in plain
    assert "≈" not in plain
    few = frontier_section(whole(frontier=(replace(WINNER, few=True),)))
    assert cells(few)[1][2] == "100 (few)"
    assert "this tuning estimate may be luck" in few
    assert frontier_section(whole(frontier=())) == ""


def test_a_trial_has_its_reason_and_the_examples_that_were_not_answered() -> None:
    trial = TrialRow(
        3, Point({"model": "m"}), "failed", "gone", examples=7, unanswered=2
    )
    (row,) = cells(trials_section(whole(trials=(trial,))))[1:]
    assert row == ["3", "m", "failed: gone", "7 (2 unanswered)", "0", "-", "-", "$0"]
    assert trials_section(whole(trials=())) == ""


def test_a_best_reading_is_told_by_what_the_point_does_not_have() -> None:
    (row,) = cells(trials_section(whole()))[1:]
    assert row[5] == 'n 5 by vote, max_tokens 16, stop ["\\n"]'
    fixed = TrialRow(3, Point(dict(config())), "complete", best=config())
    (row,) = cells(trials_section(whole(trials=(fixed,))))[1:]
    assert row[5] == "as bought"


def test_each_wave_has_a_line_and_a_long_search_ends_on_the_page() -> None:
    assert waves_section(whole()) == ""
    waves = []
    for number in range(MOST_WAVES + 3):
        waves.append(WaveRow("search", f"wave {number}: <b> *more*"))
    report = whole(search=SearchDetails(course=Course(waves=tuple(waves))))
    section = waves_section(report)
    assert section in markdown(report)
    assert "- wave 0: &lt;b&gt; \\*more\\*\n" in section
    assert section.count("\n- ") == MOST_WAVES + 1
    assert "The 3 others are in `report.html`" in section
