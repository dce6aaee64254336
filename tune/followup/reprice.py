"""Read a finished study again with other prices or limits. Nothing is sent.

The study stays as it is, but for one line in its journal if another selection is compared on its
holdout: that is another interim analysis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tune.errors import InputError
from tune.export import Deployment
from tune.followup.replay import replay_holdout, replayed, select_replayed
from tune.plan.make import make_plan
from tune.plan.plan import Plan
from tune.plan.read_options import read_options
from tune.report import Report
from tune.report.answers import AnswerRow
from tune.result import build_report, deploy
from tune.result.answers import main_answers
from tune.safety.background import run_apart
from tune.space import Config
from tune.stats.alpha_spending import another_analysis, is_new_analysis
from tune.store.journal import Journal, read_events
from tune.study.resume import (
    GIVE_THE_SAME,
    check_identity,
    check_not_forgotten,
)
from tune.study.run import Run
from tune.study.stop_reasons import PAUSES
from tune.study.study import Study, find_store, recorded_study

MAY_DIFFER = (
    "prices",
    "max_cost_per_request",
    "max_seconds_per_request",
    "goal",
    "min_quality",
    "margin",
)
"""What a study may be read again with: it decides nothing about what was drawn."""

SILENT = "reprice"
"""The name on the ledger: the study's own bill stays as it was."""


def reprice(
    folder: str | Path, data: Any = None, space: Any = None, **options: Any
) -> Study:
    """Read a finished study again with other prices, limits or another goal.

    The draws are those that it bought. The recorded waves are filled from the store, the selection
    is made again from all of them, and the holdout is shown if the selected config met it. The
    study's bill stays as it was. If the study has not yet compared this config with the baseline,
    this is another analysis of the holdout. It is noted in the study's journal, and its intervals
    are wider.

    Args:
        folder: the study's results folder.
        data: as for the run.
        space: as for the run.
        options: as for the run. `price`, `max_cost_per_request`, `max_seconds_per_request` and the
            goal may differ. `results` is a folder for the new report; without it no file is
            written. `store` is the study's; by default `draws.db` in its folder or the one above.

    Raises:
        StudyError: there is no finished study, it is not the one that these options describe, the
            store lacks draws of it, or the new analysis cannot be noted in its folder.
        InputError: an argument cannot be used.
    """
    place = Path(folder)
    events = read_events(place / "study.jsonl")
    before = recorded_study(place, events)
    check_not_forgotten(events, place)
    results = options.pop("results", None)
    store = options.pop("store", None) or find_store(place)
    # A report with other prices in the study's own folder would contradict its journal.
    if results is not None and Path(results).resolve() == place.resolve():
        raise InputError(
            f"the study in {str(place)!r} stays as it is: give another folder with --results"
        )
    # A continued study has a larger budget than it began with.
    options["budget"] = _last(events, "study", "continue")["budget"]
    plan = make_plan(read_options(data=data, space=space, **options))
    check_identity(
        events[0]["identity"],
        plan.identity,
        place,
        besides=MAY_DIFFER,
        remedy=GIVE_THE_SAME,
    )
    report, deployment, answers = run_apart(_reread(plan, place, store))
    study = Study(
        _as_it_was(report, before.record),
        place,
        stopped=before.stopped,
        deployment=deployment,
        answers=answers,
    )
    if results is not None:
        study.report(results)
        study.folder = Path(results)
    return study


async def _reread(
    plan: Plan, place: Path, store: str
) -> tuple[Report, Deployment | None, Sequence[AnswerRow]]:
    """Return the study's report with today's selection, from its journal and its store."""
    with replayed(plan, place, store, as_study=SILENT) as again:
        run = again.run
        choice, single = select_replayed(run)
        test = replay_holdout(run)
        stopped = _last(run.journal.events, "result")["stopped"]
        if choice is not None and test.readings and stopped not in PAUSES:
            _note_look(run, place, choice.tested(test.readings).shown.config)
        record = run.record(choice, single, test, stopped=stopped)
        report = build_report(record)
        if again.is_large:
            again.keep(place)
        return report, deploy(record, report), main_answers(record)


def _note_look(run: Run, place: Path, choice: Config) -> None:
    """Note this comparison as another analysis of the holdout, unless the study already had it.

    Raises:
        StudyError: the study's journal cannot be written.
    """
    baseline = run.plan.baseline
    look = another_analysis(run.journal.events, choice, baseline)
    if look is None:
        return
    # The same comparison again spends nothing of the error budget.
    if is_new_analysis(run.journal.events, look, baseline):
        with Journal(place / "study.jsonl") as journal:
            journal.append(**look)
    run.journal.append(**look)


def _as_it_was(report: Report, before: Report) -> Report:
    """Return the new report with what the old study paid; today's prices do not change that.

    Its notices are those of the new selection, and what the run told about models and money.
    """
    kept = [each for each in before.run_notices if each not in report.notices]
    said = (
        "Read again from the draws of a finished study: its choice is made again, its bill is "
        "what it was."
    )
    return replace(
        report,
        money=replace(before.money, spent_now=0.0),
        draws_bought=before.draws_bought,
        draws_reused=before.draws_reused,
        estimate=before.estimate,
        search=replace(report.search, course=before.search.course),
        stopped=before.stopped,
        notices=(said, *report.notices, *kept),
        run_notices=before.run_notices,
    )


def _last(events: list[dict[str, Any]], *kinds: str) -> dict[str, Any]:
    """Return the latest event of these kinds; there is always one in a finished study."""
    return next(event for event in reversed(events) if event["event"] in kinds)
