"""The door: `tune()` for scripts and notebooks, `tune_async()` for servers; both are one and the
same run.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Unpack

from tune.errors import StudyError
from tune.plan.estimate import RunEstimate, estimate
from tune.plan.estimate_text import estimate_lines, price_lines
from tune.plan.keywords import OptionKeywords
from tune.plan.long_answers import LengthMonitor, first_forecasts
from tune.plan.make import make_plan, without_models
from tune.plan.option_table import takes_options
from tune.plan.options import Options
from tune.plan.plan import Plan
from tune.plan.prompt_preview import sent_lines
from tune.plan.read_options import read_options
from tune.plan.search_space import LOCAL_MODEL
from tune.plan.token_counts import offline_endpoints
from tune.pricing.clock import Clock
from tune.pricing.prices import to_picodollars
from tune.providers.capabilities import Capabilities
from tune.providers.retrying import RetryPolicy
from tune.providers.stack import Service, StackContext
from tune.providers.trusted_hosts import host_lines, remember_hosts
from tune.readout.trial import Trial
from tune.report import Report, plain_config
from tune.report.serialize import dump
from tune.result import build_report, deploy
from tune.safety.background import run_apart
from tune.safety.decoration import Decorations
from tune.store.admission import Account
from tune.store.claims import Claims
from tune.store.cleanup import Traces
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.journal import Journal
from tune.store.ledger_marks import check_ledger
from tune.study.budget import check_budget
from tune.study.connect import connect_services, make_evaluator
from tune.study.holdout_file import HOLDOUT_FILE, holdout_scores, write_holdout
from tune.study.lessons import Lessons
from tune.study.progress import Progress
from tune.study.record import RunRecord
from tune.study.resume import check_identity, check_not_forgotten, read_history
from tune.study.run import Run
from tune.study.screen import Screen
from tune.study.stop_reasons import ENOUGH, INTERRUPTED, PAUSES, UNREAD
from tune.study.study import Study, recorded_study

Observer = Callable[[Progress], None]
Notice = Callable[[str], None]

_RETRY = RetryPolicy()


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
    screen = Screen(quiet=read.quiet)
    with screen.shown():
        study = run_study(read, observer=screen, notice=screen.say)
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
    screen = Screen(quiet=read.quiet)
    with screen.shown():
        return await _study(read, Stop(), screen, screen.say)


class Stop:
    """A request to stop soon, from any thread: what is in flight settles, nothing more is sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requested = False
        self._action: Callable[[], object] | None = None

    def request(self) -> bool:
        """Ask the run to stop.

        Returns:
            Whether it has begun, and so has something to settle.
        """
        with self._lock:
            self._requested = True
            if self._action is not None:
                with suppress(
                    RuntimeError
                ):  # the loop is closed already: there is nothing left to stop
                    self._action()
            return self._action is not None

    def on_request(self, action: Callable[[], None]) -> None:
        """What to do on the wish; done at once where it came already. Call from the run's event
        loop.
        """
        loop = asyncio.get_running_loop()
        with self._lock:
            self._action = lambda: loop.call_soon_threadsafe(action)
            if self._requested:
                action()


def run_study(
    options: Options,
    *,
    observer: Observer = lambda _: None,
    notice: Notice = lambda _: None,
    retry: RetryPolicy = _RETRY,
) -> Study:
    """As `tune`, with progress, and an interrupted study instead of a KeyboardInterrupt.

    The run has a thread and an event loop of its own, so it is the same inside a running loop. The
    first Ctrl-C, SIGTERM or SIGHUP lets the calls in flight settle; a second one gives them up
    (they stay charged as uncertain).

    Raises:
        KeyboardInterrupt: it was stopped before it had begun, or for the second time.
    """
    stop = Stop()
    say = Decorations().around("the display of notices", notice)

    def request() -> bool:
        if begun := stop.request():
            say("stopping: the calls in flight are settled first (Ctrl-C again gives them up)")
        return begun

    return run_apart(_study(options, stop, observer, notice, retry), request)


