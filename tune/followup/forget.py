"""Remove the texts of one example wherever a study keeps them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tune.errors import StudyError
from tune.report.private import without_example
from tune.store.database import Database
from tune.store.erase import Erased, erase_example, shred
from tune.store.files import write_private
from tune.store.journal import Journal, dump_event
from tune.study.holdout_file import HOLDOUT_FILE
from tune.study.study import find_store, recorded_study

ANSWERS = "answers.jsonl"
"""The file of single answers, where a study has one."""


@dataclass(frozen=True, slots=True)
class ForgetResult:
    """The parts of an example that were removed, and those that were not.

    Attributes:
        study: the study's folder.
        example: the example's id.
        erased: counts of what was removed from the store.
        files: files of the study that were rewritten.
        kept: sentences about what may still hold its texts.
    """

    study: str
    example: str
    erased: Erased
    files: tuple[str, ...]
    kept: tuple[str, ...]

    def to_record(self) -> dict[str, Any]:
        """The same in JSON's types."""
        return asdict(self)

    def __str__(self) -> str:
        erased = self.erased
        return "\n".join(
            [
                f"Removed of example {self.example!r}: {erased.draws} answers, {erased.requests} "
                "prompts and "
                f"{erased.scores} scores from the store, which was written anew, and what "
                f"{', '.join(self.files)} showed "
                f"of it. What was paid stays in the ledger. The study in {self.study} can be "
                "shown, but not continued.",
                *self.kept,
            ]
        )


def forget(
    folder: str | Path, example: str, *, store: str | None = None
) -> ForgetResult:
    """Remove the texts of an example from a study: store, journal, report and answers.

    The study can still be shown. It cannot be continued or read again, because its decisions rest
    on what is gone.

    Args:
        folder: the study's results folder.
        example: the example's id: the row's `id`, or its number.
        store: the study's store; by default `draws.db` in its folder or the one above.

    Raises:
        StudyError: there is no such study or example, or the study is running.
        StoreError: the store cannot be written, or another process uses it.
    """
    place = Path(folder)
    if not (place / "study.jsonl").is_file():
        raise StudyError(
            f"there is no study in {str(place)!r}: give the folder that holds its study.jsonl"
        )
    where = store or find_store(place)
    if "://" not in where and not Path(where).is_file():
        raise StudyError(
            f"there is no store {where!r}: give the --store that the study was run with"
        )
    with Journal(place / "study.jsonl") as journal:
        erased = _erase(where, journal, example, place)
        events = [_scrubbed(event, example) for event in journal.events]
        write_private(journal.path, "".join(map(dump_event, events)))
    files = ["study.jsonl"]
    if any(event["event"] == "result" for event in events):
        study = recorded_study(place, events)
        study.report()
        files += sorted(
            path.name
            for path in place.iterdir()
            if path.name in ("report.md", "report.html", "best.json")
        )
    for name in (ANSWERS, HOLDOUT_FILE):
        if (place / name).is_file():
            _filter_lines(place / name, example)
            files.append(name)
    return ForgetResult(
        str(place), example, erased, tuple(files), tuple(_kept(erased, events))
    )


def _erase(where: str, journal: Journal, example: str, place: Path) -> Erased:
    """Take the example out of the store and off the disk."""
    db = Database(where)
    # A hash, not the id: the journal must not keep what is to be forgotten.
    mark = hashlib.sha256(example.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    try:
        erased = erase_example(db, str(journal.events[0]["id"]), example)
        again = any(
            event["event"] == "forgotten" and event["mark"] == mark
            for event in journal.events
        )
        if erased.found:
            journal.append(
                "forgotten", mark=mark
            )  # now: if the next step fails, the same command goes on with it
        elif not again:
            raise StudyError(
                f"the study in {str(place)!r} has asked nothing about an example {example!r}: give "
                "the row's `id` "
                f"where the data has that column, else its number"
            )
        # Deleted rows stay in free pages of the file until it is rewritten.
        shred(db)
    finally:
        db.close()
    return erased


def _scrubbed(event: dict[str, Any], example: str) -> dict[str, Any]:
    """The event without what it shows of the example."""
    record = without_example(event, example)
    if event["event"] == "result":
        report = record["record"]["report"]
        # Notices list rows by their id. Other notices stay.
        named = re.compile(rf"\brows? .*(?<!\w){re.escape(example)}(?!\w)")
        report["notices"] = [
            notice for notice in report["notices"] if not named.search(notice)
        ]
    return dict(record)


def _filter_lines(path: Path, example: str) -> None:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    write_private(
        path, "".join(line for line in lines if example not in _ids(json.loads(line)))
    )


def _ids(record: Mapping[str, Any]) -> set[str]:
    return {str(record[name]) for name in ("example", "id") if name in record}


def _kept(erased: Erased, events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return sentences about what may still hold the example's texts."""
    found = []
    if erased.shared:
        found.append(
            f"{erased.shared} prompts stay in the store, because other examples with the same text "
            "ask for them too, "
            f"in {', '.join(erased.others)}: forget it there as well."
        )
    result = next(
        (event for event in reversed(events) if event["event"] == "result"), None
    )
    if result is not None and result["record"]["report"]["provenance"].get("shots"):
        found.append(
            "Prompts of this study show examples (few-shot): if it is one of them, they still hold "
            "its text."
        )
    found.append(
        "Your data file, copies of this folder and what the services keep are not touched."
    )
    return found
