"""Calls in flight over the time of a study, in virtual time, also near the end of its money."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.speed.page import PAGE
from benchmarks.speed.plot import draw
from benchmarks.speed.virtual_time import VirtualTimeLoop
from tune.completion import MANY, Completion, Request
from tune.fakes.world import LabelledWorld, tokens
from tune.plan.make import make_plan
from tune.plan.plan import Plan
from tune.plan.read_options import read_options
from tune.pricing.prices import to_picodollars
from tune.providers.capabilities import Capabilities
from tune.providers.entries import Entry
from tune.providers.openai.tokens import count_tokens
from tune.providers.stack import Service, StackContext, build_stack
from tune.space import Space
from tune.store.booking import Attempt
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.journal import Journal
from tune.store.ledger import Ledger
from tune.study.connect import make_evaluator
from tune.study.lessons import Lessons
from tune.study.run import Run

BUDGET = 0.2
ROWS = 500
PRICES = {"small": (0.1, 0.4), "large": (0.4, 1.6)}
"""Dollars per million tokens of prompts and of answers."""

FACTORS = (1.0, 4.0, 10.0)
"""Factors on the prices. With the first one the money is more than enough, with the last one it
ends early.
"""

LOADS = ((0.5, 64, 2.0), (0.5, 256, 3.0), (0.05, 64, 3.0))
"""Seconds of a call, calls in flight for each model, and the wanted ratio."""

SEEDS = 15

PROMPTS = {
    "plain": "Label the ticket as refund, delivery, complaint or praise.\n{text}",
    "kind": "You sort tickets. The labels are refund, delivery, complaint and praise. "
    "Answer with one label only.\n{text}",
    "rules": "Read the ticket and decide. Money back is refund; lost or late is delivery; anger "
    "is complaint; thanks is praise. Say one word.\nTicket: {text}\nLabel:",
}

WORLD = LabelledWorld(
    models={"small": 0.62, "large": 0.75},
    templates={"one label only": 0.04, "Read the ticket": 0.08},
)

_WHY = (
    "With 256 in flight, the highest prices miss what is wanted. A call reserves all that it can "
    "cost, which is several times its cost. So the promise of the budget alone needs the least ratio, "
    "even if all calls were known at the beginning. What is left up to 3 is time for one or two "
    "rounds of calls, and a study decides in about ten waves, each from the outcomes before it. "
    "Then come the final comparison and the holdout.",
    "",
    "These models have tokenizers that nobody knows here, so a prompt reserves a token for each of "
    "its bytes: about four times too many. Where they are counted, as for OpenAI's models, the same "
    "studies take:",
)

_HEAD = (
    "| prices, $ per million tokens | seconds a call | in flight | calls | seconds | ratio "
    "| wanted | least |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
)

PLOTTED = 10.0
"""The factor of the study that is drawn."""


@dataclass(frozen=True)
class Load:
    """A study that is run.

    Attributes:
        seconds: seconds that a call takes.
        concurrency: calls in flight for each model, at most.
        factor: the factor on the prices.
        seed: of the study.
        rows: labelled examples.
        counted: the tokens of prompts are counted; else their bytes stand for them.
    """

    seconds: float = 0.5
    concurrency: int = 64
    factor: float = 1.0
    seed: int = 0
    rows: int = ROWS
    counted: bool = False


@dataclass
class Course:
    """The course of a study.

    Attributes:
        load: what was run.
        in_flight: (seconds, calls in flight from then on).
        phases: (seconds, name of the phase that begins).
        calls: all calls.
        bills: the most that each call could cost, what it cost, and its model.
        wall: seconds from the first wave to the end.
    """

    load: Load
    in_flight: list[tuple[float, int]] = field(default_factory=list)
    phases: list[tuple[float, str]] = field(default_factory=list)
    calls: int = 0
    bills: list[tuple[int, int, str]] = field(default_factory=list)
    wall: float = 0.0

    @property
    def ratio(self) -> float:
        """The seconds of the study, as a multiple of its calls' seconds at full concurrency."""
        return self.wall * self.load.concurrency / (self.calls * self.load.seconds)

    @property
    def least(self) -> float:
        """The ratio that the promise of the budget allows, if no call waits for an answer.

        All calls are known at the beginning, and there is no holdout reserve. They go in rounds. A
        round has as many as are allowed in flight, and as many as the money left pays for at their
        ceilings: the calls with the highest ceilings first, as there is less money later.
        """
        waiting = sorted(self.bills, reverse=True)
        left = to_picodollars(BUDGET)
        rounds = 0
        while waiting:
            rounds += 1
            waiting, left = _one_round(waiting, left, self.load.concurrency)
        return rounds * self.load.concurrency / len(self.bills)


