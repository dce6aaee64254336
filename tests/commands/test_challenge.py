"""The command of a challenge hands the flags of the run to the challenge, and shows the result."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tune.commands.challenge import main


class Found:
    """Stands in for the result of a challenge."""

    status = 4

    def to_record(self) -> dict[str, Any]:
        return {"answer": "undecided"}

    def __str__(self) -> str:
        return "It is undecided."


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    given: dict[str, Any] = {}

    def challenge(folder: str, **options: Any) -> Found:
        options.pop("notice")("A notice.")
        given.update(options, folder=folder)
        return Found()

    monkeypatch.setattr("tune.followup.challenge.challenge", challenge)
    return given


def test_the_new_model_its_price_and_the_rates_reach_the_challenge(
    asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [
        "study",
        "--model",
        "new",
        "--budget",
        "0.5",
        "--price",
        "new=1/2",
        "--alpha",
        "0.1",
    ]
    argv += ["--margin", "0.02", "--target", "label", "--results", "elsewhere"]
    assert main(argv) == 4
    assert asked.pop("confirm") is None
    assert asked == {
        "folder": "study",
        "model": "new",
        "budget": 0.5,
        "price": "new=1/2",
        "alpha": 0.1,
        "margin": 0.02,
        "target": "label",
        "allow_host": [],
    }
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("It is undecided.\n", "tune: A notice.\n")


@pytest.mark.parametrize("flag", ["--json", "--quiet"])
def test_json_and_quiet_show_no_notice(
    asked: dict[str, Any], flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["study", "--model", "new", "--budget", "1", flag]) == 4
    shown = capsys.readouterr()
    assert shown.err == ""
    assert json.loads(shown.out or "{}") == (
        {"answer": "undecided"} if flag == "--json" else {}
    )


@pytest.mark.parametrize(
    "argv",
    [
        ["study", "--budget", "1"],
        ["study", "--model", "new"],
        ["study", "--model", "a", "--model", "b", "--budget", "1"],
    ],
)
def test_a_challenge_needs_one_model_and_a_budget(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(argv)
    assert (
        "exactly one --model NEW, and --budget USD, are needed"
        in capsys.readouterr().err
    )
