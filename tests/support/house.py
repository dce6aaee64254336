"""A small study over one fake endpoint, with a real plan, store, ledger and journal."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tune.completion import MANY, Request
from tune.errors import ProviderError
from tune.fakes.provider import FakeEndpoint
from tune.plan.make import make_plan
from tune.plan.read_options import read_options
from tune.pricing.prices import PICODOLLARS, Price, to_dollars
from tune.providers.capabilities import Capabilities, Fact
from tune.providers.entries import Entry
from tune.providers.stack import StackContext, build_stack
from tune.readout import Reading
from tune.readout.trial import Step
from tune.result.savings import costs_of_readings
from tune.space import Config, Point, Space
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.journal import Journal
from tune.store.ledger import Ledger
from tune.strategies import Selection
from tune.study.evaluate import Evaluator
from tune.study.holdout import NOT_MET, HoldoutTest
from tune.study.lessons import Lessons
from tune.study.record import RunRecord
from tune.study.run import Run
from tune.study.stop_reasons import FINISHED

PRICE = Price(1.0, 2.0)
ROWS = [
    {"id": str(i), "text": f"ticket {i}", "label": "yes" if i % 4 else "no"}
    for i in range(40)
]
STORY = "well let me see now it is {answer} or so I think"
CAPS = (2, 6, 8, 12)
POINT = Point({"model": "m", "prompt": "p", "temperature": 0.5})


def number(request: Request) -> int:
    assert not isinstance(request.prompt, str)
    return int(request.prompt[-1].content.split()[-1])


def story(request: Request, _: random.Random) -> str:
    """The right answer after a few words, always the same."""
    return STORY.format(answer="yes" if number(request) % 4 else "no")


def unsure(request: Request, rng: random.Random) -> str:
    """Often the right answer, at once."""
    right = number(request) % 4 != 0
    return "yes" if (rng.random() < 0.8) == right else "no"


class House:
    """A run over one fake endpoint, with a real plan, store and ledger.

    Args:
        folder: for the journal.
        world: answers requests.
        most_n: answers that one call can give.
        budget: dollars.
        failures: the fault of each call by its number, or None.
        after: a house whose journal, store and ledger this one goes on with.
        options: of the plan.
    """

    def __init__(
        self,
        folder: Path,
        world: Callable[..., Any] = story,
        *,
        most_n: int = MANY,
        budget: float = 0.01,
        failures: Callable[[int], ProviderError | None] = lambda _: None,
        after: House | None = None,
        **options: Any,
    ) -> None:
        space = options.pop("space", None) or Space(
            model="m",
            prompt={"p": "Label: {text}"},
            temperature=[0.5],
            n=[1, 2, 3],
            max_tokens=list(CAPS),
            aggregate=["first", "vote"],
            answer={"labels": ["yes", "no"]},
        )
        rows = options.pop("rows", ROWS)
        self.plan = make_plan(
            read_options(
                data=rows,
                space=space,
                budget=budget,
                **{"target": "label", "price": "m=1/2", **options},
            )
        )
        self.db = Database(":memory:") if after is None else after.db
        self.ledger = Ledger(self.db, "s", int(budget * PICODOLLARS))
        self.store = Store(self.db, study="s")
        self.endpoint = FakeEndpoint(
            world, price=PRICE, most_n=most_n, service="m", failures=failures
        )
        self.journal = (
            Journal(folder / "study.jsonl") if after is None else after.journal
        )
        known = Capabilities(
            [Fact("m", "m", "answers")]
        )  # else the first call goes alone, and its prompt is paid twice
        context = StackContext(self.store, self.ledger, known, 64)
        services = {"m": build_stack(Entry("m", "m"), self.endpoint, PRICE, context)}
        evaluator = Evaluator(
            space=self.plan.space,
            free=self.plan.free,
            prompts=self.plan.prompts,
            examples=self.plan.examples,
            services=services,
            metric=self.plan.metric,
            extract=self.plan.extract,
            store=self.store,
            lessons=Lessons(self.plan.space, known, self.journal.append),
        )
        self.run = Run(self.plan, self.journal, services, self.ledger, evaluator)

    async def buy(
        self,
        point: Point = POINT,
        examples: int = 5,
        draws: int = 3,
        trial: int = 0,
        cap: int = 12,
    ) -> None:
        step = Step(trial, point, tuple(range(examples)), draws, cap)
        await self.run.evaluator.run([step], self.run.trials)

    def record(
        self,
        selection: Selection | None = None,
        single_answer: Reading | None = None,
        holdout: Mapping[Config, Reading] | None = None,
        *,
        stopped: str = FINISHED,
    ) -> RunRecord:
        """The record of the run as it stands now."""
        test = NOT_MET if holdout is None else HoldoutTest(holdout, {})
        return self.run.record(selection, single_answer, test, stopped=stopped)

    def costs(self) -> tuple[float, float]:
        return costs_of_readings(self.record())

    @property
    def billed(self) -> float:
        return to_dollars(self.endpoint.billed)


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., House]]:
    houses: list[House] = []

    def make(*args: Any, **options: Any) -> House:
        houses.append(House(tmp_path / str(len(houses)), *args, **options))
        return houses[-1]

    yield make
    for house in houses:
        house.journal.close()
        house.db.close()