def _one_round(
    waiting: list[tuple[int, int, str]], left: int, most: int
) -> tuple[list[tuple[int, int, str]], int]:
    """Return the calls that wait for a later round, and the money that is left after this one."""
    room = left
    sent: Counter[str] = Counter()
    later: list[tuple[int, int, str]] = []
    for ceiling, cost, model in waiting:
        if ceiling <= room and sent[model] < most:
            room -= ceiling
            left -= cost
            sent[model] += 1
        else:
            later.append((ceiling, cost, model))
    # Each call was sent once, so one at least fits by itself.
    assert sent
    return later, left


class _NotingLedger(Ledger):
    """A ledger that notes what calls could cost and what they cost."""

    def __init__(self, db: Database, study: str, budget: int, course: Course) -> None:
        super().__init__(db, study, budget)
        self._course = course

    def settle_all(self, bills: Sequence[tuple[Attempt, int]]) -> list[int]:
        for attempt, cost in bills:
            self._course.bills.append((attempt.ceiling, cost, attempt.service))
        return super().settle_all(bills)


class _Watch:
    """Notes when calls begin and end, and in which phase of a run."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.run: Run | None = None
        self._now = 0
        self._began = asyncio.get_running_loop().time()

    @property
    def time(self) -> float:
        return asyncio.get_running_loop().time() - self._began

    def change(self, by: int) -> None:
        """Note that a call begins (1) or ends (-1)."""
        self._now += by
        self.course.calls += by > 0
        self.course.in_flight.append((self.time, self._now))
        phases = self.course.phases
        if self.run is not None and (not phases or phases[-1][1] != self.run.phase):
            phases.append((self.time, self.run.phase))


def _text(request: Request) -> str:
    assert not isinstance(request.prompt, str)
    return "\n".join(message.content for message in request.prompt)


def _prompt_tokens(request: Request) -> int:
    """Return the tokens that the endpoint bills for a prompt."""
    return tokens(_text(request)) + 4


class _Endpoint:
    """Answers from a world after a fixed time, with two tokens."""

    most_n = MANY

    def __init__(self, model: str, load: Load, watch: _Watch) -> None:
        self.service = model
        self._seconds = load.seconds
        self._counted = load.counted
        self._watch = watch

    def most_prompt_tokens(self, request: Request) -> int:
        assert not isinstance(request.prompt, str)
        if self._counted:
            return _prompt_tokens(request)
        counts = [count_tokens("", message.content) for message in request.prompt]
        return sum(counts) + 16 * (len(counts) + 1)

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        self._watch.change(1)
        try:
            await asyncio.sleep(self._seconds)
        finally:
            self._watch.change(-1)
        return [self._answer(request, number) for number in numbers]

    def _answer(self, request: Request, number: int) -> Completion:
        text = _text(request)
        settings = dict(request.settings)
        said = WORLD(request.model, text, settings, request.seed(number), 0)
        return Completion(
            text=said,
            finish_reason="stop",
            prompt_tokens=_prompt_tokens(request),
            completion_tokens=2,
            seconds=self._seconds,
            model=request.model,
        )

    async def preflight(self) -> str:
        return ""

    async def close(self) -> None:
        pass


def _plan(load: Load) -> Plan:
    space = Space(
        model=list(PRICES),
        prompt=PROMPTS,
        temperature=(0.0, 1.2),
        n=[1, 2, 3, 4, 5],
        max_tokens=[16, 64],
        aggregate=["first", "vote"],
        answer={"labels": ["refund", "delivery", "complaint", "praise"]},
    )
    prices = [
        f"{model}={load.factor * prompt}/{load.factor * answer}"
        for model, (prompt, answer) in PRICES.items()
    ]
    options = read_options(
        data=WORLD.examples(load.rows),
        space=space,
        budget=BUDGET,
        target="label",
        price=prices,
        seed=load.seed,
        min_gain=0.0,
        concurrency=load.concurrency,
    )
    return make_plan(options)


async def _study(load: Load, folder: Path) -> Course:
    plan = _plan(load)
    course = Course(load)
    watch = _Watch(course)
    db = Database(":memory:")
    journal = Journal(folder / "study.jsonl")
    ledger = _NotingLedger(db, "study", to_picodollars(BUDGET), course)
    store = Store(db)
    known = Capabilities()
    context = StackContext(store, ledger, known, plan.concurrency)
    services: dict[str, Service] = {}
    for model in PRICES:
        endpoint = _Endpoint(model, load, watch)
        price = plan.prices[model]
        services[model] = build_stack(Entry(model, model), endpoint, price, context)
    lessons = Lessons(plan.space, known, journal.append)
    evaluator = make_evaluator(plan, services, store, lessons=lessons)
    watch.run = Run(plan, journal, services, ledger, evaluator)
    try:
        await watch.run.go()
    finally:
        journal.close()
        db.close()
    course.wall = watch.time
    return course


def play(load: Load) -> Course:
    """Run a study in virtual time."""
    with (
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=VirtualTimeLoop) as runner,
    ):
        return runner.run(_study(load, Path(folder)))


def lines(seeds: int = SEEDS, picture: Path | None = None) -> list[str]:
    """Run all studies, draw one of them, and return the part of the page."""
    picture = picture or PAGE.with_name("speed-in-flight.svg")
    found = [
        f"A search of ${BUDGET} over {ROWS} rows: two models, three prompts, temperature 0 to 1.2, "
        "caps of 16 and 64 tokens, n 1 to 5, answers of two tokens, `--min-gain 0`.",
        "The clock is virtual: a call takes a fixed time, and computing its processor time.",
        "The ratio is the study's seconds by the sum of its calls' seconds / calls in flight.",
        f"It is the median of {seeds} seeds. Each model has its own limit of calls in flight.",
        "The least ratio is that of the same calls if all were known at the beginning and none waited "
        "for an answer: then only the promise of the budget keeps them back.",
        "",
        *_HEAD,
    ]
    for factor in FACTORS:
        for seconds, concurrency, wanted in LOADS:
            load = Load(seconds, concurrency, factor)
            courses = _courses(load, seeds)
            found.append(_row(courses, wanted))
            if factor == PLOTTED and (seconds, concurrency) == LOADS[0][:2]:
                drawn = courses[0]
                picture.write_text(draw(drawn.in_flight, drawn.phases, drawn.wall))
    found += ["", *_WHY, "", *_HEAD]
    for seconds, concurrency, wanted in LOADS:
        load = Load(seconds, concurrency, FACTORS[-1], counted=True)
        found.append(_row(_courses(load, seeds), wanted))
    found += [
        "",
        f"![Calls in flight over time]({picture.name})",
        "",
        f"Calls in flight over time, at the highest prices: {LOADS[0][0]} seconds a call, "
        f"{LOADS[0][1]} in flight for each model.",
    ]
    return found


def _courses(load: Load, seeds: int) -> list[Course]:
    """Run the studies of a load, one for each seed."""
    return [play(replace(load, seed=seed)) for seed in range(seeds)]


def _row(courses: list[Course], wanted: float) -> str:
    load = courses[0].load
    prices = ", ".join(
        f"{load.factor * prompt:g} / {load.factor * answer:g}"
        for prompt, answer in PRICES.values()
    )
    calls = statistics.median(course.calls for course in courses)
    wall = statistics.median(course.wall for course in courses)
    ratio = statistics.median(course.ratio for course in courses)
    least = statistics.median(course.least for course in courses)
    return (
        f"| {prices} | {load.seconds} | {load.concurrency} | {calls:,.0f} | {wall:.1f} "
        f"| {ratio:.2f} | {wanted:g} | {least:.2f} |"
    )
