"""Read a finished study again with other prices or limits. Nothing is sent.

The study stays as it is, but for one line in its journal if another selection is compared on its
holdout: that is another interim analysis.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from tune.completion import Completion
from tune.errors import InputError, StudyError
from tune.export import Deployment
from tune.plan.make import make_plan
from tune.plan.plan import Plan
from tune.plan.read_options import read_options
from tune.plan.token_counts import offline_endpoints
from tune.pricing.prices import to_picodollars
from tune.providers.capabilities import Capabilities
from tune.providers.stack import Service, StackContext, build_stack
from tune.readout.trial import Step, Trial
from tune.report import Report
from tune.report.answers import AnswerRow
from tune.result import build_report, deploy
from tune.result.answers import study_answers
from tune.safety.background import run_apart
from tune.space import Config
from tune.stats.alpha_spending import another_analysis, is_new_analysis
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.journal import Journal, read_events
from tune.store.ledger import Ledger
from tune.strategies.measured_truncation import PHASES, select_measured
from tune.study.connect import make_evaluator
from tune.study.evaluate import Evaluator
from tune.study.holdout import HoldoutTest, read_holdout_test
from tune.study.kept_draws import KeptDraws, Load
from tune.study.lessons import Lessons
from tune.study.readout_file import (
    Readout,
    digest_trials,
    keep_readout,
    read_readout,
)
from tune.study.resume import (
    GIVE_THE_SAME,
    RecordedWave,
    check_identity,
    check_not_forgotten,
    load_steps,
    read_faults,
)
from tune.study.run import NOT_MET, Run
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
"""The name on the ledger, and the reason why it is closed: nothing may be bought."""


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
    if not Path(store.removeprefix("sqlite:///")).is_file():
        raise StudyError(
            f"the draws of the study in {str(place)!r} are not at {store!r}: say where with --store"
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
    with ExitStack() as stack:
        aside = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        # The run appends events as it goes. They belong into the copy.
        shutil.copy(place / "study.jsonl", aside / "study.jsonl")
        journal = stack.enter_context(Journal(aside / "study.jsonl"))
        db = Database(_copy(store, aside / "draws.db"))
        stack.callback(db.close)
        # A study with --fresh has its own generation of draws.
        generation = journal.events[0]["id"] if plan.fresh else ""
        draws = Store(db, generation=generation)
        ledger = Ledger(db, SILENT, to_picodollars(plan.budget))
        # A closed ledger lets no call through, whatever the code below does.
        ledger.close(SILENT)
        context = StackContext(draws, ledger, Capabilities(), concurrency=1)
        services = _services(plan, context)
        run = Run(plan, journal, services, ledger, _evaluator(plan, services, context))
        kept = _kept_readout(place, journal, draws)
        _replay(run, kept)
        run.note_measured_caps()
        run.end_trials()
        reader = run.evaluator.reader
        if kept is None:
            large = digest_trials(reader, run.trials)
        else:
            large = False
            for number, trial in run.trials.items():
                reader.keep(trial, kept.digests[number])
        choice = select_measured(run.selector.problem(), run.standings.current())
        test = _holdout(run)
        stopped = _last(journal.events, "result")["stopped"]
        if choice is not None and test.readings and stopped not in PAUSES:
            _note_look(run, place, choice.tested(test.readings).shown.config)
        record = run.record(
            choice, run.selector.single_answer(choice), test, stopped=stopped
        )
        report = build_report(record)
        if large:
            # It only makes the next reading faster, so a full disk is no fault here.
            with suppress(OSError):
                keep_readout(place, journal.events, draws, reader, run.trials)
        return report, deploy(record, report), study_answers(record)


def _kept_readout(place: Path, journal: Journal, draws: Store) -> Readout | None:
    """Return what was read off the study's draws before; None where they must be read now."""
    kept = read_readout(place, journal.events)
    if kept is None:
        return None
    # Another store, or one that lost draws: the draws themselves say what is wrong.
    if draws.count_used(str(journal.events[0]["id"])) < kept.used:
        return None
    return kept


