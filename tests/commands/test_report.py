"""The command that writes a report again hands its flags on, and shows the study."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from tune.commands import DONE
from tune.commands.report import main
from tune.report.search_records import Course, WaveRow


class Shown:
    """Stands in for a study."""

    record = SimpleNamespace(
        search=SimpleNamespace(
            course=Course(waves=(WaveRow("search", "wave 1: a \x1b[2J model"),))
        )
    )

    def summary(self) -> dict[str, Any]:
        return {"best": None}

    def __str__(self) -> str:
        return "The best is small."


def test_the_flags_reach_the_work_and_the_study_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: dict[str, Any] = {}

    def report(*place: Any, **options: Any) -> Shown:
        asked.update(options, place=place)
        return Shown()

    monkeypatch.setattr("tune.followup.report.report", report)
    flags = ["--no-content", "--space", "s.toml", "--answers", "9"]
    assert main(["out", "--out", "there", *flags]) == DONE
    assert asked == {
        "place": ("out", "there"),
        "content": False,
        "answers": 9,
        "allow_import": False,
        "space": "s.toml",
    }
    assert capsys.readouterr().out == "The best is small.\n"
    assert main(["out", "--json"]) == DONE
    assert json.loads(capsys.readouterr().out) == {"best": None}


def test_explain_prints_the_lines_of_the_waves_before_the_result(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tune.followup.report.report", lambda *_, **__: Shown())
    assert main(["out", "--explain"]) == DONE
    shown = capsys.readouterr().out
    assert shown.startswith("wave 1: a ")
    assert "\x1b" not in shown
    assert shown.endswith("\n\nThe best is small.\n")