async def _study(
    options: Options,
    stop: Stop,
    observer: Observer,
    notice: Notice,
    retry: RetryPolicy = _RETRY,
) -> Study:
    """The run from the order to the written study."""
    plan = make_plan(options)
    folder, store = study_paths(plan, options)
    notices: dict[str, None] = {}

    def tell(sentence: str) -> None:
        notices.setdefault(sentence)
        notice(sentence)

    decorations = Decorations(tell)
    notice = decorations.around("the display of notices", notice)
    if not plan.entries[plan.baseline.model].local:  # else its tokens are counted when it is loaded
        check_budget(plan, offline_endpoints(plan.entries))
    with ExitStack() as stack:
        traces = Traces(folder / "study.jsonl", store)
        journal = stack.enter_context(Journal(folder / "study.jsonl", notice=notice))
        undo = stack.enter_context(_undone(journal, traces))
        known = _open_journal(journal, plan)
        if known is not None:
            _say_what_is_missing(known, plan, notice)
            return known
        db = Database(store)
        undo.append(db)
        study = journal.events[0]["id"]
        check_ledger(db, study, journal.events, folder)
        draws = Store(db, generation=study if plan.fresh else "", study=study)
        account = Account(db, study, to_picodollars(plan.budget) or 1)  # 0 where nobody is billed
        journal.follow(account.mark)
        Claims(db, study).drop()  # the journal is locked, so whoever held them is gone
        _continue(journal, plan, account)
        capabilities = Capabilities()
        lessons = _lessons(journal, plan, capabilities, tell)
        access = StackContext(
            draws, account, capabilities, plan.concurrency, retry, notice=tell, progress=notice
        )
        lost = _lost(journal, lessons, tell)
        _say_who_is_called(plan, tell, notice)
        async with connect_services(
            plan.entries, plan.prices, access, judge=plan.judge, aside=lessons.aside, lost=lost
        ) as (
            services,
            judge,
        ):
            plan = without_models(plan, lessons.aside)
            _say_what_is_unprotected(plan, tell)
            decorations.attempt(
                "the look at what is sent", lambda: _say_what_is_sent(plan, tell, notice), None
            )
            found = decorations.attempt(
                "the estimate", lambda: _estimate(plan, services, draws, notice), None
            )
            _keep_estimate(journal, plan, found)
            caps = {name: plan.space.cap({"model": name}) for name in services}
            evaluator = make_evaluator(
                plan, services, draws, judge=judge, caps=caps, lessons=lessons
            )
            run = Run(
                plan,
                journal,
                services,
                account,
                evaluator,
                observer=observer,
                decorations=decorations,
                say=notice,
                look=decorations.around(
                    "the comparison with the estimate", _surprises(plan, journal, services, tell)
                ),
            )
            stack.callback(_start_timer(run).cancel)
            stop.on_request(lambda: _interrupt(account))
            record = await run.go()
            report = build_report(record, notices, decorations)
            decorations.attempt(
                "the kept holdout", lambda: _keep_holdout(record, report, folder), None
            )
            deployment = deploy(record, report)
            result = Study(report, folder, stopped=record.stopped, deployment=deployment)
        result.report(
            folder
        )  # before the study counts as ended: else a kill in between would leave it unwritten
        journal.append("result", stopped=result.stopped, record=result.to_record())
        return result


def _keep_holdout(record: RunRecord, report: Report, folder: Path) -> None:
    """Keep what the choice met on the holdout, for checks; what an earlier run kept must not stand
    for it.
    """
    plan, met = record.plan, None
    if plan.content and report.winner is not None and record.stopped not in PAUSES:
        met = record.holdout.get(report.winner.config)
    if met is None:
        (folder / HOLDOUT_FILE).unlink(missing_ok=True)
        return
    config = plain_config(met.config)
    write_holdout(
        folder,
        holdout_scores(config, plan.metric.identity, plan.examples, met.examples, met.scores),
    )


