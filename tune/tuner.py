"""The door: `tune()` for scripts and notebooks, `tune_async()` for servers; both are one and the same run."""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Unpack

from tune.capabilities import Capabilities
from tune.completion import Request
from tune.conclude import conclude, deploy
from tune.database import Database
from tune.errors import StudyError
from tune.evaluate import Evaluator
from tune.journal import Journal
from tune.ledger import Account
from tune.metrics import Judge, Metric
from tune.plan import Options, Plan, make_plan
from tune.pricing import to_picodollars
from tune.providers.services import Access, Service, close_services, open_services
from tune.run import INTERRUPTED, Progress, Run
from tune.store import Store
from tune.study import Study, recorded_study

Observer = Callable[[Progress], None]
Notice = Callable[[str], None]


def tune(data: Any = None, space: Any = None, *, budget: float, **options: Unpack[Options]) -> Study:
    """Find the best way to call a model for a task, for at most `budget` dollars.

    Works in a script, in a notebook, and inside a running event loop (which it blocks: servers await
    `tune_async`). The same call again shows the finished study for $0, resumes an interrupted one, and
    continues with a larger budget or time limit.

    Args:
        data: a path (jsonl, json, csv, tsv, parquet), "hf:org/name:split", a DataFrame, a `datasets.Dataset` or a
            list of dicts; None is the embedded task.
        space: a `Space`, a mapping or a TOML file; None is a default for the data.
        budget: dollars, all in: retries, judges and the holdout too. Never exceeded.
        options: `metric` (a name, "module:attribute", or a callable `(answer, example) -> bool | float | Score`),
            `baseline`, `max_cost_per_request` and all that `tune.plan.Options` lists.

    Returns:
        The study: `best`, `frontier()`, `trials_dataframe()`, `report()`; its files are written.

    Raises:
        InputError: something given cannot be used; nothing was spent.
        TuneError: the run failed; what was bought is kept, and the same call resumes.
        KeyboardInterrupt: Ctrl-C, after everything has been written; the same call resumes.
    """
    study = run_study(data, space=space, budget=budget, options=options)
    if study.stopped == INTERRUPTED:
        raise KeyboardInterrupt
    return study


async def tune_async(data: Any = None, space: Any = None, *, budget: float, **options: Unpack[Options]) -> Study:
    """As `tune`, for use inside an event loop; cancelling it leaves a study that resumes."""
    return await _study(data, space, budget, options, Stop(), lambda _: None, lambda _: None)


class Stop:
    """A wish to stop soon, from any thread: what is in flight settles, nothing more is sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wished = False
        self._obey: Callable[[], object] | None = None

    def wish(self) -> None:
        """Ask the run to stop."""
        with self._lock:
            self._wished = True
            if self._obey is not None:
                self._obey()

    def obey(self, action: Callable[[], None]) -> None:
        """What to do on the wish; done at once where it came already. Call from the run's event loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            self._obey = lambda: loop.call_soon_threadsafe(action)
            if self._wished:
                action()


def run_study(
    data: Any,
    *,
    space: Any,
    budget: float,
    options: Options,
    observer: Observer = lambda _: None,
    notice: Notice = lambda _: None,
) -> Study:
    """As `tune`, with progress, and an interrupted study instead of a KeyboardInterrupt.

    The run has a thread and an event loop of its own, so it is the same inside a running loop. The first
    Ctrl-C lets the calls in flight settle; a second one gives them up (they stay charged as uncertain).
    """
    stop = Stop()
    box: list[Study | BaseException] = []
    done = threading.Event()  # a join that Ctrl-C interrupts takes the thread for dead
    loop = asyncio.new_event_loop()
    work = loop.create_task(_study(data, space, budget, options, stop, observer, notice))

    def live() -> None:
        try:
            box.append(loop.run_until_complete(work))
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            box.append(error)
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
            done.set()

    threading.Thread(target=contextvars.copy_context().run, args=(live,), name="tune", daemon=True).start()
    interrupts = 0
    while not done.is_set():
        try:
            done.wait(0.2)
        except KeyboardInterrupt:
            interrupts += 1
            if interrupts == 1:
                notice("stopping: the calls in flight are settled first (Ctrl-C again gives them up)")
                stop.wish()
            else:
                loop.call_soon_threadsafe(work.cancel)
    if isinstance(box[0], asyncio.CancelledError):
        raise KeyboardInterrupt
    if isinstance(box[0], BaseException):
        raise box[0]
    return box[0]


async def _study(
    data: Any, space: Any, budget: float, options: Options, stop: Stop, observer: Observer, notice: Notice
) -> Study:
    """The run from the order to the written study."""
    plan = make_plan(data, space, budget, options)
    folder, store = _places(plan, options)
    with ExitStack() as stack:
        journal = stack.enter_context(Journal(folder / "study.jsonl", notice=notice))
        known = _open_journal(journal, plan)
        if known is not None:
            return known
        db = Database(store)
        stack.callback(db.close)
        study = journal.events[0]["id"]
        draws = Store(db, generation=study if plan.fresh else "")
        account = Account(db, study, to_picodollars(plan.budget))
        stop.obey(lambda: account.close(INTERRUPTED))
        _continue(journal, plan, account)
        capabilities, notices = Capabilities(), dict[str, None]()

        def tell(sentence: str) -> None:
            notices.setdefault(sentence)
            notice(sentence)

        access = Access(draws, account, capabilities, plan.concurrency, notice=tell, progress=notice)
        services = await open_services(plan.entries, plan.prices, access)
        judges: dict[str, Service] = {}
        try:
            if plan.judge is not None:
                judges = await open_services({plan.judge.name: plan.judge}, plan.prices, access, judge=True)
            evaluator = _evaluator(plan, services, judges.get(plan.metric.model), draws, journal)
            run = Run(plan, journal, services, account, evaluator, notices, observer)
            timer = _start_timer(plan, account)
            findings = await run.go()
            timer.cancel()
            result = Study(conclude(run, findings), folder, stopped=findings.stopped, deployment=deploy(run, findings))
        finally:
            await close_services(services)
            await close_services(judges)
        journal.append("result", stopped=result.stopped, record=result.to_record())
        result.report(folder)
        return result


