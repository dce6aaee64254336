"""The journal and the store of the study that a follow-up is about."""

from __future__ import annotations

from pathlib import Path

from tune.errors import StudyError
from tune.store.journal import read_events
from tune.study.study import find_store


def find_journal(folder: Path) -> Path:
    """Return the journal of the study in a results folder.

    Raises:
        StudyError: there is no study.
    """
    journal = folder / "study.jsonl"
    # Opening a journal creates it, so a wrong folder would get an empty one.
    if not journal.is_file():
        raise StudyError(
            f"there is no study in {str(folder)!r}: give the folder that holds its study.jsonl"
        )
    return journal


def study_of(place: Path) -> str:
    """Return the name that the store has for the study of a folder, or of a file in it.

    "" where there is no study, as beside a `best.json` that was copied elsewhere, and where the
    journal does not name it.
    """
    folder = place if place.is_dir() else place.parent
    journal = folder / "study.jsonl"
    events = read_events(journal) if journal.is_file() else []
    name = events[0].get("id") if events else ""
    return name if isinstance(name, str) else ""


def find_draws(folder: Path, store: str | None) -> str:
    """Return the stated store of a study, else the one in its folder or the folder above.

    Raises:
        StudyError: there is no such file.
    """
    where = store or find_store(folder)
    # Opening a store creates it, too. The address of a database server is no file.
    if "://" not in where and not Path(where).is_file():
        raise StudyError(
            f"there is no store {where!r}: give the --store that the study was run with"
        )
    return where