@contextmanager
def _undone(journal: Journal, traces: Traces) -> Iterator[list[Database]]:
    """Leave nothing behind where the block fails before the study has begun to spend; close the
    store in any case.

    The store is put into the list when it is open.
    """
    found: list[Database] = []
    try:
        yield found
    except BaseException:
        if not any(event["event"] == "phase" for event in journal.events):
            traces.remove(found[0] if found else None)
        raise
    finally:
        for db in found:
            db.close()


def _say_what_is_missing(known: Study, plan: Plan, notice: Callable[[str], None]) -> None:
    """A finished study is shown as it was written; slices that were not asked for then are read
    anew for nothing.
    """
    shown = known.record.failing.slices if known.record.failing is not None else ()
    if missing := [column for column in plan.by if column not in {one.column for one in shown}]:
        notice(
            f"this study ended without slices by {', '.join(missing)}: tune reprice {known.folder} shows them for $0"
        )


def _say_what_is_sent(
    plan: Plan, tell: Callable[[str], None], notice: Callable[[str], None]
) -> None:
    """Show before the first dollar which columns are sent, and how one prompt looks."""
    for sentence in plan.notes:
        (tell if plan.content else notice)(
            sentence
        )  # they may show targets, and what is told is in the report
    for line in sent_lines(plan):
        notice(line)


def _lessons(journal: Journal, plan: Plan, capabilities: Capabilities, tell: Notice) -> Lessons:
    """Make the lessons of a study, with those that it learned before its first wave."""
    lessons = Lessons(plan.space, capabilities, journal.append, tell)
    for lesson in read_history(journal.events).first:
        lessons.recall(lesson)
    return lessons


def _say_who_is_called(plan: Plan, tell: Notice, notice: Notice) -> None:
    """Show before the first call which hosts are called."""
    for line in host_lines(plan.called_entries):
        notice(line)
    remember_hosts(plan.called_entries)
    if not plan.model_named:
        tell(
            f"no model was named, so the small one on this machine is tuned ({LOCAL_MODEL}): add --model NAME"
        )


def _lost(journal: Journal, lessons: Lessons, tell: Notice) -> Callable[[str, str], None]:
    """Go on without a model that does not answer when a study begins; in one that resumes, its next
    call decides.
    """
    began = any(event["event"] == "wave" for event in journal.events)

    def lost(model: str, words: str) -> None:
        if began:
            tell(f"{model} does not answer now: {words}")
        else:
            lessons.set_aside(model, words)

    return lost


def _say_what_is_unprotected(plan: Plan, tell: Callable[[str], None]) -> None:
    """Code that models write is run in a sandbox, and not every machine can build all of its walls."""
    if plan.metric.runs_code:
        from tune.safety.sandbox import unprotected

        if missing := unprotected():
            tell(
                f"generated code is run, and this machine cannot keep it from: {', '.join(missing)}"
            )


def _estimate(
    plan: Plan, services: dict[str, Service], store: Store, notice: Callable[[str], None]
) -> RunEstimate:
    """Say what the run will cost before it begins."""
    found = estimate(plan, {name: service.endpoint for name, service in services.items()}, store)
    for line in (*estimate_lines(found), *price_lines(found)):
        notice(line)
    return found


def _keep_estimate(journal: Journal, plan: Plan, found: RunEstimate | None) -> None:
    """Keep the first estimate of a study, for its report."""
    if found is not None and not any(event["event"] == "estimate" for event in journal.events):
        journal.append("estimate", rows=dump(found.rows), budget=plan.budget, enough=found.enough)


def _surprises(
    plan: Plan, journal: Journal, services: dict[str, Service], tell: Callable[[str], None]
) -> Callable[[Mapping[int, Trial]], None]:
    """Return what compares answers with the estimate as they come in."""
    endpoints = {name: service.endpoint for name, service in services.items()}
    return LengthMonitor(plan, first_forecasts(journal.events), endpoints, tell).look


