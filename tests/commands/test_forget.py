"""The command that forgets hands its flags on, and shows the result."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tune.commands import BAD_INPUT, DONE
from tune.commands.forget import main
from tune.errors import StudyError


class Forgotten:
    """Stands in for what was forgotten."""

    def to_record(self) -> dict[str, Any]:
        return {"prompts": 2}

    def __str__(self) -> str:
        return "Two prompts are gone."


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    given: dict[str, Any] = {}

    def forget(study: str, example: str, *, store: str | None) -> Forgotten:
        given.update(study=study, example=example, store=store)
        return Forgotten()

    monkeypatch.setattr("tune.followup.forget.forget", forget)
    return given


def test_the_flags_reach_the_work_and_its_result_is_shown(
    asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["out", "--example", "t7"]) == DONE
    assert asked == {"study": "out", "example": "t7", "store": None}
    assert capsys.readouterr().out == "Two prompts are gone.\n"


def test_json_is_one_object(
    asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["out", "--example", "t7", "--store", "d.db", "--json"]) == DONE
    assert asked["store"] == "d.db"
    assert json.loads(capsys.readouterr().out) == {"prompts": 2}


def test_without_an_example_nothing_is_forgotten(
    asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["out"])
    assert caught.value.code == BAD_INPUT
    assert "--example" in capsys.readouterr().err
    assert asked == {}


def test_a_study_that_is_not_there_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forget(*_: Any, **__: Any) -> Forgotten:
        raise StudyError("there is no study in 'out'")

    monkeypatch.setattr("tune.followup.forget.forget", forget)
    assert main(["out", "--example", "t7"]) != DONE
    assert capsys.readouterr().err == "tune: there is no study in 'out'\n"
