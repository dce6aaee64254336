"""Single answers as JSON lines and CSV: hostile texts stay texts, and come back unchanged."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given

from tests.support.reports import HOSTILE, texts
from tune.errors import StudyError
from tune.report.answers import (
    AnswerRow,
    answer_records,
    answers_csv,
    answers_jsonl,
    read_answers,
    without_texts,
)


def row(text: str = "It is yes.", **values: object) -> AnswerRow:
    given = {
        "inputs": {"text": text},
        "target": text,
        "texts": (text, text),
        "answers": (text, None),
        "answer": text,
        "votes": {text: 1},
        "draw_scores": (1.0, 0.0),
        "score": 0.5,
        "draws": 2,
        "part": "holdout",
        **values,
    }
    return AnswerRow(
        example="t1",
        configuration="winner",
        **given,  # type: ignore[arg-type]
    )


@given(text=texts)
def test_what_is_written_is_read_back(text: str) -> None:
    rows = (row(text), row(text, part="tuning"))
    written = answers_jsonl(rows).encode("utf-8", "backslashreplace").decode()
    assert read_answers(written, "here") == rows


def test_there_is_one_line_for_each_record() -> None:
    rows = [row(text) for text in HOSTILE]
    lines = answers_jsonl(rows).split("\n")
    assert len(lines) == len(rows) + 1
    assert [json.loads(line)["answer"] for line in lines[:-1]] == HOSTILE


def test_a_damaged_file_is_one_sentence() -> None:
    for text in ("{", "[]", '{"example": "t1"}', '{"example": "t1", "colour": 1}'):
        with pytest.raises(StudyError, match="damaged or of another version"):
            read_answers(text, "there/answers.jsonl")


def test_a_spreadsheet_gets_no_formula_and_one_row_for_each_record() -> None:
    rows = [row(text) for text in HOSTILE]
    read = list(csv.DictReader(io.StringIO(answers_csv(rows))))
    assert len(read) == len(rows)
    for cells in read:
        assert not any(cell.startswith(("=", "+", "@")) for cell in cells.values())
    assert json.loads(read[0]["votes"]) == {HOSTILE[0]: 1}
    assert read[0]["score"] == "0.5"


def test_without_records_there_is_a_header() -> None:
    (header,) = list(csv.reader(io.StringIO(answers_csv([]))))
    assert header[:3] == ["example", "part", "configuration"]


def test_every_row_of_a_frame_has_every_input() -> None:
    first, second = answer_records([row(), row(inputs={"title": "a"})])
    assert list(first) == list(second)
    assert (first["input.text"], first["input.title"]) == ("It is yes.", None)


def test_without_texts_the_numbers_and_the_reason_are_left() -> None:
    kept = without_texts(row("secret", reason="wrong"))
    assert "secret" not in answers_jsonl([kept])
    assert (kept.reason, kept.score, kept.draws, kept.draw_scores) == (
        "wrong",
        0.5,
        2,
        (1.0, 0.0),
    )
