"""A finished study under other prices and limits: the same draws, another choice, and nothing sent
or touched.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.support.fixtures import MODELS, PRICES, PROMPTS, dimensions
from tune.commands import BAD_INPUT, DONE
from tune.commands.cli import main
from tune.errors import InputError, StudyError
from tune.fakes.faults import Fault, Model
from tune.fakes.server import Server, fail_sometimes
from tune.fakes.world import LabelledWorld
from tune.followup.reprice import reprice
from tune.report.serialize import dump
from tune.store.database import Database
from tune.store.journal import Journal
from tune.study import readout_file, trial_reader
from tune.study.readout_file import READOUT_FILE

WORLD = LabelledWorld(models={"small": 0.5, "large": 0.85})
SPACE = dimensions(temperature=tune.Uniform(0, 1.0, step=0.5))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(models=MODELS, world=WORLD) as started:
        yield started


@pytest.fixture(scope="module")
def once(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> tuple[tune.Study, Path]:
    """A finished study, and where it is."""
    folder = tmp_path_factory.mktemp("once")
    return run(server, folder), folder


@pytest.fixture
def finished(once: tuple[tune.Study, Path], tmp_path: Path) -> tune.Study:
    """The finished study, with a copy of its folder in this test's own."""
    shutil.copytree(once[1] / "study", tmp_path / "study")
    return once[0]


def order(server: Server, **more: Any) -> dict[str, Any]:
    base = {
        "data": WORLD.examples(80),
        "target": "label",
        "base_url": server.base_url,
        "price": PRICES,
    }
    return {**base, "space": tune.Space(**SPACE), **more}


def run(server: Server, folder: Path, **more: Any) -> tune.Study:
    return tune.tune(**order(server, budget=0.03, results=folder / "study", **more))


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
    assert {f.name for f in (tmp_path / "study").iterdir()} - {
        "draws.db-wal",
        "draws.db-shm",
    } == {f.name for f in files} - {"draws.db-wal", "draws.db-shm"}
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
    # The answers are those of the new choice, not those in the study's folder.
    assert study.record.winner is not None
    assert study.record.winner.tuning is not None
    rows = [row for row in study.answer_rows() if row.configuration == "winner"]
    on_tuning = [row for row in rows if row.part == "tuning"]
    assert len(on_tuning) == study.record.winner.tuning.n
    assert study.best.cost is not None
    assert study.best.cost.mean <= 1.0e-5
    assert "under $0.00001 per request" in study.record.provenance.goal
    if study.record.winner != study.record.baseline:
        assert study.record.winner is not None
        assert (study.record.winner.holdout is None) == (
            study.record.difference is None
        )


def test_the_notices_are_those_of_the_new_choice_and_of_the_run(
    server: Server, tmp_path: Path, finished: tune.Study
) -> None:
    journal = tmp_path / "study" / "study.jsonl"
    lines = journal.read_text().splitlines()
    result = json.loads(lines[-1])
    report = result["record"]["report"]
    report["run_notices"] = ["small was answered as another model."]
    report["notices"] = [*report["run_notices"], "The old choice asks for 9 answers."]
    journal.write_text("\n".join([*lines[:-1], json.dumps(result)]) + "\n")
    shown = again(server, tmp_path).record.notices
    assert "small was answered as another model." in shown
    assert "The old choice asks for 9 answers." not in shown


VOTING = dimensions(
    model=["large"],
    prompt={"short": PROMPTS["short"]},
    temperature=[0.5],
    n=[1, 5],
    max_tokens=64,
)
"""One answer costs less than five whose vote is the winner: both meet the holdout, as agents take
only the one.
"""


