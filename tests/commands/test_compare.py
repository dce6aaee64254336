"""The command that compares hands both names on, and shows what was found."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tune.commands import BAD_INPUT, DONE
from tune.commands.compare import main


class Compared:
    """Stands in for a comparison."""

    def to_record(self) -> dict[str, Any]:
        return {"verdict": "better"}

    def __str__(self) -> str:
        return "B is better."


def test_both_names_reach_the_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: dict[str, Any] = {}

    def compare(first: str, second: str, **options: Any) -> Compared:
        asked.update(options, first=first, second=second)
        return Compared()

    monkeypatch.setattr("tune.followup.compare.compare", compare)
    assert main(["one:3", "two"]) == DONE
    assert asked == {"first": "one:3", "second": "two", "allow_import": False}
    assert capsys.readouterr().out == "B is better.\n"
    assert main(["one", "two", "--json"]) == DONE
    assert json.loads(capsys.readouterr().out) == {"verdict": "better"}


def test_one_name_alone_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["one"])
    assert caught.value.code == BAD_INPUT
    assert "B" in capsys.readouterr().err
