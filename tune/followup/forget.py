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
from tune.followup.place import find_draws, find_journal
from tune.report.answers import CSV, JSONL
from tune.report.private import without_example
from tune.report.text import count
from tune.store.database import Database
from tune.store.erase import Erased, erase_example, shred
from tune.store.evidence import forget_evidence
from tune.store.files import write_private
from tune.store.journal import Journal, dump_event
from tune.study.holdout_file import HOLDOUT_FILE
from tune.study.readout_file import forget_readout
from tune.study.study import MORE_PAGES, recorded_study

REPORTS = ("best.json", "report.html", "report.md", CSV)
"""The files that a study's report writes from its journal."""


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
        """Return the same in JSON's types."""
        return asdict(self)

    def __str__(self) -> str:
        erased = self.erased
        removed = (
            f"{count(erased.draws, 'answer')}, {count(erased.requests, 'prompt')} and "
            f"{count(erased.scores, 'score')}"
        )
        checks = ""
        if erased.checks:
            checks = f" {count(erased.checks, 'check')} of the study had asked about it, too."
        return "\n".join(
            [
                f"Removed of example {self.example!r}: {removed} from the store, which was written "
                f"anew, and what {', '.join(self.files)} showed of it.{checks} What was paid stays "
                f"in the ledger.",
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
    path = find_journal(place)
    where = find_draws(place, store)
    with Journal(path) as journal:
        # The store comes first: without its draws the journal cannot be read again anyway.
        erased = _erase(where, journal, example, place)
        # It has no texts, but its scores are those of this example too.
        forget_readout(place)
        events = [_scrubbed(event, example) for event in journal.events]
        write_private(journal.path, "".join(map(dump_event, events)))
    files = ("study.jsonl", *_rewrite_results(place, events, example))
    kept = tuple(_kept(place, erased, events))
    return ForgetResult(str(place), example, erased, files, kept)


def _rewrite_results(
    place: Path, events: Sequence[Mapping[str, Any]], example: str
) -> list[str]:
    """Write the report and the files of single answers again; return the names of these files."""
    files = []
    # First: the report and `answers.csv` are made of the answers.
    for name in (JSONL, HOLDOUT_FILE):
        if (place / name).is_file():
            _filter_lines(place / name, example)
            files.append(name)
    if any(event["event"] == "result" for event in events):
        # The report is made of the journal, which no longer holds the example.
        recorded_study(place, events).report()
        files += [name for name in REPORTS if (place / name).is_file()]
        files += sorted(page.name for page in place.glob(MORE_PAGES))
    return files


def _erase(where: str, journal: Journal, example: str, place: Path) -> Erased:
    """Take the example out of the store and off the disk."""
    db = Database(where)
    # A hash, not the id: the journal must not keep what is to be forgotten.
    mark = hashlib.sha256(example.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    try:
        study = str(journal.events[0]["id"])
        erased = erase_example(db, study, example)
        again = any(
            event["event"] == "forgotten" and event["mark"] == mark
            for event in journal.events
        )
        if erased.found:
            # Now: if the next step fails, the same command goes on with it.
            journal.append("forgotten", mark=mark)
        elif not (again or erased.checks):
            raise StudyError(
                f"the study in {str(place)!r} has asked nothing about an example {example!r}: give "
                f"the row's `id` where the data has that column, else its number"
            )
        # It has no texts, but scores of this example are among its own.
        forget_evidence(db, study)
        # Deleted rows stay in free pages of the file until it is rewritten.
        shred(db)
    finally:
        db.close()
    return erased


def _scrubbed(event: dict[str, Any], example: str) -> dict[str, Any]:
    """Return the event without what it shows of the example."""
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
    # By line ends alone: `splitlines` would also cut at other characters that texts may hold.
    lines = path.read_text(encoding="utf-8").split("\n")
    kept = []
    for line in filter(None, lines):
        if example not in _ids(json.loads(line)):
            kept.append(f"{line}\n")
    write_private(path, "".join(kept))


def _ids(record: Mapping[str, Any]) -> set[str]:
    # Single answers name their example, and the examples of the holdout themselves.
    return {str(record[name]) for name in ("example", "id") if name in record}


def _kept(
    place: Path, erased: Erased, events: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Return sentences about the study, and about what may still hold the example's texts."""
    found = []
    if any(event["event"] == "forgotten" for event in events):
        found.append(f"The study in {place} can be shown, but not continued.")
    if erased.shared:
        stay, them = ("prompts stay", "them")
        if erased.shared == 1:
            stay, them = ("prompt stays", "it")
        found.append(
            f"{erased.shared} {stay} in the store, because other examples with the same text ask "
            f"for {them} too, in {', '.join(erased.others)}: forget it there as well."
        )
    results = [event for event in events if event["event"] == "result"]
    # A continued study has several results; the last one is shown.
    result = results[-1] if results else None
    if result is not None and result["record"]["report"]["provenance"].get("shots"):
        found.append(
            "Prompts of this study show examples (few-shot): if it is one of them, they still hold "
            "its text."
        )
    found.append(
        "Your data file, copies of this folder and what the services keep are not touched."
    )
    return found