@pytest.fixture(scope="module")
def voted_once(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> tuple[tune.Study, dict[str, Any]]:
    return voted(server, tmp_path_factory.mktemp("voted"))


@pytest.fixture
def vote(
    voted_once: tuple[tune.Study, dict[str, Any]], tmp_path: Path
) -> tuple[tune.Study, dict[str, Any]]:
    """A study whose winner is a vote, with a copy of its folder in this test's own."""
    shutil.copytree(voted_once[0].folder, tmp_path / "study")
    return voted_once


def voted(
    server: Server, folder: Path, **more: Any
) -> tuple[tune.Study, dict[str, Any]]:
    """A study whose winner is a vote, and what asks for it again; an alias makes the draws the same
    on every port.
    """
    asked = order(
        server,
        space=tune.Space(**VOTING),
        price="large=1.0/4.0",
        seed=1,
        models={"large": {"base_url": server.base_url, "alias": "the service"}},
        **more,
    )
    del asked["base_url"]
    study = tune.tune(**asked, budget=0.3, results=folder / "study")
    assert study.record.winner is not None
    assert study.record.deployable is not None
    assert (study.record.winner.config.n, study.record.deployable.config.n) == (5, 1)
    return study, asked


def test_another_choice_on_the_same_holdout_is_another_look_and_asked_again_it_is_the_same(
    vote: tuple[tune.Study, dict[str, Any]], tmp_path: Path
) -> None:
    first, asked = vote
    journal = tmp_path / "study" / "study.jsonl"
    before = journal.read_bytes()
    same = reprice(tmp_path / "study", **asked, max_cost_per_request=1.0)
    assert same.best.config == first.best.config
    assert (same.record.look, same.record.difference) == (1, first.record.difference)
    assert (
        journal.read_bytes() == before
    )  # the choice is shown as it was: there is nothing to note
    assert first.best.cost is not None
    limit = {"max_cost_per_request": 0.7 * first.best.cost.mean}
    other = reprice(tmp_path / "study", **asked, **limit)
    assert other.best.config.n == 1
    assert other.record.winner is not None
    assert (
        other.record.winner.holdout is not None
    )  # it met the holdout as what agents carry
    assert (other.record.look, other.record.confidence) == (2, pytest.approx(0.995))
    assert any(
        notice.startswith("This is look 2 at the same holdout")
        for notice in other.record.notices
    )
    noted = journal.read_bytes()
    assert noted.startswith(before)
    assert json.loads(noted[len(before) :])["event"] == "look"
    again = reprice(tmp_path / "study", **asked, **limit)
    assert (again.record.look, again.record.difference) == (2, other.record.difference)
    assert (
        reprice(tmp_path / "study", **asked, max_cost_per_request=1.0).record.look == 1
    )
    assert journal.read_bytes() == noted
    shown = tune.tune(**asked, budget=0.3, results=tmp_path / "study").record
    assert (shown.winner, shown.look, shown.money.spent_now) == (
        first.record.winner,
        1,
        0,
    )  # it is over, as it was
    assert journal.read_bytes() == noted


def test_a_study_continued_after_another_look_pays_for_that_too(
    server: Server, tmp_path: Path
) -> None:
    first, asked = voted(server, tmp_path, holdout=0.6)
    assert first.best.cost is not None
    other = reprice(
        tmp_path / "study", **asked, max_cost_per_request=0.7 * first.best.cost.mean
    )
    assert other.record.look == 2
    more = tune.tune(**asked, budget=0.6, results=tmp_path / "study").record
    assert (
        more.look
        in (
            1,
            3,
        )
    )  # the old choice on the same examples is the first look again, else it is the third
    assert more.winner is not None
    assert (more.look == 1) == (more.winner.config == first.best.config)


def test_another_look_that_cannot_be_noted_is_not_taken(
    vote: tuple[tune.Study, dict[str, Any]], tmp_path: Path
) -> None:
    first, asked = vote
    assert first.best.cost is not None
    with (
        Journal(tmp_path / "study" / "study.jsonl"),
        pytest.raises(StudyError, match="another process"),
    ):
        reprice(
            tmp_path / "study", **asked, max_cost_per_request=0.7 * first.best.cost.mean
        )
    with Journal(tmp_path / "study" / "study.jsonl"):
        assert (
            reprice(tmp_path / "study", **asked, max_cost_per_request=1.0).record.look
            == 1
        )


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
        **{f: getattr(first.record.money, f) for f in first.record.money.__slots__}
        | {"spent_now": 0.0}
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


def test_another_task_is_refused_with_the_difference(
    server: Server, tmp_path: Path, finished: tune.Study
) -> None:
    with pytest.raises(StudyError, match="data"):
        again(server, tmp_path, data=WORLD.examples(100))
    with pytest.raises(StudyError, match=r"seed.*: give the options of that run"):
        again(server, tmp_path, seed=3)


def test_what_is_missing_is_said_in_a_sentence(
    server: Server, tmp_path: Path, finished: tune.Study
) -> None:
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


def test_examples_that_failed_and_refused_parameters_are_as_they_were(
    tmp_path: Path,
) -> None:
    models = {
        "small": MODELS["small"],
        "large": Model(1.0, 4.0, refuses=frozenset({"temperature"})),
    }
    with Server(
        models=models,
        world=WORLD,
        plan=fail_sometimes(0.03, [Fault("refused_content")], seed=2),
    ) as server:
        first = run(server, tmp_path)
        calls = len(server.posts)
        study = again(server, tmp_path)
        assert len(server.posts) == calls
    assert study.record.winner == first.record.winner
    assert study.record.trials == first.record.trials


def test_a_service_without_several_answers_a_call_is_priced_as_it_was(
    tmp_path: Path,
) -> None:
    models = {
        "small": MODELS["small"],
        "large": Model(1.0, 4.0, refuses=frozenset({"n"})),
    }
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
        '[space.prompt]\nshort = "Label this ticket: {text}"\nreasoned = "Think step by step, then '
        'label: {text}"\n'
        '[answer]\nlabels = ["refund", "delivery", "complaint", "praise"]\n'
    )
    out = tmp_path / "out"
    flags = [
        "--budget",
        "0.01",
        "--data",
        str(data),
        "--target",
        "label",
        "--space",
        str(space),
        "--base-url",
        server.base_url,
        "--price",
        "small=0.1/0.4",
    ]
    assert main([*flags, "--results", str(out), "--json"]) == DONE
    first = json.loads(capsys.readouterr().out)
    assert main(["reprice", str(out), *flags[:-1], "small=0.3/1.2", "--json"]) == DONE
    record = json.loads(capsys.readouterr().out)
    assert record["best"] == first["best"]
    assert record["cost_per_request"]["mean"] == pytest.approx(
        3 * first["cost_per_request"]["mean"]
    )
    assert record["spent_now"] == 0
    assert main(["reprice", str(tmp_path / "gone"), *flags]) == BAD_INPUT


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The trials whose texts are read, while studies of any size keep what they read."""
    found: list[int] = []
    read_rows = trial_reader.read_rows

    def watched(trial: Any, *args: Any, **named: Any) -> Any:
        found.append(trial.number)
        return read_rows(trial, *args, **named)

    monkeypatch.setattr(trial_reader, "read_rows", watched)
    monkeypatch.setattr(readout_file, "LEAST_DRAWS", 1)
    return found


def plain(study: tune.Study) -> dict[str, Any]:
    """A report without the moment at which it was made."""
    found: dict[str, Any] = dump(study.record)
    del found["provenance"]["date"]
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"price": {"small": (3.0, 1.0), "large": (0.5, 9.0)}},
        {"max_cost_per_request": 1.0e-5},
    ],
    ids=["same", "prices", "limit"],
)
def test_a_study_is_read_again_from_what_was_kept_and_nothing_differs(
    server: Server,
    tmp_path: Path,
    finished: tune.Study,
    reads: list[int],
    changes: dict[str, Any],
) -> None:
    kept = tmp_path / "study" / READOUT_FILE
    assert not kept.exists()
    first = again(server, tmp_path, **changes)
    from_draws = len(reads)
    assert kept.exists()
    # The first reading may have noted another analysis of the holdout.
    kept.unlink()
    first = again(server, tmp_path, **changes)
    reads.clear()
    second = again(server, tmp_path, **changes)
    assert plain(second) == plain(first)
    # Those of the holdout, and pass@k of the winner.
    assert len(reads) <= 4 < from_draws
    assert len(finished.record.trials) > 4


def test_a_run_keeps_what_it_read(
    server: Server, tmp_path: Path, reads: list[int]
) -> None:
    study = run(server, tmp_path)
    kept = tmp_path / "study" / READOUT_FILE
    assert kept.exists()
    reads.clear()
    read = again(server, tmp_path)
    assert len(reads) <= 4 < len(study.record.trials)
    assert read.record.trials == study.record.trials
    assert read.record.bought == study.record.bought
    kept.unlink()
    assert plain(again(server, tmp_path)) == plain(read)


def test_what_is_kept_does_not_stand_for_draws_that_are_gone(
    server: Server, tmp_path: Path, finished: tune.Study, reads: list[int]
) -> None:
    first = again(server, tmp_path)
    kept = tmp_path / "study" / READOUT_FILE
    kept.write_bytes(kept.read_bytes()[:-9])
    assert plain(again(server, tmp_path)) == plain(first)
    db = Database(tmp_path / "study" / "draws.db")
    db.execute("DELETE FROM draws WHERE id % 7 = 0")
    db.close()
    with pytest.raises(StudyError, match="the store lacks draws of trial"):
        again(server, tmp_path)
