"""The command that shows answers hands its flags on, and refuses what it cannot write."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tune.commands import BAD_INPUT, DONE
from tune.commands.answers import main
from tune.errors import StudyError
from tune.report.answers import AnswerRow

ROW = AnswerRow(
    example="t1", part="holdout", configuration="winner", answer="yes", score=1.0
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    given: dict[str, Any] = {}

    def answers(*place: Any, **options: Any) -> tuple[AnswerRow, ...]:
        given.update(options, place=place)
        return (ROW,)

    def write(rows: Any, out: str) -> None:
        given["out"] = out

    monkeypatch.setattr("tune.followup.answers.study_answers", answers)
    monkeypatch.setattr("tune.followup.answers.write_answers", write)
    return given


def test_the_flags_reach_the_work(
    asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--config", "3", "--data", "d.csv", "--store", "s.db", "--no-content"]
    assert main(["out", *flags, "--out", "a.csv"]) == DONE
    assert asked == {
        "place": ("out", "3"),
        "content": False,
        "allow_import": False,
        "data": "d.csv",
        "store": "s.db",
        "out": "a.csv",
    }
    said = capsys.readouterr().out
    assert "winner: 1 holdout examples; none is wrong" in said
    assert "All 1 are in a.csv." in said


def test_json_is_one_object(
    asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["out", "--json", "--allow-import"]) == DONE
    (row,) = json.loads(capsys.readouterr().out)["answers"]
    assert (row["example"], row["score"]) == ("t1", 1.0)
    assert asked["allow_import"]


def test_a_file_of_another_kind_is_refused_before_any_work(
    asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["out", "--out", "a.xlsx"])
    assert caught.value.code == BAD_INPUT
    assert "a .jsonl or a .csv file" in capsys.readouterr().err
    assert asked == {}


def test_a_store_that_is_gone_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answers(*_: Any, **__: Any) -> None:
        raise StudyError("the draws of the study are not there")

    monkeypatch.setattr("tune.followup.answers.study_answers", answers)
    assert main(["out", "--config", "1"]) != DONE
    assert capsys.readouterr().err == "tune: the draws of the study are not there\n"