def _evaluator(
    plan: Plan, services: dict[str, Service], judge: Service | None, store: Store, journal: Journal
) -> Evaluator:
    metric = plan.metric
    if judge is not None:
        metric = metric.bound(judge.provider, service=judge.id, model=judge.entry.model)
        for name, service in services.items():
            service.metered.earmark = judge.metered.ceiling(_sample_verdict(plan, metric, name), 1)

    def learned(model: str, parameter: str) -> None:
        journal.append("learned", model=model, parameter=parameter)
        plan.space.drop(model, parameter)

    return Evaluator(
        space=plan.space,
        free=plan.free,
        prompts=plan.prompts,
        examples=plan.examples,
        services=services,
        metric=metric,
        extract=plan.extract,
        store=store,
        verifier=plan.verifier,
        judge=judge,
        seed=plan.seed,
        learned=learned,
    )


def _sample_verdict(plan: Plan, metric: Metric, model: str) -> Request:
    """A judge's request about as long an answer as a model may give; what one verdict may cost at most."""
    assert isinstance(metric.function, Judge)
    longest = max(plan.split.tuning, key=lambda e: sum(map(len, e.inputs.values())))
    return metric.function.request(" word" * plan.space.cap({"model": model}), longest)


def _places(plan: Plan, options: Options) -> tuple[Path, str]:
    """The study's folder and its store."""
    given = options.get("results")
    mark = hashlib.sha256(json.dumps(plan.identity, sort_keys=True).encode()).hexdigest()[:8]
    folder = Path(given) if given is not None else Path("results") / f"{plan.data.name}-{mark}"
    beside = folder if given is not None else folder.parent
    return folder, options.get("store") or str(beside / "draws.db")


def _start_timer(plan: Plan, account: Account) -> asyncio.TimerHandle:
    """Send no call of the search after the time limit."""
    seconds = plan.time_limit if plan.time_limit is not None else 10**9
    return asyncio.get_running_loop().call_later(seconds, account.close, "time")


# --- a study's own past -------------------------------------------------------------------------------------


def _open_journal(journal: Journal, plan: Plan) -> Study | None:
    """Begin a study, see that it is the same one, or return it where there is nothing left to do.

    Raises:
        StudyError: the folder holds another study, or one that had a larger budget.
    """
    if not journal.events:
        journal.append(
            "study", id=f"{plan.data.name}-{secrets.token_hex(4)}", identity=dict(plan.identity),
            began=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **_limits(plan),
        )  # fmt: skip
        return None
    first = journal.events[0]
    if first["event"] != "study":
        raise StudyError(f"{str(journal.path)!r} is no study: its first line is {first['event']!r}")
    _check_identity(first["identity"], plan, journal.path.parent)
    limits = _last_limits(journal)
    if plan.budget < limits["budget"]:
        raise StudyError(
            f"the study in {str(journal.path.parent)!r} has a budget of ${limits['budget']:g}, which "
            f"${plan.budget:g} would lower: give that or more, or another --results"
        )
    ended = journal.events[-1]["event"] == "result" and journal.events[-1]["stopped"] != INTERRUPTED
    if ended and not _more(plan, limits):
        return recorded_study(journal.path.parent, journal.events)
    return None


def _check_identity(then: dict[str, Any], plan: Plan, folder: Path) -> None:
    differing = [name for name in {**then, **plan.identity} if then.get(name) != plan.identity.get(name)]
    if differing:
        name = differing[0]
        raise StudyError(
            f"the folder {str(folder)!r} holds a study with other {', '.join(differing)} "
            f"({name}: {_short(then.get(name))} there, {_short(plan.identity.get(name))} now): "
            f"choose another with --results"
        )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:117] + "..."


def _limits(plan: Plan) -> dict[str, Any]:
    return {"budget": plan.budget, "time_limit": plan.time_limit}


def _last_limits(journal: Journal) -> dict[str, Any]:
    return next(e for e in reversed(journal.events) if e["event"] in ("study", "continue"))


def _more(plan: Plan, limits: dict[str, Any]) -> bool:
    """Whether this run may do more than the last one could."""
    then, now = limits["time_limit"], plan.time_limit
    return plan.budget > limits["budget"] or (then is not None and (now is None or now > then))


def _continue(journal: Journal, plan: Plan, account: Account) -> None:
    """Note that a study goes on with more than it had."""
    if _more(plan, _last_limits(journal)):
        left = (account.budget - account.spent) / 10**12
        journal.append("continue", left=left, **_limits(plan))
