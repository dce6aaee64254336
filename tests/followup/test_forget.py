"""An example is forgotten: no file of the study holds a text of it any more. And reports without
any texts.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.support.fixtures import PROMPTS
from tests.test_tuner_survival import SPACE, WORLD, balance, options
from tune.commands.cli import main
from tune.errors import StoreError, StudyError
from tune.fakes.server import Server
from tune.followup.check import check
from tune.followup.forget import forget
from tune.followup.reprice import reprice
from tune.report.answers import AnswerRow, answers_jsonl
from tune.report.private import without_content, without_example
from tune.report.serialize import dump
from tune.store.database import Database
from tune.study.readout_file import READOUT_FILE

ROWS = 40
SECRET = "Frau Meier from Zwickau"
"""What only one row says."""


def rows() -> list[dict[str, Any]]:
    found = [dict(row) for row in WORLD.examples(ROWS)]
    found[7]["text"] += f" Yours, {SECRET}"
    return [{**row, "id": f"t{number}"} for number, row in enumerate(found)]


def say_no(model: str, prompt: str, settings: Any, seed: int, index: int) -> str:
    """Answers that no rule reads, and that repeat the ticket: reports show samples of them."""
    return f"I would rather not say. You wrote: {prompt}"


def run(
    server: Server, folder: Path, *, budget: float = 0.005, **more: Any
) -> tune.Study:
    space = tune.Space.from_mapping(SPACE)
    return tune.tune(
        rows(),
        space,
        budget=budget,
        **{**options(server, folder), "min_gain": 0, **more},
    )


def holders(folder: Path, text: str = SECRET) -> set[str]:
    """The files below a folder that hold a text, as bytes or as JSON escapes it."""
    return {
        path.name
        for path in folder.rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    folder = tmp_path_factory.mktemp("whole")
    with Server(world=WORLD) as server:
        run(server, folder)
        yield server, folder


@pytest.fixture
def copy(whole: tuple[Server, Path], tmp_path: Path) -> tuple[Server, Path]:
    shutil.copytree(whole[1] / "study", tmp_path / "study")
    return whole[0], tmp_path


def test_what_was_read_off_the_study_is_forgotten(
    copy: tuple[Server, Path],
) -> None:
    kept = copy[1] / "study" / READOUT_FILE
    kept.write_bytes(b"numbers")
    forget(copy[1] / "study", "t7")
    assert not kept.exists()


def test_no_file_of_a_study_holds_a_text_of_an_example_that_was_forgotten(
    copy: tuple[Server, Path],
) -> None:
    _, folder = copy
    assert "draws.db" in holders(folder)
    before = balance(folder / "study")
    forgotten = forget(folder / "study", "t7")
    assert holders(folder) == set()
    assert forgotten.erased.draws > 0
    assert forgotten.erased.requests >= len(PROMPTS)
    assert forgotten.erased.scores > 0
    assert balance(folder / "study") == before
    with contextlib.closing(Database(folder / "study" / "draws.db")) as db:
        assert db.rows("SELECT count(*) FROM examples WHERE name = 't7'") == [(0,)]
        assert db.rows("SELECT count(*) FROM examples") == [(ROWS - 1,)]
        # What it left for later studies has scores of this example too.
        assert db.rows("SELECT count(*) FROM evidence") == [(0,)]
        assert db.rows("PRAGMA integrity_check") == [("ok",)]
        assert db.rows("PRAGMA foreign_key_check") == []


def test_the_study_can_still_be_shown_but_not_be_continued_or_read_again(
    copy: tuple[Server, Path],
) -> None:
    server, folder = copy
    before = tune.Study.load(folder / "study")
    forget(folder / "study", "t7")
    calls = len(server.posts)
    shown = run(server, folder)
    assert shown.best.config == before.best.config
    with pytest.raises(
        StudyError, match="were forgotten, so it can be shown, but not continued"
    ):
        run(server, folder, budget=0.02)
    given = {**options(server, folder), "min_gain": 0}
    del given["results"]
    with pytest.raises(StudyError, match="were forgotten"):
        reprice(folder / "study", rows(), tune.Space.from_mapping(SPACE), **given)
    assert len(server.posts) == calls


def test_what_other_studies_use_stays_and_is_told(
    whole: tuple[Server, Path], tmp_path: Path
) -> None:
    server, _ = whole
    store = str(tmp_path / "draws.db")
    run(server, tmp_path / "one", store=store)
    run(server, tmp_path / "two", store=store)
    forgotten = forget(tmp_path / "one" / "study", "t7", store=store)
    assert forgotten.erased.shared > 0
    assert forgotten.erased.draws == 0
    assert "because other examples with the same text ask for them too" in str(
        forgotten
    )
    assert holders(tmp_path / "one") == set()
    # The other study shows it in its answers, and may have it in its holdout.
    shown = {"holdout.jsonl", "answers.jsonl", "answers.csv"}
    assert holders(tmp_path) - shown == {"draws.db"}
    again = forget(tmp_path / "two" / "study", "t7", store=store)
    assert again.erased.draws > 0
    assert holders(tmp_path) == set()


def test_what_checks_of_the_study_bought_goes_with_the_example(
    copy: tuple[Server, Path],
) -> None:
    _, folder = copy
    study = folder / "study"
    lines = (study / "holdout.jsonl").read_text(encoding="utf-8").splitlines()
    name = json.loads(lines[-1])["id"]
    text = next(row["text"] for row in rows() if row["id"] == name)
    check(study, budget=0.005)
    forgotten = forget(study, name)
    assert (forgotten.erased.checks, forgotten.erased.shared) == (1, 0)
    assert "1 check of the study had asked about it, too." in str(forgotten)
    assert holders(study, text) == set()


def test_an_example_that_only_a_check_met_is_forgotten_and_the_study_goes_on(
    copy: tuple[Server, Path],
) -> None:
    server, folder = copy
    secret = "Herr Schulz from Gera"
    new = [{**row, "id": f"n{at}"} for at, row in enumerate(WORLD.examples(40)[20:])]
    new[3]["text"] += f" Yours, {secret}"
    check(folder / "study", new, budget=0.005, margin=0.3)
    assert "draws.db" in holders(folder, secret)
    forgotten = forget(folder / "study", "n3")
    assert forgotten.erased.draws > 0
    assert "but not continued" not in str(forgotten)
    assert holders(folder, secret) == set()
    run(server, folder, budget=0.006)


def test_an_example_that_nobody_asked_about_and_a_running_study_are_one_sentence(
    copy: tuple[Server, Path],
) -> None:
    _, folder = copy
    with pytest.raises(StudyError, match="has asked nothing about an example 'nobody'"):
        forget(folder / "study", "nobody")
    with pytest.raises(StudyError, match="there is no study in"):
        forget(folder, "t7")
    with pytest.raises(StudyError, match="there is no store"):
        forget(folder / "study", "t7", store=str(folder / "none.db"))
    assert SECRET.encode() in (folder / "study" / "draws.db").read_bytes()
    with contextlib.closing(Database(folder / "study" / "draws.db")) as db:
        assert db.rows("SELECT count(*) FROM evidence") == [(1,)]


def test_a_store_that_another_process_reads_is_told_and_the_command_can_be_given_again(
    copy: tuple[Server, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # SQLite waits for the reader, which does not end here.
    monkeypatch.setattr("tune.store.database._PATIENCE", 0.05)
    _, folder = copy
    with contextlib.closing(Database(folder / "study" / "draws.db")) as reader:
        reader.execute("BEGIN")
        reader.rows("SELECT count(*) FROM draws")
        with pytest.raises(StoreError, match="run the same command again"):
            forget(folder / "study", "t7")
    forget(folder / "study", "t7")
    assert holders(folder) == set()


def test_the_command_says_what_it_removed(
    copy: tuple[Server, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = copy
    assert main(["forget", str(folder / "study"), "--example", "t7"]) == 0
    said = capsys.readouterr().out
    assert "Removed of example 't7'" in said
    assert "the ledger" in said
    assert "copies of this folder" in said
    assert main(["forget", str(folder / "study"), "--example", "t8", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["erased"]["draws"] > 0
    assert main(["forget", str(folder / "study"), "--example", "t99"]) == 2


def test_answers_and_notices_that_show_the_example_are_gone(
    copy: tuple[Server, Path],
) -> None:
    _, folder = copy
    rows = []
    for name in ("t7", "t77"):
        row = AnswerRow(
            example=name,
            part="holdout",
            configuration="winner",
            answer=f"{name} says {SECRET}\u2028",
        )
        rows.append(row)
    answers = folder / "study" / "answers.jsonl"
    answers.write_text(answers_jsonl(rows))
    forget(folder / "study", "t7")
    assert [row.example for row in tune.Study.load(folder / "study").answer_rows()] == [
        "t77"
    ]
    assert "t77" in (folder / "study" / "answers.csv").read_text()
    assert "t7 says" not in (folder / "study" / "answers.csv").read_text()


def test_reports_without_content_show_no_text_of_an_example(tmp_path: Path) -> None:
    with Server(world=say_no) as server:
        shown = run(server, tmp_path / "shown")
        kept = run(server, tmp_path / "kept", no_content=True)
    assert any(unread.samples for unread in shown.record.unread)
    assert not any(unread.samples for unread in kept.record.unread)
    readable = {"report.md", "report.html", "best.json", "study.jsonl", "trials.csv"}
    readable |= {"answers.jsonl", "answers.csv"}
    assert holders(tmp_path / "shown", "I would rather not say") & readable
    assert not holders(tmp_path / "kept", "I would rather not say") & readable


def test_every_record_that_names_an_example_is_left_out(
    whole: tuple[Server, Path],
) -> None:
    record = {
        "report": [{"example": "7", "text": "a"}, {"example": "8", "text": "b"}],
        "trials": {"examples": 3},
    }
    assert without_example(record, "7") == {
        "report": [{"example": "8", "text": "b"}],
        "trials": {"examples": 3},
    }
    report = tune.Study.load(whole[1] / "study").record
    assert '"example":' not in json.dumps(dump(without_content(report)))
