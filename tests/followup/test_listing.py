"""The studies of a results folder: finished, killed, running, and files of other versions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import tune
from tests.support.kept import cut_journal
from tune.errors import InputError
from tune.followup.listing import list_studies, listing
from tune.store.journal import Journal


def test_each_study_stands_with_its_winner_and_its_dollars(kept_once: Path) -> None:
    found = list_studies(kept_once / "results")
    assert {Path(one.folder).name for one in found} == {"one", "two"}
    for one in found:
        study = tune.Study.load(one.folder)
        assert study.record.winner is not None
        assert study.record.winner.quality is not None
        assert one.quality == study.record.winner.quality.mean
        assert one.spent == study.record.money.spent
        assert (one.budget, one.state, one.on) == (0.005, study.stopped, "holdout")
        assert one.data == "tickets"
    text = listing(found)
    assert len(text.splitlines()) == 3
    assert "small, prompt" in text


def test_a_study_without_a_result_shows_what_its_ledger_says(
    kept_once: Path, tmp_path: Path
) -> None:
    shutil.copytree(kept_once / "results", tmp_path / "results")
    cut_journal(tmp_path / "results" / "one", waves=1)
    spent = tune.Study.load(kept_once / "results" / "one").record.money.spent
    (one,) = list_studies(tmp_path / "results" / "one")
    assert (one.state, one.winner, one.quality) == ("interrupted", "", None)
    assert one.spent == pytest.approx(spent)
    with Journal(tmp_path / "results" / "one" / "study.jsonl"):
        (one,) = list_studies(tmp_path / "results" / "one")
    assert one.state == "running"


def test_one_bad_folder_does_not_hide_the_others(
    kept_once: Path, tmp_path: Path
) -> None:
    shutil.copytree(kept_once / "results", tmp_path / "results")
    for name, text in (("old", '{"event": "x"}\n'), ("torn", "{")):
        (tmp_path / "results" / name).mkdir()
        (tmp_path / "results" / name / "study.jsonl").write_text(text)
    found = list_studies(tmp_path / "results")
    assert len(found) == 4
    assert listing(found).count("another version") == 2


def test_a_folder_without_studies_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no study in"):
        list_studies(tmp_path)
    with pytest.raises(InputError, match="there is no folder"):
        list_studies(tmp_path / "none")
