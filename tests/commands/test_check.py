"""The command of a check hands its flags to the check, and shows the result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tune.commands import BAD_INPUT
from tune.commands.check import build_check_parser, main


class Found:
    """Stands in for the result of a check."""

    status = 3

    def to_record(self) -> dict[str, Any]:
        return {"decision": "regressed"}

    def junit(self) -> str:
        return "<testsuites/>"

    def __str__(self) -> str:
        return "It has regressed."


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    given: dict[str, Any] = {}

    def check(best: str, data: Any, **options: Any) -> Found:
        options.pop("notice")("A notice.")
        given.update(options, best=best, data=data)
        return Found()

    monkeypatch.setattr("tune.followup.check.check", check)
    return given


def test_only_flags_that_are_given_reach_the_check(
    asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [
        "best.json",
        "--budget",
        "0.5",
        "--margin",
        "0.1",
        "--allow-host",
        "a",
        "--allow-code",
    ]
    assert main(argv) == 3
    assert asked.pop("confirm") is None
    assert asked == {
        "best": "best.json",
        "data": None,
        "budget": 0.5,
        "margin": 0.1,
        "allow_host": ["a"],
        "allow_code": True,
    }
    shown = capsys.readouterr()
    assert shown.out == "It has regressed.\n"
    assert shown.err == "tune: A notice.\n"


def test_json_is_one_object_and_nothing_else(
    asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["best.json", "--budget", "1", "--json"]) == 3
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"decision": "regressed"}
    assert shown.err == ""


def test_quiet_leaves_the_exit_status_alone(
    asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["best.json", "--budget", "1", "--quiet"]) == 3
    assert capsys.readouterr() == ("", "")


def test_junits_file_is_written_or_its_path_is_named(
    asked: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "junit.xml"
    assert main(["best.json", "--budget", "1", "--quiet", "--junit", str(file)]) == 3
    assert file.read_text() == "<testsuites/>"
    nowhere = str(tmp_path / "nowhere" / "junit.xml")
    assert main(["best.json", "--budget", "1", "--junit", nowhere]) == BAD_INPUT
    assert f"{nowhere!r} cannot be written" in capsys.readouterr().err


def test_a_check_needs_a_budget() -> None:
    with pytest.raises(SystemExit):
        build_check_parser().parse_args(["best.json"])
