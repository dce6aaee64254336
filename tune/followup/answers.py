"""The answers of any configuration of a study, from the draws in its store. Nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tune.errors import InputError, StoreError, StudyError
from tune.followup.kept_study import KeptStudy, read_study
from tune.report.answers import (
    AnswerRow,
    answers_csv,
    answers_jsonl,
    without_texts,
)
from tune.result.answers import BASELINE, WINNER, config_answers
from tune.space import Config
from tune.store.files import write_private
from tune.study.record import RunRecord
from tune.study.study import Study, recorded_study

ASIDE = "answers"
"""The name on the ledger: nothing is booked on it."""


def study_answers(
    folder: str | Path,
    config: str | None = None,
    *,
    content: bool = True,
    allow_import: bool = False,
    **given: Any,
) -> tuple[AnswerRow, ...]:
    """Return the answers of a configuration to each example.

    Args:
        folder: the study's results folder.
        config: "winner", "baseline", "runner-up K", or the number of a trial, whose best reading
            is taken. Without it the answers of winner and baseline are read from the file beside
            the report.
        content: with the texts of the examples.
        allow_import: modules may be imported that the study's journal names.
        given: `data`, `space` or `store`, where they are elsewhere now.

    Raises:
        StudyError: there is no such study or configuration, or its store is gone.
        InputError: the study's options cannot be read again.
    """
    place = Path(folder)
    events = read_study(place)
    if config is None:
        rows = tuple(recorded_study(place, events).answer_rows())
    else:
        study = KeptStudy(place, given, allow_import)
        rows = _answers(study, _finished(place, events), config)
    if not content:
        rows = tuple(map(without_texts, rows))
    return rows


def write_answers(rows: Sequence[AnswerRow], out: str | Path) -> None:
    """Write answers as JSON lines or as CSV, by the ending of the file, for their owner alone.

    Raises:
        StoreError: the file cannot be written.
    """
    place = Path(out)
    text = answers_csv(rows) if place.suffix == ".csv" else answers_jsonl(rows)
    try:
        write_private(place, text)
    except OSError as error:
        raise StoreError(
            f"{str(place)!r} cannot be written: {error.strerror}"
        ) from None


def _finished(place: Path, events: Sequence[Mapping[str, Any]]) -> Study | None:
    """Return the study's result; None if it has none yet."""
    if any(event["event"] == "result" for event in events):
        return recorded_study(place, events)
    return None


def _answers(
    study: KeptStudy, finished: Study | None, config: str
) -> tuple[AnswerRow, ...]:
    with study.replayed(as_study=ASIDE) as (_, record):
        name = f"config {config}" if config.isdecimal() else config
        return config_answers(record, {name: _find_config(record, finished, config)})


def _find_config(record: RunRecord, finished: Study | None, wanted: str) -> Config:
    """Return the configuration that a user names.

    Raises:
        InputError: there is none of this name.
        StudyError: the trial of this number has no score.
    """
    if wanted.isdecimal():
        standing = record.standings.get(int(wanted))
        if standing is None:
            raise InputError(
                f"there is no trial {wanted}: the study has trials 0 to {len(record.trials) - 1}"
            )
        best = standing.best(record.problem)
        if best is None:
            raise StudyError(f"trial {wanted} has no scored example")
        return best.config
    named: dict[str, Config] = {BASELINE: record.plan.baseline}
    if record.selection is not None:
        named[WINNER] = record.selection.shown.config
    if finished is not None:
        report = finished.record
        for row in (report.winner, report.deployable, *report.runners_up):
            if row is not None:
                named[row.name] = row.config
    if wanted not in named:
        raise InputError(
            f"there is no configuration {wanted!r}: give the number of a trial, or one of "
            f"{', '.join(named)}"
        )
    return named[wanted]
