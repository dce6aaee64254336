"""The command that reconciles hands its flags on, and shows the study."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from tune.commands import BAD_INPUT, DONE
from tune.commands.reconcile import main


class Reconciled:
    """Stands in for a study whose ledger agrees with the bill."""

    stopped = "budget"
    record = SimpleNamespace(unread_stop="", winner="a", keeps_limit=None)

    def summary(self) -> dict[str, Any]:
        return {"uncertain": 0.0}

    def __str__(self) -> str:
        return "Nothing is uncertain."


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    given: dict[str, Any] = {}

    def reconcile(study: str, **options: Any) -> Reconciled:
        given.update(options, study=study)
        return Reconciled()

    monkeypatch.setattr("tune.followup.reconcile.reconcile", reconcile)
    return given


def test_without_flags_the_services_are_asked(
    asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["out"]) == DONE
    assert asked == {
        "study": "out",
        "billed": None,
        "store": None,
        "key_env": None,
        "allow_host": (),
        "confirm": None,
    }
    assert capsys.readouterr().out == "Nothing is uncertain.\n"


def test_every_flag_reaches_the_work_and_json_is_one_object(
    asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--billed", "0.25", "--store", "d.db", "--key-env", "KEY", "--json"]
    hosts = ["--allow-host", "a.example", "--allow-host", "b.example"]
    assert main(["out", *flags, *hosts]) == DONE
    assert asked == {
        "study": "out",
        "billed": 0.25,
        "store": "d.db",
        "key_env": "KEY",
        "allow_host": ["a.example", "b.example"],
        "confirm": None,
    }
    assert json.loads(capsys.readouterr().out) == {"uncertain": 0.0}


def test_a_bill_that_is_no_number_is_one_line(
    asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["out", "--billed", "much"])
    assert caught.value.code == BAD_INPUT
    said = capsys.readouterr().err
    assert "--billed" in said
    assert said.count("\n") == 1
    assert asked == {}
