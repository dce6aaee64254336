"""The studies of a results folder, with their winners and their dollars."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tune.errors import InputError, StudyError
from tune.pricing.amounts import dollars, stated_dollars
from tune.pricing.prices import to_dollars
from tune.report.summary import ON_TUNING
from tune.report.text import describe_config
from tune.store.journal import is_held, read_events
from tune.study.study import Study, find_store, recorded_study

JOURNAL = "study.jsonl"


@dataclass(frozen=True, slots=True)
class ListedStudy:
    """One study of a results folder.

    Attributes:
        folder: of its files.
        began: when it began, as ISO 8601.
        state: "running", "interrupted", or why it ended.
        data: the name of its data.
        winner: the selected configuration in a few words; "" without one.
        quality: its mean score; None without one.
        on: "holdout" or "tuning"; "" without one.
        cost: dollars per request of the winner, or None.
        spent: dollars of the study; None if its store is gone.
        budget: dollars.
        note: why nothing more is known of it, or "".
    """

    folder: str
    began: str = ""
    state: str = ""
    data: str = ""
    winner: str = ""
    quality: float | None = None
    on: str = ""
    cost: float | None = None
    spent: float | None = None
    budget: float | None = None
    note: str = ""

    def to_record(self) -> dict[str, Any]:
        """Return the same in JSON's types."""
        return asdict(self)


def list_studies(results: str | Path = "results") -> list[ListedStudy]:
    """Return the studies in a folder and in the folders right below it, the oldest first.

    Raises:
        InputError: there is no such folder, or it holds no study.
    """
    place = Path(results)
    if not place.is_dir():
        raise InputError(f"there is no folder {str(place)!r}: give the results folder")
    folders = [place, *sorted(each for each in place.iterdir() if each.is_dir())]
    found = []
    for folder in folders:
        if (folder / JOURNAL).is_file():
            found.append(_listed(folder))
    if not found:
        raise InputError(
            f"there is no study in {str(place)!r} or in the folders right below it"
        )
    return sorted(found, key=lambda one: one.began)


def listing(studies: Sequence[ListedStudy]) -> str:
    """Return the studies as a table for a terminal."""
    rows = [["study", "state", "score", "$/request", "spent", "budget", "winner"]]
    for one in studies:
        score = ""
        if one.quality is not None:
            # A score on tuning examples flatters, so it is marked.
            mark = "*" if one.on == "tuning" else ""
            score = f"{one.quality:.3f}{mark}"
        rows.append(
            [
                one.folder,
                one.state,
                score,
                "" if one.cost is None else dollars(one.cost),
                "" if one.spent is None else dollars(one.spent),
                "" if one.budget is None else stated_dollars(one.budget),
                one.winner or one.note,
            ]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    if any(one.on == "tuning" for one in studies):
        lines.append(ON_TUNING)
    return "\n".join(lines)


def _listed(folder: Path) -> ListedStudy:
    path = folder / JOURNAL
    events = read_events(path)
    if not events or events[0]["event"] != "study":
        return ListedStudy(str(folder), note="no study, or of another version of tune")
    first = events[0]
    limits = [event for event in events if event["event"] in ("study", "continue")]
    running = is_held(path)
    base = ListedStudy(
        folder=str(folder),
        began=str(first.get("began", "")),
        state="running" if running else "interrupted",
        # The study's id is the name of its data, with a few digits behind it.
        data=str(first["id"]).rpartition("-")[0],
        spent=_spent(folder, first),
        budget=limits[-1]["budget"],
    )
    try:
        study = recorded_study(folder, events)
    except StudyError:
        return base
    except (KeyError, TypeError, ValueError):
        note = "its result is of another version of tune"
        return _changed(base, state="", note=note)
    return _with_result(base, study, running)


def _with_result(base: ListedStudy, study: Study, running: bool) -> ListedStudy:
    report, winner = study.record, study.record.winner
    found: dict[str, Any] = {
        "state": "running" if running else study.stopped,
        "spent": report.money.spent,
    }
    if winner is not None and winner.quality is not None:
        found["winner"] = describe_config(winner.config)
        found["quality"] = winner.quality.mean
        found["on"] = "tuning" if winner.holdout is None else "holdout"
        found["cost"] = None if winner.cost is None else winner.cost.mean
    return _changed(base, **found)


def _changed(base: ListedStudy, **values: Any) -> ListedStudy:
    return ListedStudy(**{**asdict(base), **values})


def _spent(folder: Path, first: dict[str, Any]) -> float | None:
    """Return what the ledger has charged a study, also while it is running."""
    kept = (first.get("kept") or {}).get("options", {})
    store = kept.get("store") or find_store(folder)
    place = Path(store.removeprefix("sqlite:///"))
    if not place.is_file():
        return None
    try:
        address = f"{place.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as db:
            row = db.execute(
                "SELECT settled + uncertain FROM ledgers WHERE study = ?",
                (first["id"],),
            ).fetchone()
    except sqlite3.Error:
        # The list is there all the same: a store of another version has other tables.
        return None
    if row is None:
        return None
    return to_dollars(row[0])
