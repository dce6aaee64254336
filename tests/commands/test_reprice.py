"""The command that reprices hands the flags of the run on, and shows the study."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from tune.commands import DONE, FAILED, NO_CONFIG
from tune.commands.reprice import main


class Repriced:
    """Stands in for a study that was read again."""

    stopped = "budget"

    def __init__(self, winner: str | None, keeps_limit: bool | None) -> None:
        self.record = SimpleNamespace(
            unread_stop="", winner=winner, keeps_limit=keeps_limit
        )

    def summary(self) -> dict[str, Any]:
        return {"best": self.record.winner}

    def __str__(self) -> str:
        return f"The best is {self.record.winner}."


@pytest.mark.parametrize(
    ("winner", "keeps_limit", "status"),
    [
        ("a", None, DONE),
        ("a", True, DONE),
        ("a", False, NO_CONFIG),
        (None, None, FAILED),
    ],
)
def test_only_flags_that_are_given_reach_the_work_and_the_status_is_of_its_study(
    winner: str | None,
    keeps_limit: bool | None,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: dict[str, Any] = {}

    def reprice(study: str, **options: Any) -> Repriced:
        asked.update(options, study=study)
        return Repriced(winner, keeps_limit)

    monkeypatch.setattr("tune.followup.reprice.reprice", reprice)
    flags = ["--price", "small=0.3/1.2", "--max-cost-per-request", "0.01"]
    assert main(["out", *flags]) == status
    assert asked == {
        "study": "out",
        "price": ["small=0.3/1.2"],
        "max_cost_per_request": 0.01,
    }
    assert capsys.readouterr().out == f"The best is {winner}.\n"
    assert main(["out", *flags, "--json"]) == status
    assert json.loads(capsys.readouterr().out) == {"best": winner}
