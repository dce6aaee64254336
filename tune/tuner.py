"""The entry points: `tune()` for scripts and notebooks, `tune_async()` for servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Unpack

from tune.errors import InputError
from tune.plan.identity import study_paths
from tune.plan.kept_options import kept_options
from tune.plan.keywords import OptionKeywords
from tune.plan.make import make_plan, without_models
from tune.plan.option_table import takes_options
from tune.plan.options import Options
from tune.plan.plan import Plan
from tune.plan.read_options import read_options
from tune.plan.token_counts import offline_endpoints
from tune.plan.values import as_callable
from tune.pricing.prices import to_picodollars
from tune.providers.capabilities import Capabilities
from tune.providers.retrying import RetryPolicy
from tune.providers.stack import StackContext
from tune.report import Report, plain_config
from tune.result import build_report, deploy
from tune.result.answers import main_answers
from tune.safety.background import run_apart
from tune.store.claims import Claims
from tune.store.cleanup import Traces
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.evidence import put_evidence
from tune.store.journal import Journal
from tune.store.ledger import Ledger
from tune.store.ledger_marks import check_ledger
from tune.strategies.prior import PriorTrial
from tune.study.announce import Announcer
from tune.study.budget import check_budget
from tune.study.call_events import CallEvents
from tune.study.connect import connect_services, make_evaluator
from tune.study.continuation import continue_study, open_study
from tune.study.display import choose_display
from tune.study.events import ModelSetAside, Observer, StudyEnded, ignore
from tune.study.holdout_file import HOLDOUT_FILE, holdout_scores, write_holdout
from tune.study.lessons import Lessons
from tune.study.readout_file import digest_trials, keep_readout
from tune.study.record import RunRecord
from tune.study.resume import read_history
from tune.study.run import Run
from tune.study.stop import Stop, interrupt, start_timer
from tune.study.stop_reasons import INTERRUPTED, PAUSES
from tune.study.study import Study
from tune.study.warm_start import make_evidence, taken_sentence, warm_start
from tune.task.callables import is_async

_RETRY = RetryPolicy(outlast=True)


@takes_options
def tune(
    data: Any = None,
    space: Any = None,
    *,
    budget: float | None = None,
    **options: Unpack[OptionKeywords],
) -> Study:
    """Find the best way to call a model for a task, for at most `budget` dollars.

    Works in a script, in a notebook, and inside a running event loop (which it blocks: servers
    await `tune_async`). The same call again shows the finished study for $0, resumes an interrupted
    one, and continues with a larger budget or time limit.

    `tune.plan.options.Options` holds the default and the meaning of each option.

    Returns:
        The study: `best`, `frontier()`, `trials_dataframe()`, `report()`; its files are written.

    Raises:
        InputError: something given cannot be used; nothing was spent.
        TuneError: the run failed; what was bought is kept, and the same call resumes.
        KeyboardInterrupt: Ctrl-C, after everything has been written; the same call resumes.
    """
    read = read_options(data=data, space=space, budget=budget, **options)
    with choose_display(read.log_format, quiet=read.quiet) as display:
        study = run_study(read, display=display)
    if study.stopped == INTERRUPTED:
        raise KeyboardInterrupt
    return study


@takes_options
async def tune_async(
    data: Any = None,
    space: Any = None,
    *,
    budget: float | None = None,
    **options: Unpack[OptionKeywords],
) -> Study:
    """Do the same as `tune` in an event loop; cancelling it leaves a study that resumes."""
    read = read_options(data=data, space=space, budget=budget, **options)
    with choose_display(read.log_format, quiet=read.quiet) as display:
        return await _study(read, Stop(), display)


def run_study(
    options: Options,
    *,
    display: Observer = ignore,
    retry: RetryPolicy = _RETRY,
) -> Study:
    """Do the same as `tune` with any display; an interrupted study is returned, not raised.

    The run has a thread and an event loop of its own, so it is the same inside a running loop. The
    first Ctrl-C, SIGTERM or SIGHUP lets the calls in flight settle; a second one gives them up
    (they stay charged as uncertain).

    Raises:
        KeyboardInterrupt: it was stopped before it had begun, or for the second time.
    """
    stop = Stop()
    return run_apart(_study(options, stop, display, retry), stop.request)


async def _study(
    options: Options,
    stop: Stop,
    display: Observer = ignore,
    retry: RetryPolicy = _RETRY,
) -> Study:
    """Run a study, and tell everyone who watches how it ended."""
    watching = _watching(options, display)
    announcer = Announcer(watching, explain=options.explain)
    try:
        study = await _work(options, stop, announcer, retry)
    except BaseException as error:
        announcer.failed(error)
        raise
    announcer.emit(StudyEnded(stopped=study.stopped, summary=study.summary()))
    return study


def _watching(options: Options, display: Observer) -> dict[str, Observer]:
    """Return those who watch a run, by the names that messages have for them.

    Raises:
        InputError: the observer of the user cannot be called.
    """
    watching = {}
    # What nobody sees need not be made.
    if display is not ignore:
        watching["the progress display"] = display
    observer = as_callable(options.observer, "observer")
    # The run does not wait for its observers, so nothing would wait for an async one.
    if is_async(observer):
        raise InputError("the observer is a plain function, not an async one")
    if observer is not None:
        watching["the observer"] = observer
    return watching


async def _work(
    options: Options, stop: Stop, announcer: Announcer, retry: RetryPolicy
) -> Study:
    """Run a study, from its options to its written result."""
    announcer.unused_key(options)
    plan = make_plan(options)
    # The folder's name follows from the study's identity, so the same command finds it again.
    folder, store = study_paths(plan, options)
    if not plan.entries[
        plan.baseline.model
    ].local:  # else its tokens are counted when it is loaded
        check_budget(plan, offline_endpoints(plan.entries))
    with ExitStack() as stack:
        traces = Traces(folder / "study.jsonl", store)
        journal = stack.enter_context(
            Journal(folder / "study.jsonl", notice=announcer.show)
        )
        undo = stack.enter_context(_undone(journal, traces))
        # A finished study is shown again for $0.
        known = open_study(journal, plan, kept_options(plan, options))
        if known is not None:
            announcer.waves(known)
            announcer.missing_slices(known, plan)
            return known
        db = Database(store)
        # The store is closed, and removed if the study fails before it spends.
        undo.append(db)
        draws, ledger = _open_ledger(db, journal, plan)
        prior = _warm_start(plan, journal, db, announcer)
        async with _prepared(
            plan, journal, draws, ledger, announcer, retry, prior
        ) as run:
            stack.callback(start_timer(run).cancel)
            # Closing the ledger stops new calls. Those in flight settle.
            stop.on_request(lambda: interrupt(ledger, announcer.stopping))
            record = await run.go()
            result = _result(record, folder, db, announcer)
        # Before the study counts as ended: a kill in between would leave the report unwritten.
        result.report(folder)
        journal.append("result", stopped=result.stopped, record=result.to_record())
        # It only makes later readings faster, so a full disk is no fault here.
        with suppress(OSError):
            keep_readout(folder, journal.events, draws, record.reader, record.trials)
        return result


def _result(
    record: RunRecord, folder: Path, db: Database, announcer: Announcer
) -> Study:
    """Make the result of a run, and leave what later studies may use."""
    digest_trials(record.reader, record.trials)
    decorations = announcer.decorations
    report = build_report(record, announcer.told, decorations)
    decorations.attempt(
        "the kept holdout", lambda: _keep_holdout(record, report, folder), None
    )
    decorations.attempt(
        "the evidence for later studies", lambda: _leave(record, db), None
    )
    answers = decorations.attempt(
        "the answers beside the report", lambda: main_answers(record), ()
    )
    return Study(
        report,
        folder,
        stopped=record.stopped,
        deployment=deploy(record, report),
        answers=answers,
    )


def _open_ledger(db: Database, journal: Journal, plan: Plan) -> tuple[Store, Ledger]:
    """Open the draws and the money of a study.

    Raises:
        StudyError: the store is older than the journal.
    """
    study = journal.events[0]["id"]
    check_ledger(db, study, journal.events, journal.path.parent)
    draws = Store(db, generation=study if plan.fresh else "", study=study)
    ledger = Ledger(
        db, study, to_picodollars(plan.budget) or 1
    )  # 0 where nobody is billed
    journal.follow(ledger.mark)
    # The journal is locked, so the process that made these claims is gone.
    Claims(db, study).drop()
    continue_study(journal, plan, ledger)
    return draws, ledger


def _warm_start(
    plan: Plan, journal: Journal, db: Database, announcer: Announcer
) -> tuple[PriorTrial, ...]:
    """Return the trials of earlier studies that guide this one, and say so."""
    taken = warm_start(plan, journal, db)
    if plan.warm_start:
        announcer.tell(taken_sentence(taken))
    return taken.trials


def _leave(record: RunRecord, db: Database) -> None:
    """Leave the scores of a finished search in the store, for later studies."""
    if record.stopped not in PAUSES:
        left = make_evidence(record.plan, record.problem, record.standings)
        put_evidence(db, str(record.events[0]["id"]), left)


@asynccontextmanager
async def _prepared(
    plan: Plan,
    journal: Journal,
    draws: Store,
    ledger: Ledger,
    announcer: Announcer,
    retry: RetryPolicy,
    prior: tuple[PriorTrial, ...],
) -> AsyncIterator[Run]:
    """Connect to the models, say what will be done, and hand out the run."""
    capabilities = Capabilities()
    lessons = _lessons(journal, plan, capabilities, announcer)
    calls = CallEvents(announcer.emit)
    context = StackContext(
        draws,
        ledger,
        capabilities,
        plan.concurrency,
        retry,
        notice=announcer.tell,
        progress=announcer.show,
        receipts=calls.receive,
        retries=calls.retry,
    )
    announcer.hosts(plan)
    async with connect_services(
        plan.entries,
        plan.prices,
        context,
        judge=plan.judge,
        aside=lessons.aside,
        lost=_lost(journal, lessons, announcer.tell),
    ) as (services, judge):
        # A model that does not answer must not be the assumed baseline.
        plan = without_models(plan, lessons.aside)
        announcer.sandbox(plan)
        announcer.prompts(plan)
        announcer.estimate(plan, services, draws, journal)
        caps = {name: plan.space.cap({"model": name}) for name in services}
        evaluator = make_evaluator(
            plan, services, draws, judge=judge, caps=caps, lessons=lessons
        )
        yield Run(
            plan,
            journal,
            services,
            ledger,
            evaluator,
            emit=announcer.emit if announcer.watched else None,
            decorations=announcer.decorations,
            say=announcer.show,
            look=announcer.lengths(plan, services, journal),
            explain=announcer.wave,
            prior=prior,
        )


def _lessons(
    journal: Journal, plan: Plan, capabilities: Capabilities, announcer: Announcer
) -> Lessons:
    """Return the lessons of a study, with those that it learned before its first wave."""

    def lost(model: str, reason: str) -> None:
        announcer.emit(ModelSetAside(model=model, reason=reason))

    lessons = Lessons(plan.space, capabilities, journal.append, announcer.tell, lost)
    for lesson in read_history(journal.events).first:
        lessons.recall(lesson)
    return lessons


def _lost(
    journal: Journal, lessons: Lessons, tell: Callable[[str], None]
) -> Callable[[str, str], None]:
    """Return what is done about a model that does not answer when its endpoint is connected.

    A new study goes on without it. In a study that resumes, the model's next call decides.
    """
    # A resumed study has draws of this model, so it is not set aside at once.
    began = any(event["event"] == "wave" for event in journal.events)

    def lost(model: str, words: str) -> None:
        if began:
            tell(f"{model} does not answer now: {words}")
        else:
            lessons.set_aside(model, words)

    return lost


def _keep_holdout(record: RunRecord, report: Report, folder: Path) -> None:
    """Keep the selected configuration's holdout examples and scores, for later checks."""
    plan, met = record.plan, None
    if plan.content and report.winner is not None and record.stopped not in PAUSES:
        met = record.holdout.get(report.winner.config)
    if met is None:  # the file of an earlier run must not stand for this one
        (folder / HOLDOUT_FILE).unlink(missing_ok=True)
        return
    config = plain_config(met.config)
    write_holdout(
        folder,
        holdout_scores(
            config, plan.metric.identity, plan.examples, met.examples, met.scores
        ),
    )


@contextmanager
def _undone(journal: Journal, traces: Traces) -> Iterator[list[Database]]:
    """Leave nothing behind if the block fails before the study begins to spend.

    The block puts the store into the list when it is open; it is closed in any case.
    """
    found: list[Database] = []
    try:
        yield found
    except BaseException:
        # After the first phase, something may have been paid, so everything stays.
        if not any(event["event"] == "phase" for event in journal.events):
            traces.remove(found[0] if found else None)
        raise
    finally:
        for db in found:
            db.close()
