"""Bring a study back to where its journal ends, from its draws. Nothing is sent or changed."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tune.completion import Completion
from tune.errors import StudyError
from tune.plan.plan import Plan
from tune.plan.token_counts import offline_endpoints
from tune.pricing.prices import to_picodollars
from tune.providers.capabilities import Capabilities
from tune.providers.stack import Service, StackContext, build_stack
from tune.readout import Reading
from tune.readout.trial import Step, Trial
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.journal import Journal
from tune.store.ledger import Ledger
from tune.strategies import Selection
from tune.strategies.measured_truncation import select_measured
from tune.study.connect import make_evaluator
from tune.study.endings import end_trials
from tune.study.evaluate import Evaluator
from tune.study.holdout import NOT_MET, HoldoutTest, read_holdout_test
from tune.study.kept_draws import KeptDraws, Load, Part
from tune.study.lessons import Lessons
from tune.study.readout_file import (
    Readout,
    digest_trials,
    keep_readout,
    read_readout,
)
from tune.study.resume import (
    RecordedWave,
    load_steps,
    read_faults,
)
from tune.study.run import Run
from tune.study.side_phases import SIDE_PHASES
from tune.study.wave import Wave

CLOSED = "read again"
"""The reason why the ledger of a study that is read again is closed: nothing may be bought."""


@dataclass(frozen=True, slots=True)
class Replay:
    """A study brought back to where its journal ends.

    Attributes:
        run: of the study.
        draws: its store.
        is_large: reading it took so long that what was read off is worth keeping.
    """

    run: Run
    draws: Store
    is_large: bool

    def keep(self, place: Path) -> None:
        """Keep what was read off beside the study, for the next time."""
        events, reader = self.run.journal.events, self.run.evaluator.reader
        # It only makes the next reading faster, so a full disk is no fault here.
        with suppress(OSError):
            keep_readout(place, events, self.draws, reader, self.run.trials)


@contextmanager
def replayed(plan: Plan, place: Path, store: str, *, as_study: str) -> Iterator[Replay]:
    """Hand out the run of a study as its journal leaves it.

    It works on copies of the journal and the store, so the study may be running.

    Args:
        plan: of the study.
        place: its folder.
        store: where its draws are.
        as_study: the name on the ledger: the study's, to see what it spent, or another one.

    Raises:
        StudyError: the store is gone, cannot be read, or lacks draws of the study.
    """
    # Opening a store would create it.
    if not Path(store.removeprefix("sqlite:///")).is_file():
        raise StudyError(
            f"the draws of the study in {str(place)!r} are not at {store!r}: say where with --store"
        )
    with ExitStack() as stack:
        aside = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        # The run appends events as it goes. They belong into the copy.
        shutil.copy(place / "study.jsonl", aside / "study.jsonl")
        journal = stack.enter_context(Journal(aside / "study.jsonl"))
        # After the journal: the store of a running study holds at least what the journal speaks of.
        db = Database(_copy(store, aside / "draws.db"))
        stack.callback(db.close)
        # A study with --fresh has its own generation of draws.
        generation = journal.events[0]["id"] if plan.fresh else ""
        draws = Store(db, generation=generation)
        # Where nobody is billed the budget is 0, which a ledger does not take.
        ledger = Ledger(db, as_study, to_picodollars(plan.budget) or 1)
        # A closed ledger lets no call through, whatever the code below does.
        ledger.close(CLOSED)
        context = StackContext(draws, ledger, Capabilities(), concurrency=1)
        services = _services(plan, context)
        run = Run(plan, journal, services, ledger, _evaluator(plan, services, context))
        kept = _kept_readout(place, journal, draws)
        _replay(run, kept)
        run.note_measured_caps()
        end_trials(run.plan, run.trials)
        reader = run.evaluator.reader
        is_large = False
        if kept is None:
            is_large = digest_trials(reader, run.trials)
        else:
            for number, trial in run.trials.items():
                reader.keep(trial, kept.digests[number])
        yield Replay(run, draws, is_large)


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
            # Draws that are no part of the search have no digest; they are few.
            if source is not None and wave.phase not in SIDE_PHASES:
                source.replay(steps, run.trials, wave)
            else:
                _refill(run, steps, run.trials_of(wave.phase), wave)
            run.recall(wave.lessons)
            run.leave_out_lost(wave.phase)
    run.recall(run.history.last)


def _loader(evaluator: Evaluator) -> Load:
    """Return what reads draws of a trial from the store."""

    def load(trial: Trial, position: int, part: Part) -> list[Completion]:
        request = evaluator.requests.make(trial.point, part.cap, part.stop, position)
        held = evaluator.store.draws(request, part.numbers)
        if len(held) < len(part.numbers):
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


def select_replayed(run: Run) -> tuple[Selection | None, Reading | None]:
    """Return the selection and the single answer from all that a study bought.

    A model that was lost in the holdout still takes part in the selection, as it did in the run,
    but it is not selected itself.
    """
    problem = run.selector.problem()
    choice = select_measured(problem, run.standings.current())
    run.evaluator.failures.leave_out(run.trials, Wave())
    if choice is not None and choice.shown.config.model in run.lessons.aside:
        choice = select_measured(problem, run.standings.current())
    return choice, run.selector.single_answer(choice)


def replay_holdout(run: Run) -> HoldoutTest:
    """Return the result of the holdout as it was bought; an empty one if it was not met."""
    run.settle_baseline()
    met = [event for event in run.journal.events if event["event"] == "holdout"]
    if not met:
        return NOT_MET
    # A continued study has several; the last one counts.
    event = met[-1]
    recorded = RecordedWave("holdout", event["steps"])
    read_faults(recorded, event)
    trials: dict[int, Trial] = {}
    _refill(run, load_steps(event["steps"]), trials, recorded)
    searched = run.standings.readings()
    return read_holdout_test(run.evaluator.reader, trials.values(), searched)


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
