"""The answers of any configuration, read from the store of a study without its command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import tune
from tune.errors import InputError, StoreError, StudyError
from tune.followup.answers import study_answers, write_answers
from tune.report.answers import read_answers
from tune.stats.intervals import Interval


def quality(interval: Interval | None) -> float:
    assert interval is not None
    return interval.mean


def test_the_answers_of_each_trial_are_those_that_its_score_rests_on(
    kept_once: Path,
) -> None:
    folder = kept_once / "results" / "one"
    for trial in tune.Study.load(folder).record.trials[:3]:
        rows = [
            r for r in study_answers(folder, str(trial.number)) if r.part == "tuning"
        ]
        scores = [row.score for row in rows if row.score is not None]
        assert len(scores) == trial.examples
        assert sum(scores) / len(scores) == pytest.approx(quality(trial.quality))
        assert {row.configuration for row in rows} == {f"config {trial.number}"}


def test_the_winner_from_the_store_is_the_winner_in_the_file(kept_once: Path) -> None:
    folder = kept_once / "results" / "one"
    for name in ("winner", "baseline"):
        again = study_answers(folder, name)
        assert again == tuple(
            row for row in study_answers(folder) if row.configuration == name
        )
        assert {row.part for row in again} >= {"holdout"}


def test_runners_up_have_answers_by_their_name(kept_once: Path) -> None:
    folder = kept_once / "results" / "one"
    row = tune.Study.load(folder).record.runners_up[0]
    scores = [one.score or 0.0 for one in study_answers(folder, "runner-up 1")]
    assert sum(scores) / len(scores) == pytest.approx(quality(row.tuning))


def test_without_content_no_text_is_left(kept_once: Path) -> None:
    folder = kept_once / "results" / "one"
    rows = study_answers(folder, "1", content=False)
    assert not any(row.inputs or row.texts or row.target for row in rows)
    assert all(row.draws for row in rows)


def test_a_configuration_that_is_not_there_is_one_sentence(kept_once: Path) -> None:
    folder = kept_once / "results" / "one"
    with pytest.raises(InputError, match="there is no trial 999: the study has trials"):
        study_answers(folder, "999")
    with pytest.raises(InputError, match="there is no configuration 'best': give"):
        study_answers(folder, "best")
    with pytest.raises(StudyError, match="there is no study in"):
        study_answers(kept_once, "1")


def test_a_store_that_is_gone_is_told_and_the_winner_is_there_without_it(
    kept: Path, kept_once: Path
) -> None:
    store = kept_once / "draws.db"
    away = store.rename(kept_once / "away.db")
    try:
        with pytest.raises(StudyError, match="say where with --store"):
            study_answers(kept, "1")
        assert len(study_answers(kept)) > 0
        assert len(study_answers(kept, "1", store=str(away))) > 0
    finally:
        away.rename(store)


def test_data_that_has_changed_is_told(kept: Path, tmp_path: Path) -> None:
    rows = [{"text": f"ticket {i}", "label": "praise"} for i in range(60)]
    (tmp_path / "other.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows)
    )
    with pytest.raises(StudyError, match="data or its space has changed"):
        study_answers(kept, "1", data=str(tmp_path / "other.jsonl"))


def test_they_are_written_as_lines_or_as_a_table(
    kept_once: Path, tmp_path: Path
) -> None:
    rows = study_answers(kept_once / "results" / "one", "1")
    write_answers(rows, tmp_path / "a.jsonl")
    assert read_answers((tmp_path / "a.jsonl").read_text(), "a") == rows
    write_answers(rows, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(rows)
    assert (tmp_path / "a.csv").stat().st_mode & 0o777 == 0o600
    with pytest.raises(StoreError, match="cannot be written"):
        write_answers(rows, tmp_path / "none" / "a.csv")
