"""A finished study under other prices and limits: the same draws, another choice, and nothing sent or touched."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faults import Fault, Model
from server import Server, sometimes
from world import LabelledWorld

import tune
from tune.cli import main
from tune.commands import BAD_INPUT, DONE
from tune.database import Database
from tune.errors import InputError, StudyError
from tune.reprice import reprice

WORLD = LabelledWorld(models={"small": 0.5, "large": 0.85})
PRICES = ["small=0.10/0.40", "large=1.0/4.0"]
SPACE: dict[str, Any] = {
    "model": ["small", "large"],
    "prompt": {"short": "Label this ticket: {text}", "reasoned": "Think step by step, then label: {text}"},
    "temperature": tune.Uniform(0, 1.0, step=0.5),
    "n": tune.Integers(1, 3),
    "max_tokens": tune.Integers(8, 64, log=True),
    "aggregate": ["first", "vote"],
    "answer": {"labels": list(WORLD.labels)},
}
MODELS = {"small": Model(0.10, 0.40), "large": Model(1.0, 4.0)}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(models=MODELS, world=WORLD) as started:
        yield started


@pytest.fixture(scope="module")
def once(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[tune.Study, Path]:
    """A finished study, and where it is."""
    folder = tmp_path_factory.mktemp("once")
    return run(server, folder), folder


@pytest.fixture
def finished(once: tuple[tune.Study, Path], tmp_path: Path) -> tune.Study:
    """The finished study, with a copy of its folder in this test's own."""
    shutil.copytree(once[1] / "study", tmp_path / "study")
    return once[0]


def order(server: Server, **more: Any) -> dict[str, Any]:
    base = {"data": WORLD.examples(120), "target": "label", "base_url": server.base_url, "price": PRICES}
    return {**base, "space": tune.Space(**SPACE), **more}


def run(server: Server, folder: Path, **more: Any) -> tune.Study:
    return tune.tune(**order(server, budget=0.05, results=folder / "study", **more))


def again(server: Server, folder: Path, **more: Any) -> tune.Study:
    return reprice(folder / "study", **order(server, **more))


def test_the_same_prices_give_the_same_choice_and_numbers_without_a_call(
    server: Server, tmp_path: Path, finished: tune.Study
) -> None:
    first = finished
    calls, files = len(server.posts), sorted((tmp_path / "study").iterdir())
    journal = (tmp_path / "study" / "study.jsonl").read_bytes()
    study = again(server, tmp_path)
    assert len(server.posts) == calls
    assert (tmp_path / "study" / "study.jsonl").read_bytes() == journal
    assert {f.name for f in (tmp_path / "study").iterdir()} - {"draws.db-wal", "draws.db-shm"} == {
        f.name for f in files
    } - {"draws.db-wal", "draws.db-shm"}
    was, now = first.record, study.record
    assert now.winner == was.winner
    assert now.baseline == was.baseline
    assert now.difference == was.difference
    assert now.trials == was.trials
    assert now.frontier == was.frontier
    assert now.money.spent == was.money.spent
    assert now.money.spent_now == 0
    assert "Read again" in now.notices[0]


def test_a_limit_changes_the_choice_and_what_has_not_met_the_holdout_is_said_to_flatter(
    server: Server, tmp_path: Path, finished: tune.Study
) -> None:
    first = finished
    assert first.best.config.model == "large"
    study = again(server, tmp_path, max_cost_per_request=1.0e-5)
    assert study.best.config.model == "small"
    assert study.best.cost is not None
    assert study.best.cost.mean <= 1.0e-5
    assert "under $1e-05 per request" in study.record.provenance.goal
    if study.record.winner != study.record.baseline:
        assert study.record.winner is not None
        assert (study.record.winner.holdout is None) == (study.record.difference is None)


def test_other_prices_change_costs_by_their_ratio_and_no_quality(
    server: Server, tmp_path: Path, finished: tune.Study
) -> None:
    first = finished
    study = again(server, tmp_path, price=["small=0.20/0.80", "large=2.0/8.0"])
    was, now = first.record.winner, study.record.winner
    assert was is not None
    assert now is not None
    assert now.config == was.config
    assert was.cost is not None
    assert now.cost is not None
    assert now.cost.mean == pytest.approx(2 * was.cost.mean)
    assert now.holdout == was.holdout
    assert [line.input for line in study.record.prices] == [0.2, 2.0]
    assert study.record.money == first.record.money.__class__(
        **{f: getattr(first.record.money, f) for f in first.record.money.__slots__} | {"spent_now": 0.0}
    )


