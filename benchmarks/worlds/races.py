"""Whole searches on replayed worlds, for equal dollars, with readings and with every dimension
paid.

What `benchmarks/readout/` runs. A search here is the strategy's own generator over real readings;
only the store, the ledger and the network are left out: a simulated ledger hands out replayed draws and takes
the money, one call after the other, and admits none whose ceiling does not fit into what is left.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from benchmarks.worlds import worlds
from benchmarks.worlds.replay import (
    LADDERS,
    ReplayEndpoint,
    Table,
    cell_of,
    sentiment,
    thinking,
    worth,
)
from tune.completion import MANY, Completion, Request
from tune.fakes.drive import drive, max_extrapolated_cost
from tune.pricing.prices import to_dollars
from tune.readout import read
from tune.readout.trial import Step, Trial
from tune.search import SEARCHERS
from tune.space import FREE, Point, Space
from tune.strategies import (
    STRATEGIES,
    Outcome,
    Problem,
    Selection,
    Standing,
    final_comparison,
)
from tune.task.extract import parse_extractor

BUDGETS = {"thinking": (3.0, 10.0, 30.0), "sst2-two-models": (3.0, 10.0)}
"""By world, in units: one draw of the average point on all examples."""

WORLDS = 3
"""Made-up worlds; runs take turns."""


class Result(NamedTuple):
    """One search: its world, its budget in units and dollars, whether free dimensions were read,
    and its regret.
    """

    world: str
    units: float
    dollars: float
    free: bool
    regret: float


def space_of(table: Table) -> Space:
    """Return the space of a table: everything that it holds."""
    ladders = (
        {192: (12, 24, 48, 96, 144, 192)}
        if table.name.startswith("thinking")
        else LADDERS
    )
    return worlds.space_of(table, ladders, range(1, 10))


@dataclass
class ReplayLedger:
    """Buys what a strategy asks for, as long as the money lasts.

    Attributes:
        table: the world.
        space: what is searched.
        free: the dimensions that are read off.
        left: dollars.
        seed: of the draws.
    """

    table: Table
    space: Space
    free: tuple[str, ...]
    left: float
    seed: int
    trials: dict[int, Trial] = field(default_factory=dict)
    standings: dict[int, Standing] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._endpoint = ReplayEndpoint(self.table, self.seed)
        self._extract = parse_extractor({"labels": self.table.labels})
        self._drawn: dict[tuple[object, ...], list[Completion]] = {}
        self._dollars = self.left
        # As in a study, the examples are in a seeded order, and what a search meets first is a
        # random part of them.
        self._order = (
            np.random.default_rng(self.seed)
            .permutation(len(self.table.targets))
            .tolist()
        )

    def problem(self) -> Problem:
        """The study as a strategy sees it."""
        return Problem(
            space=self.space,
            free=self.free,
            examples=len(self.table.targets),
            seed=self.seed,
            low=0.0,
            high=1.0,
            larger_is_better=True,
            max_cost=None,
            max_seconds=None,
            ceiling=self.ceiling,
            max_extrapolated_cost=max_extrapolated_cost(self._dollars),
        )

    def ceiling(self, point: Point, draws: int, cap: int) -> float:
        """Dollars that one example can cost at most."""
        prompt = max(
            drawn[0].prompt_tokens for drawn in self.table.cells[cell_of(point)]
        )
        return to_dollars(
            self.table.prices[str(point["model"])].ceiling(prompt, draws * cap)
        )

    def drive(self, strategy: Generator[list[Step], Outcome, Any]) -> Any:
        """Run a strategy to its end; what it returns."""
        return drive(strategy, self.buy)

    def buy(self, steps: list[Step]) -> Outcome:
        """Buy a wave, as far as the money goes."""
        bought = [
            self._buy(step, position) for step in steps for position in step.examples
        ]
        for number in {step.trial for step in steps}:
            self.standings[number] = self._standing(self.trials[number])
        return Outcome(dict(self.standings), self.left, all(bought))

    def _buy(self, step: Step, position: int) -> bool:
        """Bring an example to its draws, if the money allows; a request that another trial sent is
        not sent again.
        """
        trial = self.trials.setdefault(
            step.trial, Trial(step.trial, step.point, step.cap)
        )
        cell = cell_of(step.point)
        drawn = self._drawn.setdefault((cell, step.cap, position), [])
        if len(drawn) < step.draws:
            if self.ceiling(step.point, step.draws - len(drawn), step.cap) > self.left:
                return False
            settings = (("temperature", cell.temperature),)
            request = Request(
                "replay",
                cell.model,
                f"{cell.prompt} {self._order[position]}",
                step.cap,
                settings=settings,
            )
            new = [
                self._endpoint.draw(request, number)
                for number in range(len(drawn), step.draws)
            ]
            tokens = sum(draw.completion_tokens for draw in new)
            self.left -= to_dollars(
                self.table.prices[cell.model].cost(new[0].prompt_tokens, tokens)
            )
            drawn += new
        trial.draws[position] = drawn[: step.draws]
        return True

    def _standing(self, trial: Trial) -> Standing:
        price = self.table.prices[str(trial.point["model"])]
        readings = read(
            trial,
            self.space.configs_of(trial.point, self.free),
            extract=self._extract,
            score=self._score,
            worst=0.0,
            price=price,
            most_n=MANY,
        )
        once = sum(
            price.cost(draws[0].prompt_tokens, 0) for draws in trial.draws.values()
        )
        spent = once + sum(
            price.cost(0, d.completion_tokens)
            for draws in trial.draws.values()
            for d in draws
        )
        return Standing(
            trial=trial.number,
            point=trial.point,
            examples=len(trial.draws),
            readings=tuple(readings),
            failed=False,
            spent_per_draw=to_dollars(spent) / trial.bought if trial.bought else 0.0,
            cap=trial.cap,
            prompt_cost=to_dollars(once) / len(trial.draws) if trial.draws else 0.0,
        )

    def _score(self, answer: object, position: int) -> float:
        return float(answer == self.table.targets[self._order[position]])


def search(table: Table, free: tuple[str, ...], dollars: float, seed: int) -> float:
    """The regret of one search."""
    space = space_of(table)
    ledger = ReplayLedger(table, space, free, dollars, seed)
    problem = ledger.problem()
    ledger.drive(
        STRATEGIES["knowledge_gradient"](
            problem, SEARCHERS["random"](space, free, seed), dollars
        )
    )
    choice = ledger.drive(final_comparison(problem, ledger.standings, ledger.left))
    most = best(table.name)
    return (
        most - worth(table, choice.shown.config)
        if isinstance(choice, Selection)
        else most
    )


@lru_cache(maxsize=16)
def world(name: str) -> Table:
    """A table by its name."""
    return (
        sentiment() if name == "sst2-two-models" else thinking(int(name.split("-")[1]))
    )


@lru_cache(maxsize=16)
def best(name: str) -> float:
    """The worth of the best config of a world's space."""
    table = world(name)
    space = space_of(table)
    return max(
        worth(table, config)
        for point in space.points(FREE)
        for config in space.configs_of(point, FREE)
    )


@lru_cache(maxsize=16)
def unit(name: str) -> float:
    """Dollars of one draw of the average point, at its largest max_tokens, on all examples."""
    table = world(name)
    return float(
        np.mean([_price_of_one(table, draws) for draws in table.cells.items()])
    )


def _price_of_one(
    table: Table, entry: tuple[Any, Sequence[Sequence[Completion]]]
) -> float:
    cell, examples = entry
    price = table.prices[cell.model]
    return sum(
        float(
            np.mean(
                [
                    to_dollars(price.cost(d.prompt_tokens, d.completion_tokens))
                    for d in draws
                ]
            )
        )
        for draws in examples
    )


def races(runs: int, seed: int) -> Iterator[Result]:
    """Every world, budget and way, so many times."""
    for run in range(seed, seed + runs):
        for name, budgets in BUDGETS.items():
            table = world(f"thinking-{run % WORLDS}" if name == "thinking" else name)
            for units in budgets:
                dollars = units * unit(table.name)
                for free in (FREE, ()):
                    yield Result(
                        name,
                        units,
                        dollars,
                        bool(free),
                        search(table, free, dollars, run),
                    )
