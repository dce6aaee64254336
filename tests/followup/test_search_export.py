"""The whole search for other tools, from a study's folder."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import optuna
import pandas as pd
import pytest

import tune
from tune.commands import BAD_INPUT, DONE
from tune.commands.export import main
from tune.errors import InputError, StudyError
from tune.followup.search_export import export_search


def stored(place: Path) -> optuna.Study:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = JournalStorage(JournalFileBackend(str(place)))
    return optuna.load_study(storage=storage, study_name="one")


def test_optuna_has_each_trial_and_its_score_after_more_and_more_examples(
    kept_once: Path, tmp_path: Path
) -> None:
    folder = kept_once / "results" / "one"
    made = export_search(folder, "optuna", tmp_path / "o.log")
    assert made.notes == ()
    rows = tune.Study.load(folder).record.trials
    trials = stored(tmp_path / "o.log").trials
    assert len(trials) == len(rows)
    for trial, row in zip(trials, rows, strict=True):
        assert row.quality is not None
        assert trial.values == [row.quality.mean, row.cost]
        steps = trial.intermediate_values
        assert max(steps) == row.examples
        assert steps[row.examples] == pytest.approx(row.quality.mean)


def test_without_a_store_the_trials_are_there_and_it_is_said(
    kept: Path, tmp_path: Path
) -> None:
    store = str(tmp_path / "none.db")
    made = export_search(kept, "optuna", tmp_path / "o.log", store=store)
    assert "intermediate values are missing: the draws of the study" in made.notes[0]
    assert len(stored(tmp_path / "o.log").trials) > 0


def test_tables_have_every_reading(kept_once: Path, tmp_path: Path) -> None:
    folder = kept_once / "results" / "one"
    readings = tune.Study.load(folder).record.search.readings
    text = export_search(folder, "csv").text
    assert len(list(csv.DictReader(io.StringIO(text)))) == len(readings)
    export_search(folder / "best.json", "csv", tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == text
    export_search(folder, "parquet", tmp_path / "a.parquet")
    frame = pd.read_parquet(tmp_path / "a.parquet")
    assert len(frame) == len(readings)
    assert frame["quality"].max() == max(one.quality for one in readings)


def test_bad_input_is_one_sentence(
    kept_once: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = kept_once / "results" / "one"
    with pytest.raises(InputError, match="give --out FILE"):
        export_search(folder, "parquet")
    with pytest.raises(StudyError, match="there is no study in"):
        export_search(tmp_path, "csv")
    for name in ("csv", "parquet"):
        with pytest.raises(InputError, match=rf"is a folder: .*search\.{name}$"):
            export_search(folder, name, tmp_path)
    assert main([str(folder), "--to", "optuna"]) == BAD_INPUT
    assert "give --out" in capsys.readouterr().err


def test_the_command_writes_and_tells(
    kept_once: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(kept_once / "results" / "one")
    assert main([folder, "--to", "csv"]) == DONE
    assert capsys.readouterr().out.startswith("trial,model,prompt")
    out = str(tmp_path / "o.log")
    assert main([folder, "--to", "optuna", "--out", out, "--json"]) == DONE
    assert json.loads(capsys.readouterr().out)["written"] == [out]
