"""The report made again: of a study that is finished, was killed, or is still running."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import tune
from tests.support.kept import cut_journal
from tune.errors import InputError, StudyError
from tune.followup.report import report
from tune.store.journal import Journal, read_events


def test_a_finished_study_is_written_as_it_was(kept: Path, tmp_path: Path) -> None:
    before = tune.Study.load(kept)
    study = report(kept, tmp_path / "out")
    assert study.record.winner == before.record.winner
    assert study.record.money.spent_now == 0
    for name in ("answers.jsonl", "answers.csv", "trials.csv"):
        assert (tmp_path / "out" / name).read_text() == (kept / name).read_text()
    text = (tmp_path / "out" / "report.md").read_text()
    assert before.record.headline in text.replace("\\", "")


def test_a_killed_study_shows_what_its_journal_holds(kept: Path) -> None:
    before = tune.Study.load(kept)
    cut_journal(kept, waves=2)
    journal = (kept / "study.jsonl").read_bytes()
    study = report(kept)
    assert study.stopped == "interrupted"
    assert study.record.interrupted
    assert study.record.winner is not None
    assert study.record.winner.holdout is None
    draws = sum(trial.draws for trial in study.record.trials)
    assert 0 < draws < sum(trial.draws for trial in before.record.trials)
    # What was paid is in the store, and stays paid.
    assert study.record.money.spent == pytest.approx(before.record.money.spent)
    assert study.record.draws_bought == before.record.draws_bought
    assert "The run was interrupted" in (kept / "report.md").read_text()
    assert (kept / "study.jsonl").read_bytes() == journal
    assert {row.part for row in study.answer_rows()} == {"tuning"}


def test_a_running_study_is_shown_and_not_disturbed(kept: Path, tmp_path: Path) -> None:
    cut_journal(kept, waves=2)
    with Journal(kept / "study.jsonl"):
        study = report(kept, tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text()
    assert "still running" in text
    assert "was interrupted" not in text
    assert study.stopped == "running"


def test_a_study_that_has_scored_nothing_yet_has_a_report(kept: Path) -> None:
    cut_journal(kept, waves=0)
    lines = (kept / "study.jsonl").read_text().splitlines(keepends=True)
    (kept / "study.jsonl").write_text(lines[0])
    study = report(kept)
    assert study.record.winner is None
    assert (kept / "report.md").is_file()


def test_answers_that_were_lost_are_read_from_the_store_again(kept: Path) -> None:
    answers = (kept / "answers.jsonl").read_text()
    (kept / "answers.jsonl").unlink()
    report(kept)
    assert (kept / "answers.jsonl").read_text() == answers


def test_a_store_that_is_gone_leaves_a_report_that_says_so(
    kept: Path, tmp_path: Path
) -> None:
    (kept / "answers.jsonl").unlink()
    report(kept, tmp_path / "out", store=str(tmp_path / "none.db"))
    text = (tmp_path / "out" / "report.md").read_text()
    assert "Answers are missing: the draws of the study in" in text
    cut_journal(kept, waves=2)
    with pytest.raises(StudyError, match="say where with --store"):
        report(kept, tmp_path / "out", store=str(tmp_path / "none.db"))


def test_without_content_no_text_is_in_any_file(kept: Path, tmp_path: Path) -> None:
    report(kept, tmp_path / "out", content=False)
    row = json.loads((kept / "answers.jsonl").read_text().splitlines()[0])
    for path in (tmp_path / "out").iterdir():
        assert row["inputs"]["text"] not in path.read_text()


def test_a_folder_without_a_study_or_of_another_version_is_one_sentence(
    kept: Path, tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match="there is no study in"):
        report(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "study.jsonl").write_text('{"event": "other"}\n')
    with pytest.raises(StudyError, match="no study, or of another version"):
        report(tmp_path / "empty")
    cut_journal(kept, waves=2)
    events = read_events(kept / "study.jsonl")
    del events[0]["kept"]
    (kept / "study.jsonl").write_text(
        "".join(json.dumps(event) + "\n" for event in events)
    )
    with pytest.raises(InputError, match="another version of tune, which did not keep"):
        report(kept)


def test_what_a_journal_names_is_imported_only_if_the_user_says_so(
    kept: Path, tmp_path: Path
) -> None:
    cut_journal(kept, waves=1)
    events = read_events(kept / "study.jsonl")
    events[0]["kept"]["options"]["metric"] = "json:dumps"
    (kept / "study.jsonl").write_text(
        "".join(json.dumps(event) + "\n" for event in events)
    )
    with pytest.raises(tune.TuneError, match="say that it may be with --allow-import"):
        report(kept, tmp_path / "out")


def test_data_that_was_given_in_python_must_be_given_again(kept: Path) -> None:
    cut_journal(kept, waves=2)
    events = read_events(kept / "study.jsonl")
    data = events[0]["kept"]["options"].pop("data")
    events[0]["kept"]["missing"] = ["data"]
    (kept / "study.jsonl").write_text(
        "".join(json.dumps(event) + "\n" for event in events)
    )
    with pytest.raises(InputError, match="was given its data as objects in Python"):
        report(kept)
    moved = shutil.copy(data, kept.parent / "moved.jsonl")
    # The name of the file is the name of the data, and no part of what makes the study.
    assert report(kept, data=str(moved)).record.winner is not None
