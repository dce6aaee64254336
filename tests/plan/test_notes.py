"""Notes on the data before the first dollar."""

from __future__ import annotations

from typing import Any

from tune.plan.notes import data_notes
from tune.task.example import Data
from tune.task.load import load_data


def data(targets: list[Any], texts: list[str] | None = None) -> Data:
    rows = [
        {"text": texts[i] if texts else f"text {i}", "label": target}
        for i, target in enumerate(targets)
    ]
    return load_data(rows, inputs=("text",), target="label")


def notes(given: Data, metric: str = "exact_match", *, default: bool = False) -> str:
    return " ".join(data_notes(given, metric=metric, is_default_space=default))


def test_plain_labels_need_no_note() -> None:
    assert notes(data(["good", "bad"] * 10), default=True) == ""


def test_spellings_of_one_label_are_shown_with_their_rows() -> None:
    said = notes(data(["good", "Good ", "bad", "bad"] * 5))
    assert "spelled in several ways: 'good' (row 1) and 'Good ' (row 2)" in said


def test_labels_that_are_numbers_need_an_explanation_of_the_users_own() -> None:
    numbers = data(["1", "2"] * 10)
    assert "are numbers" in notes(numbers, default=True)
    assert notes(numbers, default=False) == ""


def test_lists_are_labels_or_accepted_answers() -> None:
    lists = data([["a", "b"], ["a"]] * 10)
    assert "names exactly these" in notes(lists, "same_set")
    assert "when it is one of them" in notes(lists, "one_of")
    assert notes(lists, "contains") == ""


def test_rows_that_contradict_each_other_set_a_limit() -> None:
    said = notes(data(["a", "b", "a", "a"], ["same", "same", "same", "other"]))
    assert "3 rows" in said
    assert "rows 1 and 2 want 'a' and 'b'" in said
    assert "no more" not in said
    assert "more than 75.0% of the rows" in said