def test_a_new_report_is_written_elsewhere_and_never_into_the_study(
    server: Server, tmp_path: Path, finished: tune.Study
) -> None:
    before = (tmp_path / "study" / "report.md").read_text()
    study = again(server, tmp_path, max_cost_per_request=1e-5, results=tmp_path / "new")
    assert study.folder == tmp_path / "new"
    assert "Read again" in (tmp_path / "new" / "report.md").read_text()
    assert (tmp_path / "study" / "report.md").read_text() == before
    with pytest.raises(InputError, match="another folder"):
        again(server, tmp_path, results=tmp_path / "study")


def test_another_task_is_refused_with_the_difference(server: Server, tmp_path: Path, finished: tune.Study) -> None:
    with pytest.raises(StudyError, match="data"):
        again(server, tmp_path, data=WORLD.examples(100))
    with pytest.raises(StudyError, match="seed"):
        again(server, tmp_path, seed=3)


def test_what_is_missing_is_said_in_a_sentence(server: Server, tmp_path: Path, finished: tune.Study) -> None:
    assert finished.best
    with pytest.raises(StudyError, match="there is no study"):
        again(server, tmp_path / "elsewhere")
    with pytest.raises(StudyError, match="--store"):
        again(server, tmp_path, store=str(tmp_path / "nowhere.db"))
    db = Database(tmp_path / "study" / "draws.db")
    db.execute("DELETE FROM draws WHERE id % 7 = 0")
    db.close()
    calls = len(server.posts)
    with pytest.raises(StudyError, match="the store lacks draws of trial"):
        again(server, tmp_path)
    assert len(server.posts) == calls


def test_examples_that_failed_and_refused_parameters_are_as_they_were(tmp_path: Path) -> None:
    models = {"small": MODELS["small"], "large": Model(1.0, 4.0, refuses=frozenset({"temperature"}))}
    with Server(models=models, world=WORLD, plan=sometimes(0.03, [Fault("refused_content")], seed=2)) as server:
        first = run(server, tmp_path)
        calls = len(server.posts)
        study = again(server, tmp_path)
        assert len(server.posts) == calls
    assert study.record.winner == first.record.winner
    assert study.record.trials == first.record.trials


def test_a_service_without_several_answers_a_call_is_priced_as_it_was(tmp_path: Path) -> None:
    models = {"small": MODELS["small"], "large": Model(1.0, 4.0, refuses=frozenset({"n"}))}
    with Server(models=models, world=WORLD) as server:
        first = run(server, tmp_path)
        study = again(server, tmp_path)
    assert study.record.frontier == first.record.frontier
    assert study.record.winner == first.record.winner


def test_the_command_line_of_the_run_with_one_word_in_front(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, space = tmp_path / "tickets.jsonl", tmp_path / "space.toml"
    data.write_text("\n".join(json.dumps(row) for row in WORLD.examples(60)))
    space.write_text(
        '[space]\nmodel = ["small"]\nmax_tokens = [8, 32]\ntemperature = [0.5, 1.0]\n'
        '[space.prompt]\nshort = "Label this ticket: {text}"\nreasoned = "Think step by step, then label: {text}"\n'
        '[answer]\nlabels = ["refund", "delivery", "complaint", "praise"]\n'
    )
    out = tmp_path / "out"
    flags = [
        "--budget", "0.01", "--data", str(data), "--target", "label", "--space", str(space),
        "--base-url", server.base_url, "--price", "small=0.1/0.4",
    ]  # fmt: skip
    assert main([*flags, "--results", str(out), "--json"]) == DONE
    first = json.loads(capsys.readouterr().out)
    assert main(["reprice", str(out), *flags[:-1], "small=0.3/1.2", "--json"]) == DONE
    record = json.loads(capsys.readouterr().out)
    assert record["best"] == first["best"]
    assert record["cost_per_request"]["mean"] == pytest.approx(3 * first["cost_per_request"]["mean"])
    assert record["spent_now"] == 0
    assert main(["reprice", str(tmp_path / "gone"), *flags]) == BAD_INPUT
