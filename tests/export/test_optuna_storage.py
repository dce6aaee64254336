"""The search as an Optuna study: both objectives, intermediate values and attributes come back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import optuna
import pytest
from optuna.trial import TrialState

from tests.support.reports import EMPTY, config, whole
from tune.errors import InputError, StoreError
from tune.export.optuna_storage import check_out, open_storage, write_storage
from tune.report import Report, TrialRow
from tune.space import Point
from tune.stats.intervals import Interval


def trial(number: int, **values: Any) -> TrialRow:
    point = Point({"model": "small", "prompt": "few", "temperature": number / 10})
    given = {
        "state": "complete",
        "examples": 40,
        "draws": 80,
        "spent": 0.25,
        "best": config(**point, n=3, aggregate="vote", stop=("\n",)),
        "quality": Interval(0.5 + number / 10, 0.4, 0.9, 40),
        "cost": 0.001 * (number + 1),
        **values,
    }
    return TrialRow(number, point, **given)


def report() -> Report:
    rows = (
        trial(0),
        trial(1, examples=8, state="stopped", reason="others were preferred"),
        trial(2, quality=None, cost=None, best=None, state="failed", reason="refused"),
    )
    return whole(trials=rows)


@contextmanager
def loaded(place: Path) -> Iterator[optuna.Study]:
    with open_storage(place) as storage:
        yield optuna.load_study(storage=storage, study_name="tickets")


@pytest.mark.parametrize("name", ["o.log", "o.db"])
def test_trials_come_back_with_all_that_they_have(tmp_path: Path, name: str) -> None:
    steps = {0: {8: 0.4, 40: 0.5}, 1: {8: 0.6}}
    write_storage(report(), steps, "tickets", tmp_path / name)
    with loaded(tmp_path / name) as study:
        assert [d.name for d in study.directions] == ["MAXIMIZE", "MINIMIZE"]
        assert study.metric_names == ["exact_match", "cost_per_request"]
        first, second, third = study.trials
        assert (first.state, first.values) == (TrialState.COMPLETE, [0.5, 0.001])
        assert (second.state, second.values) == (TrialState.PRUNED, [0.6, 0.002])
        assert (third.state, third.values) == (TrialState.FAIL, None)
        assert first.intermediate_values == {8: 0.4, 40: 0.5}
        assert first.params["temperature"] == 0.0
        assert (first.params["n"], first.params["stop"]) == (3, '["\\n"]')
        assert second.user_attrs["reason"] == "others were preferred"
        assert first.user_attrs["quality_low"] == 0.4
        assert study.user_attrs["winner"]["model"] == "small"
        assert [one.number for one in study.best_trials] == [0]


def test_where_smaller_is_better_the_score_is_minimized(tmp_path: Path) -> None:
    smaller = replace(report(), larger_is_better=False)
    write_storage(smaller, {}, "tickets", tmp_path / "o.log")
    with loaded(tmp_path / "o.log") as study:
        assert [d.name for d in study.directions] == ["MINIMIZE"] * 2


def test_a_study_without_trials_is_an_empty_one(tmp_path: Path) -> None:
    write_storage(EMPTY, {}, "tickets", tmp_path / "o.log")
    with loaded(tmp_path / "o.log") as study:
        assert study.trials == []


def test_a_file_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"give --out FILE\.db or FILE\.log"):
        check_out(None)
    with pytest.raises(InputError, match="an Optuna storage ends in"):
        check_out("o.csv")
    (tmp_path / "o.db").touch()
    with pytest.raises(InputError, match="exists: give another file"):
        check_out(tmp_path / "o.db")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"):
        write_storage(EMPTY, {}, "tickets", tmp_path / "file" / "o.log")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of a program that is not ours
def test_the_dashboard_of_optuna_shows_trials_objectives_and_steps(
    tmp_path: Path,
) -> None:
    dashboard = pytest.importorskip("optuna_dashboard")
    place = tmp_path / "o.db"
    write_storage(report(), {0: {8: 0.4, 40: 0.5}, 1: {8: 0.6}}, "tickets", place)
    app = dashboard.wsgi(f"sqlite:///{place}")

    def get(path: str) -> Any:
        environ: dict[str, Any] = {"PATH_INFO": path, "QUERY_STRING": "after=0"}
        setup_testing_defaults(environ)
        statuses: list[str] = []
        body = b"".join(app(environ, lambda status, *_: statuses.append(status)))
        assert statuses == ["200 OK"]
        return json.loads(body)

    (study,) = get("/api/studies")["study_summaries"]
    assert study["study_name"] == "tickets"
    shown = get(f"/api/studies/{study['study_id']}")
    assert shown["directions"] == ["maximize", "minimize"]
    assert shown["objective_names"] == ["exact_match", "cost_per_request"]
    first, second, third = shown["trials"]
    assert first["values"] == [0.5, 0.001]
    steps = [(one["step"], one["value"]) for one in first["intermediate_values"]]
    assert steps == [(8, 0.4), (40, 0.5)]
    assert [one["state"] for one in (first, second, third)] == [
        "Complete",
        "Pruned",
        "Fail",
    ]
    assert {one["name"] for one in first["params"]} >= {"model", "prompt", "n"}
