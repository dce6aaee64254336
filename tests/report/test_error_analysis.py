"""Where a configuration fails: the confusion matrix, slices and doubtful labels."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.reports import cells
from tune.report import Confusion, DoubtfulLabel, Failing, Slice
from tune.report.error_analysis import (
    MOST_COLUMNS,
    MOST_DOUBTFUL_LABELS,
    confusion_rows,
    failing_record,
    failing_section,
    failing_sentences,
)
from tune.stats.intervals import Interval

CONFUSION = Confusion(("a", "b", "c"), ((3, 1, 0, 0, 0), (0, 1, 0, 2, 1), (0,) * 5))
DOUBT = DoubtfulLabel("7", "a", "b", 3, 9, "a | text")


def test_balanced_accuracy_is_the_mean_recall_of_labels_with_examples() -> None:
    assert CONFUSION.recalls == {"a": 0.75, "b": 0.25}
    assert CONFUSION.balanced_accuracy == 0.5
    assert CONFUSION.recall("c") is None
    assert CONFUSION.examples("b") == 4
    assert Confusion(("a",), ((0, 0, 0),)).balanced_accuracy is None


def test_the_matrix_has_a_row_for_each_label_and_columns_for_other_answers() -> None:
    section = failing_section(Failing("holdout", CONFUSION))
    rows = cells(section)
    assert rows[0][3:] == ["a", "b", "c", "another answer", "none"]
    assert rows[2] == ["b", "4", "0.250", "0", "1", "0", "2", "1"]
    assert rows[3][:3] == ["c", "0", "-"]
    assert "Of the winner on holdout examples" in section


def test_many_labels_have_no_columns_in_the_table() -> None:
    labels = tuple(f"l{i}" for i in range(MOST_COLUMNS + 1))
    counts = tuple((1.0,) * (len(labels) + 2) for _ in labels)
    rows = cells(failing_section(Failing("tuning", Confusion(labels, counts))))
    assert rows[0] == ["label in the data", "examples", "recall"]
    assert len(rows) == len(labels) + 1


def test_a_slice_stands_beside_the_baseline_and_a_warning() -> None:
    known = Slice("channel", "web", Interval(0.5, 0.4, 0.6, 9))
    both = replace(known, value="mail", baseline=Interval(0.2, 0.1, 0.3, 9))
    section = failing_section(Failing("holdout", slices=(known, both)))
    assert cells(section)[1:] == [
        ["channel", "web", "9", "0.500 (0.400 to 0.600)", "-"],
        ["channel", "mail", "9", "0.500 (0.400 to 0.600)", "0.200 (0.100 to 0.300)"],
    ]
    assert "may do so by luck" in section


@pytest.mark.parametrize("more", [0, 3])
def test_doubtful_labels_are_listed_up_to_a_number(more: int) -> None:
    doubts = (DOUBT,) * (MOST_DOUBTFUL_LABELS + more)
    section = failing_section(Failing(doubtful_labels=doubts))
    rows = cells(section)[1:]
    assert len(rows) == MOST_DOUBTFUL_LABELS
    assert rows[0] == ["7", "a", "b", "3", "a | text"]
    assert ("3 more are in `best.json`" in section) == (more > 0)


def test_a_terminal_names_the_worst_label_and_the_first_doubtful_rows() -> None:
    worst, doubts = failing_sentences(Failing("holdout", CONFUSION, (), (DOUBT,) * 6))
    assert "0.500 on holdout examples; lowest recall: 0.250 for 'b' (4" in worst
    assert doubts.endswith("on 6 tuning rows (rows 7, 7, 7, 7, 7, ...).")
    (few,) = failing_sentences(Failing(doubtful_labels=(DOUBT,)))
    assert few.endswith("on 1 tuning rows (rows 7).")


def test_programs_get_all_of_it() -> None:
    known = Slice("channel", "web", Interval(0.5, 0.4, 0.6, 9))
    record = failing_record(Failing("holdout", CONFUSION, (known,), (DOUBT,)))
    assert record is not None
    assert record["confusion"]["recall"] == {"a": 0.75, "b": 0.25, "c": None}
    assert record["confusion"]["counts"][1] == [0, 1, 0, 2, 1]
    assert record["slices"][0]["baseline"] is None
    assert record["check_these_labels"][0]["inputs"] == "a | text"
    assert confusion_rows(CONFUSION)["another answer"] == [0, 2, 0]
    assert list(confusion_rows(CONFUSION)) == [
        "a",
        "b",
        "c",
        "another answer",
        "no answer",
    ]


def test_nothing_known_is_nothing_said() -> None:
    assert failing_section(None) == ""
    assert failing_section(Failing()) == ""
    assert failing_sentences(None) == []
    assert failing_record(None) is None
