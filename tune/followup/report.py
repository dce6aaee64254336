"""The report of a study in its folder, made again: finished, interrupted or running."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tune.errors import TuneError
from tune.export import Deployment
from tune.followup.kept_study import KeptStudy
from tune.report import Report
from tune.report.answers import AnswerRow, without_texts
from tune.report.private import without_content
from tune.store.journal import is_held
from tune.study.stop_reasons import INTERRUPTED
from tune.study.study import Study, recorded_study

RUNNING = "The study is still running: these are its numbers until now."

WATCHED = "running"
"""What stands for the reason of the end while there is none."""


def report(
    folder: str | Path,
    out: str | Path | None = None,
    *,
    content: bool = True,
    answers: int | None = None,
    allow_import: bool = False,
    **given: Any,
) -> Study:
    """Write the report of a study, and return the study. Nothing is sent.

    A finished study is written as it was. Of a study without a result, the report is made of the
    waves that its journal holds, and says so.

    Args:
        folder: the study's results folder.
        out: another folder for the files.
        content: with the texts of examples and answers.
        answers: examples whose answers the page shows; all that fit unless given.
        allow_import: modules may be imported that the study's journal names.
        given: `data`, `space` or `store`, where they are elsewhere now.

    Raises:
        StudyError: there is no study, or it has no result and its store is gone.
        InputError: the options of a study without a result cannot be read again.
        StoreError: the files cannot be written.
    """
    kept = KeptStudy(Path(folder), given, allow_import)
    if kept.events[-1]["event"] == "result" or _has_ended(kept):
        study = _recorded(kept)
    else:
        study = _interim(kept)
    if not content:
        study = _without_texts(study)
    target = Path(folder) if out is None else Path(out)
    study.report(target, answers=answers)
    study.folder = target
    return study


def _has_ended(kept: KeptStudy) -> bool:
    """Return whether the last run has a result; later events may only be notes about it."""
    return kept.stopped != INTERRUPTED


def _recorded(kept: KeptStudy) -> Study:
    """Return a study with a result, and with its answers where they can be had."""
    study = recorded_study(kept.folder, kept.events)
    try:
        study.answer_rows()
    except TuneError:
        try:
            rows = _answers(kept)
        except TuneError as error:
            notice = f"Answers are missing: {error}."
            shown = replace(study.record, notices=(*study.record.notices, notice))
            return _study(kept.folder, shown, study.stopped, study.deployment, ())
        return _study(kept.folder, study.record, study.stopped, study.deployment, rows)
    return study


def _answers(kept: KeptStudy) -> tuple[AnswerRow, ...]:
    from tune.result.answers import main_answers

    with kept.replayed(as_study="answers") as (_, record):
        return main_answers(record)


def _interim(kept: KeptStudy) -> Study:
    """Return a study without a result, as its journal leaves it."""
    from tune.result import build_report, deploy
    from tune.result.answers import main_answers

    running = is_held(kept.folder / "study.jsonl")
    with kept.replayed(as_study=str(kept.events[0]["id"])) as (_, record):
        shown = build_report(record)
        # Reading it again spends nothing.
        shown = replace(shown, money=replace(shown.money, spent_now=0.0))
        stopped = INTERRUPTED
        if running:
            stopped = WATCHED
            shown = replace(
                shown,
                interrupted=False,
                stopped="it is still running",
                notices=(RUNNING, *shown.notices),
            )
        deployment = deploy(record, shown)
        return _study(kept.folder, shown, stopped, deployment, main_answers(record))


def _study(
    folder: Path,
    shown: Report,
    stopped: str,
    deployment: Deployment | None,
    rows: Sequence[AnswerRow],
) -> Study:
    return Study(shown, folder, stopped=stopped, deployment=deployment, answers=rows)


def _without_texts(study: Study) -> Study:
    rows = tuple(map(without_texts, study.answer_rows()))
    shown = without_content(study.record)
    return _study(study.folder, shown, study.stopped, study.deployment, rows)
