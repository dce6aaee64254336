"""The purchase of a table: every point of a space on the same examples, through real providers."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from benchmarks.worlds.recorded import Row, dump_prices
from tune.completion import Completion
from tune.errors import BudgetExhausted, SpaceError, TransientError
from tune.plan.plan import Plan
from tune.pricing.prices import to_dollars, to_picodollars
from tune.providers.capabilities import Capabilities
from tune.providers.endpoints import close_services, open_services
from tune.providers.retrying import RetryPolicy
from tune.providers.stack import Service, StackContext
from tune.readout.trial import Step, Trial
from tune.space import FREE, Point
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.ledger import Ledger
from tune.study.evaluate import Evaluator
from tune.study.wave import Wave
from tune.task.example import to_text

INTERRUPTED = "interrupted"
PLAIN_EVERY = 10.0
"""Seconds between lines where the output is no terminal."""

Say = Callable[[str], None]

_RETRY = RetryPolicy(outlast=True)


@dataclass(frozen=True)
class Recording:
    """A table that was bought.

    Attributes:
        rows: a row for each draw, by model, prompt, temperature, example and draw.
        about: a description of the table from the plan.
        bought: the number of draws that were not in the store before.
        spent: the dollars of this recording, earlier runs of it included.
    """

    rows: list[Row]
    about: dict[str, str]
    bought: int
    spent: float


def read_points(plan: Plan) -> list[Point]:
    """The points of a table, each a model, a prompt and a temperature.

    Raises:
        SpaceError: draws could not be told apart by these three, or have no temperature.
    """
    points = list(plan.space.points(FREE))
    for name in sorted(
        {name for point in points for name in point}
        - {"model", "prompt", "temperature"}
    ):
        if len({point.get(name) for point in points}) > 1:
            raise SpaceError(
                f"a table tells draws apart by model, prompt and temperature: give {name!r} one "
                "value"
            )
    for point in points:
        if not isinstance(point.get("temperature"), int | float):
            raise SpaceError(
                f"a table needs a temperature for every draw, but {point['model']!r} has none"
            )
    return points


def read_steps(plan: Plan, draws: int, examples: int) -> list[Step]:
    """Return the steps to buy.

    At temperature 0 there is one draw of each example, because it is expected to repeat.
    """
    return [
        Step(
            number,
            point,
            tuple(range(examples)),
            1 if point["temperature"] == 0 else draws,
            plan.space.cap(point),
        )
        for number, point in enumerate(read_points(plan))
    ]


async def buy(
    plan: Plan,
    store: str,
    *,
    draws: int,
    examples: int,
    say: Say,
    quiet: bool = False,
    retry: RetryPolicy = _RETRY,
) -> Recording:
    """Buy what the store lacks of a table.

    Args:
        plan: the task; its budget is for this recording, over all runs of it.
        store: where draws are kept.
        draws: of each example at each point.
        examples: how many, in the plan's seeded order.
        say: told what a user should know.
        quiet: show no progress.
        retry: when a failed call is tried again.

    Raises:
        KeyboardInterrupt: after Ctrl-C, when the calls in flight have settled.
        TuneError: something cannot be bought; what was bought is kept, and the same call goes on.
    """
    steps = read_steps(plan, draws, examples)
    with ExitStack() as stack:
        db = Database(store)
        stack.callback(db.close)
        identity = json.dumps(plan.identity, sort_keys=True)
        mark = hashlib.sha256(identity.encode()).hexdigest()[:8]
        ledger = Ledger(
            db, f"record-{plan.data.name}-{mark}", to_picodollars(plan.budget)
        )
        kept = Store(db)
        context = StackContext(
            kept,
            ledger,
            Capabilities(),
            plan.concurrency,
            retry,
            notice=say,
            progress=say,
        )
        meter = Meter(len(steps) * examples, ledger, say, quiet=quiet)
        services = await open_services(plan.entries, plan.prices, context)
        try:
            evaluator = Evaluator(
                space=plan.space,
                free=FREE,
                prompts=plan.prompts,
                examples=plan.examples,
                services=services,
                metric=plan.metric,
                extract=plan.extract,
                store=kept,
                seed=plan.seed,
                bought=meter.count,
            )
            say(_outlook(evaluator, services, steps))
            trials: dict[int, Trial] = {}
            with polite(ledger, say), meter:
                wave = await evaluator.run(steps, trials)
            check(wave, ledger)
            rows = [
                row
                for step in steps
                for row in read_rows(evaluator, plan, step, trials[step.trial])
            ]
            kept.flush()
        finally:
            await close_services(services)
        bought = sum(service.provider.bought for service in services.values())
        return Recording(
            rows, describe(plan, examples), bought, to_dollars(ledger.spent)
        )


def _outlook(
    evaluator: Evaluator, services: Mapping[str, Service], steps: Sequence[Step]
) -> str:
    """Say what can be bought and its highest cost, from the longest prompts of a few."""
    most = 0
    for step in steps:
        stop = evaluator.reader.bought_stop(step.point)
        metered = services[str(step.point["model"])].metered
        requests = [
            evaluator.requests.make(step.point, step.cap, stop, position)
            for position in step.examples[:8]
        ]
        most += max(metered.ceiling(request, step.draws) for request in requests) * len(
            step.examples
        )
    draws = sum(step.draws * len(step.examples) for step in steps)
    return (
        f"{len(steps)} points, {draws} draws, about ${to_dollars(most):.2g} at the very most; what "
        "is held is free"
    )


@contextmanager
def polite(ledger: Ledger, say: Say) -> Iterator[None]:
    """Let the first Ctrl-C wait for the calls in flight; the second gives them up."""
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGINT)

    def stop(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        say(
            "stopping: the calls in flight are settled first (Ctrl-C again gives them up)"
        )
        loop.call_soon_threadsafe(functools.partial(ledger.close, INTERRUPTED))

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def check(wave: Wave, ledger: Ledger) -> None:
    """See that every draw is there.

    Raises:
        KeyboardInterrupt: Ctrl-C came first.
        SpaceError: a model does not take what the space gives it.
        BudgetExhausted: the money ran out.
        TransientError: the service failed for good.
    """
    if ledger.closed == INTERRUPTED:
        raise KeyboardInterrupt
    refused = [
        reason for reason in wave.failed.values() if reason.startswith("the model")
    ]
    if refused:
        raise SpaceError(
            f"{refused[0]}: a table's draws are all made with it, so leave the model out"
        )
    kept = "what was bought is kept, and the same command goes on"
    if not wave.complete:
        reason = next(
            reason for reason in wave.unanswered.values() if reason.startswith("money")
        )
        raise BudgetExhausted(
            f"{reason.removeprefix('money: ')}; {kept} with a larger --budget"
        )
    if wave.unanswered:
        reason = next(iter(wave.unanswered.values()))
        raise TransientError(
            f"{len(wave.unanswered)} requests have no answer ({reason}); {kept}",
            charged=False,
        )


def read_rows(
    evaluator: Evaluator, plan: Plan, step: Step, trial: Trial
) -> Iterator[Row]:
    """The draws of a point as rows; empty ones, which cost nothing, for an example that it cannot
    answer.
    """
    cell = {name: trial.point[name] for name in ("model", "prompt", "temperature")}
    for position in step.examples:
        example = plan.examples[position]
        unanswered = [
            Completion("", trial.config_failed.get(position, ""), 0, 0)
        ] * step.draws
        for number, draw in enumerate(
            trial.draws.get(position, unanswered)[: step.draws]
        ):
            readable = draw.finish_reason in ("stop", "length")
            answer = plan.extract(draw.text) if readable else None
            yield {
                **cell,
                "example": position,
                "target": None if example.target is None else to_text(example.target),
                "prompt_tokens": draw.prompt_tokens,
                "max_tokens": step.cap,
                "draw": number,
                "answer": answer,
                "tokens": draw.completion_tokens,
                "reasoning_tokens": draw.reasoning_tokens,
                "finish": draw.finish_reason,
                "score": plan.metric.worst
                if answer is None
                else evaluator.reader.scores.of(answer, position),
                "text": draw.text,
                "token_ends": draw.token_ends,
            }


def describe(plan: Plan, examples: int) -> dict[str, str]:
    """Describe a table by its plan, for the metadata: texts, and JSON for anything longer."""
    models = {entry.name: entry.model for entry in plan.entries.values()}
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "version": f"tune-llm {version('tune-llm')}",
        "models": json.dumps(models),
        "prices": dump_prices(plan.prices),
        "space": json.dumps(plan.space.to_mapping()),
        "metric": plan.metric.identity,
        "seed": str(plan.seed),
        "data": plan.data.fingerprint,
        "examples": json.dumps([example.id for example in plan.examples[:examples]]),
    }


class Meter:
    """Shows on standard error how far a recording is: a bar on a terminal, a line now and then
    elsewhere.

    Args:
        requests: how many there are in all.
        ledger: whose money it is.
        say: takes the lines.
        quiet: show nothing.
    """

    def __init__(
        self, requests: int, ledger: Ledger, say: Say, *, quiet: bool = False
    ) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._ledger, self._say, self._total, self._done = ledger, say, requests, 0
        self._plain = not quiet and not sys.stderr.isatty()
        self._next = time.monotonic() + PLAIN_EVERY
        columns = (
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("${task.fields[spent]:.4g}"),
            TimeRemainingColumn(),
        )
        self._bar = Progress(
            *columns,
            console=Console(stderr=True),
            disable=quiet or self._plain,
            transient=True,
        )
        self._task = self._bar.add_task("requests", total=requests, spent=0.0)

    def __enter__(self) -> None:
        self._bar.start()

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def count(self) -> None:
        """One more request is done."""
        self._done = min(self._total, self._done + 1)
        if (
            self._done % 16 and self._done < self._total
        ):  # the ledger need not be read each time
            return
        spent = to_dollars(self._ledger.spent)
        self._bar.update(self._task, completed=self._done, spent=spent)
        if self._plain and time.monotonic() >= self._next:
            self._next = time.monotonic() + PLAIN_EVERY
            self._say(f"{self._done} of {self._total} requests, ${spent:.4g}")