def study_paths(plan: Plan, options: Options) -> tuple[Path, str]:
    """The study's folder and its store."""
    given = options.results
    mark = hashlib.sha256(json.dumps(plan.identity, sort_keys=True).encode()).hexdigest()[:8]
    folder = Path(given) if given is not None else Path("results") / f"{plan.data.name}-{mark}"
    beside = folder if given is not None else folder.parent
    return folder, options.store or str(beside / "draws.db")


def _start_timer(run: Run) -> asyncio.TimerHandle:
    """Send no call of the search after the time limit; the holdout is no part of it."""
    seconds = run.plan.time_limit if run.plan.time_limit is not None else 10**9
    if run.clock is not None:
        seconds = run.clock.seconds_left

    def ring() -> None:
        if run.phase != "holdout":
            run.account.close("time")

    return asyncio.get_running_loop().call_later(seconds, ring)


def _interrupt(account: Account) -> None:
    """Send nothing more, whatever it was closed for before."""
    account.reopen()
    account.close(INTERRUPTED)


# --- a study's own past
# -------------------------------------------------------------------------------------


def _open_journal(journal: Journal, plan: Plan) -> Study | None:
    """Begin a study, see that it is the same one, or return it where there is nothing left to do.

    Raises:
        StudyError: the folder holds another study, or one that had a larger budget.
    """
    if not journal.events:
        journal.append(
            "study",
            id=f"{plan.data.name}-{secrets.token_hex(4)}",
            identity=dict(plan.identity),
            began=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            **_limits(plan),
        )
        return None
    first = journal.events[0]
    if first["event"] != "study":
        raise StudyError(f"{str(journal.path)!r} is no study: its first line is {first['event']!r}")
    check_identity(first["identity"], plan.identity, journal.path.parent)
    limits = _last_limits(journal)
    if plan.budget < limits["budget"]:
        raise StudyError(
            f"the study in {str(journal.path.parent)!r} has a budget of ${limits['budget']:g}, which "
            f"${plan.budget:g} would lower: give that or more, or another --results"
        )
    last = _own(journal)[-1]
    ended = last["event"] == "result" and last["stopped"] not in PAUSES
    if ended and not _more(plan, journal):
        return recorded_study(journal.path.parent, journal.events)
    check_not_forgotten(journal.events, journal.path.parent)
    return None


def _limits(plan: Plan) -> dict[str, Any]:
    return {"budget": plan.budget, "time_limit": plan.time_limit, "min_gain": plan.min_gain}


def _last_limits(journal: Journal) -> dict[str, Any]:
    return next(e for e in reversed(journal.events) if e["event"] in ("study", "continue"))


def _more(plan: Plan, journal: Journal) -> bool:
    """Whether this run may do more than the last one could."""
    limits = _last_limits(journal)
    then, now = limits["time_limit"], plan.time_limit
    last = next(
        (event["stopped"] for event in reversed(journal.events) if event["event"] == "result"), None
    )
    goes_on = last == UNREAD and plan.keep_going
    wants_less = last == ENOUGH and plan.min_gain < limits["min_gain"]
    longer = then is not None and (now is None or now > then)
    return plan.budget > limits["budget"] or longer or wants_less or goes_on or _was_freed(journal)


def _own(journal: Journal) -> list[dict[str, Any]]:
    """What the study's own runs wrote: another look at its holdout changes nothing of how it ended."""
    return [event for event in journal.events if event["event"] not in ("look", "forgotten")]


def _was_freed(journal: Journal) -> bool:
    """Whether money ended the study, and some of it was found not to be spent since."""
    last = _own(journal)[-2:]
    freed = len(last) == 2 and last[0]["event"] == "reconciled" and last[0]["freed"] > 0
    return freed and bool(last[1]["stopped"] == "money")


def _continue(journal: Journal, plan: Plan, account: Account) -> None:
    """Note that a study goes on with more than it had."""
    if _more(plan, journal):
        left = (account.budget - account.spent) / 10**12
        if plan.unbilled:
            left = Clock(plan.time_limit or math.inf, journal.events).left
        journal.append("continue", left=left, **_limits(plan))