def _replay(run: Run, kept: Readout | None) -> None:
    """Bring a run to where the study ended: its trials, and what it had learned of the models.

    Args:
        run: before its first wave.
        kept: what was read off its draws before, if anything.
    """
    reader = run.evaluator.reader
    source = None
    if kept is not None:
        source = KeptDraws(
            kept.digests,
            lambda trial: reader.bought_stop(trial.point),
            _loader(run.evaluator),
        )
    # Lessons change how answers are read, so they come in the order in which they were learned.
    run.recall(run.history.first)
    for wave in run.history.waves:
        # A process that ended inside a wave left it without an outcome.
        if wave.done:
            steps = load_steps(wave.steps)
            # Draws that measured a cap have no digest; they are few.
            if source is not None and wave.phase not in PHASES:
                source.replay(steps, run.trials, wave)
            else:
                _refill(run, steps, run.trials_of(wave.phase), wave)
            run.recall(wave.lessons)
    run.recall(run.history.last)


def _loader(evaluator: Evaluator) -> Load:
    """Return what reads draws of a trial from the store."""

    def load(
        trial: Trial, position: int, stop: tuple[str, ...], numbers: range
    ) -> list[Completion]:
        request = evaluator.request(trial.point, trial.cap, stop, position)
        held = evaluator.store.draws(request, numbers)
        if len(held) < len(numbers):
            raise _lacks_draws(trial, 1)
        return list(held.values())

    return load


def _copy(store: str, aside: Path) -> Path:
    """Copy a store as it is now, even while a process writes to it.

    Raises:
        StudyError: it cannot be read.
    """
    source = Path(store.removeprefix("sqlite:///")).resolve()
    try:
        with (
            closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as held,
            closing(sqlite3.connect(aside)) as copy,
        ):
            # SQLite's backup takes a consistent copy while another process writes.
            held.backup(copy)
    except sqlite3.Error as error:
        raise StudyError(f"the store {store!r} cannot be read: {error}") from None
    return aside


def _refill(
    run: Run, steps: list[Step], trials: dict[int, Trial], recorded: RecordedWave
) -> None:
    """Fill trials from the store as a recorded wave left them.

    Raises:
        StudyError: draws that were bought are not there.
    """
    run.evaluator.replay(steps, trials, recorded)
    for step in steps:
        trial = trials[step.trial]
        lacking = []
        for position in step.examples:
            held = len(trial.draws.get(position, ()))
            faulty = position in trial.config_failed or position in trial.unanswered
            # In a wave that the money ended, not all of them were bought.
            excused = faulty or (step.trial, position) in recorded.unanswered
            if held < step.draws and not excused:
                lacking.append(position)
        if lacking and trial.state != "failed":
            raise _lacks_draws(trial, len(lacking))


def _lacks_draws(trial: Trial, examples: int) -> StudyError:
    return StudyError(
        f"the store lacks draws of trial {trial.number} for {examples} examples: give "
        f"the --store that the study was run with (and --fresh, if it was)"
    )


def _holdout(run: Run) -> HoldoutTest:
    """Return the result of the holdout as it was bought; an empty one if it was not met."""
    met = [event for event in run.journal.events if event["event"] == "holdout"]
    if not met:
        return NOT_MET
    # A continued study has several; the last one counts.
    event = met[-1]
    recorded = RecordedWave("holdout", event["steps"])
    read_faults(recorded, event)
    trials: dict[int, Trial] = {}
    _refill(run, load_steps(event["steps"]), trials, recorded)
    return read_holdout_test(run.evaluator.reader, trials.values())


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


def _services(plan: Plan, context: StackContext) -> dict[str, Service]:
    """Return models to which nothing is sent."""
    endpoints = offline_endpoints(plan.entries, context.capabilities)
    services = {}
    for name, entry in plan.entries.items():
        # The stack finds stored draws. The endpoint behind it refuses every call.
        services[name] = build_stack(entry, endpoints[name], plan.prices[name], context)
    return services


def _evaluator(
    plan: Plan, services: Mapping[str, Service], context: StackContext
) -> Evaluator:
    judge = None
    if plan.judge is not None:
        # Its verdicts are in the store, under the identity of its endpoint.
        name = plan.judge.name
        endpoint = offline_endpoints({name: plan.judge})[name]
        judge = build_stack(
            plan.judge, endpoint, plan.prices[name], context, judge=True
        )
    return make_evaluator(
        plan,
        services,
        context.store,
        judge=judge,
        lessons=Lessons(plan.space, context.capabilities),
    )


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
