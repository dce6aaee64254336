"""The files of a study that a follow-up is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from tune.errors import StudyError
from tune.followup.place import find_draws, find_journal, study_of


def test_a_folder_without_a_study_is_refused_and_stays_empty(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="there is no study in"):
        find_journal(tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "study.jsonl").touch()
    assert find_journal(tmp_path) == tmp_path / "study.jsonl"


def test_the_store_is_the_stated_one_else_the_one_beside_the_study(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    with pytest.raises(StudyError, match="there is no store"):
        find_draws(folder, None)
    (tmp_path / "draws.db").touch()
    assert Path(find_draws(folder, None)) == tmp_path / "draws.db"
    other = tmp_path / "other.db"
    with pytest.raises(StudyError, match=r"other\.db.*give the --store"):
        find_draws(folder, str(other))
    other.touch()
    assert find_draws(folder, str(other)) == str(other)


def test_the_store_is_found_from_within_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "draws.db").touch()
    monkeypatch.chdir(tmp_path / "study")
    assert Path(find_draws(Path(), None)) == tmp_path / "draws.db"


def test_the_address_of_a_database_is_taken_as_it_is(tmp_path: Path) -> None:
    address = "postgresql://host/draws"
    assert find_draws(tmp_path, address) == address


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ('{"event": "study", "id": "s"}', "s"),
        ('{"event": "study"}', ""),
        ('{"event": "study", "id": null}', ""),
        ('{"event": "study", "id": 7}', ""),
    ],
)
def test_a_study_whose_journal_has_no_name_has_none(
    tmp_path: Path, event: str, name: str
) -> None:
    (tmp_path / "study.jsonl").write_text(event + "\n")
    assert study_of(tmp_path) == name
    assert study_of(tmp_path / "best.json") == name
