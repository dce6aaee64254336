"""A world for races in which the truth is known: what every config is worth, and what every draw
costs.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from tune.fakes.drive import drive
from tune.readout import Reading
from tune.readout.trial import Step
from tune.search.history import Searcher
from tune.space import FREE, Config, Point, Space, Uniform
from tune.strategies import Outcome, Problem, Selection, Standing, final_comparison

PRICES = {"tiny": 1e-5, "small": 4e-5, "large": 2e-4}
SKILLS = {"tiny": -0.6, "small": 0.3, "large": 1.1}
PROMPTS = {"plain": 0.0, "brief": 0.25, "shots": 0.7, "reasoned": 0.5}
LENGTHS = {"plain": 1.0, "brief": 1.0, "shots": 1.6, "reasoned": 2.5}


def spread(*parts: object) -> float:
    """A standard normal number that depends on the parts alone."""
    return float(
        np.random.default_rng(zlib.crc32(repr(parts).encode())).standard_normal()
    )


def some_space(**changes: Any) -> Space:
    """Return a space over three models and four prompts, with these dimensions changed."""
    settings: dict[str, Any] = {
        "model": list(PRICES),
        "prompt": dict.fromkeys(PROMPTS, "{text}"),
        "temperature": Uniform(0, 1.2, 0.1),
        "n": [1, 3, 5],
        "aggregate": ["first", "vote"],
        "max_tokens": 64,
    }
    return Space(**(settings | changes))


@dataclass
class World:
    """How often every point is right on every example, and a ledger.

    Attributes:
        space: what is searched.
        free: the dimensions that are read off.
        examples: tuning examples.
        seed: of the world.
        slack: how many times what a draw costs its ceiling is.
        flip: whether scores are errors, of which fewer is better.
        failing: points whose trials fail.
        quality: how often a point is right on every example, instead of the made-up skills.
        max_cost: dollars per request.
        noise: by how much, as a share, the costs of examples differ.
        baseline: the user's point.
    """

    space: Space = field(default_factory=some_space)
    free: tuple[str, ...] = FREE
    examples: int = 120
    seed: int = 0
    slack: float = 4.0
    flip: bool = False
    failing: Callable[[Point], bool] = lambda _: False
    quality: Callable[[Point], float] | None = None
    max_cost: float | None = None
    noise: float = 0.0
    baseline: Point | None = None

    def __post_init__(self) -> None:
        self._drawn: dict[Point, np.ndarray] = {}

    # --- the truth

    def chances(self, point: Point) -> np.ndarray:
        """How often one draw is right, by example."""
        if self.quality is not None:
            return np.full(self.examples, self.quality(point))
        model, prompt = str(point["model"]), str(point["prompt"])
        heat = float(point.get("temperature", 1.0))  # type: ignore[arg-type]
        mean = (
            SKILLS[model]
            + PROMPTS[prompt]
            + 0.4 * spread(self.seed, model, prompt)
            - 0.5 * (heat - 0.2) ** 2
        )
        rng = np.random.default_rng(self.seed)
        hardness = 1.5 * rng.standard_normal(self.examples)
        own = np.random.default_rng(
            zlib.crc32(f"{self.seed}/{model}/{prompt}".encode())
        )
        return 1 / (
            1
            + np.exp(
                -(2.0 * (mean - hardness) + 0.8 * own.standard_normal(self.examples))
            )
        )

    def truth(self, config: Config) -> float:
        """What a config is worth: the larger the better, whatever the direction of the scores."""
        point = Point({k: v for k, v in config.items() if k not in self.free})
        right = self.chances(point)
        n = config.n if config.aggregate == "vote" else 1
        if point.get("temperature") == 0:
            n = 1
        return float(_majority(right, n).mean())

    def cost(self, config: Mapping[str, object], n: int) -> float:
        """Dollars per request, exactly."""
        return n * PRICES[str(config["model"])] * LENGTHS[str(config["prompt"])]

    def factor(self, point: Point, example: int) -> float:
        """By how much an example costs more or less than the average."""
        return 1.0 + self.noise * (
            2.0 * (zlib.crc32(f"{point.key}/{example}".encode()) / 2**32) - 1.0
        )

    def best(self) -> float:
        """The worth of the best config that keeps the limit on cost."""
        everything = (
            c
            for p in self.space.points(self.free)
            for c in self.space.configs_of(p, self.free)
        )
        return max(
            self.truth(c)
            for c in everything
            if self.max_cost is None or self.cost(c, c.n) <= self.max_cost
        )

    def unit(self) -> float:
        """Dollars of one average config on all examples, one draw each."""
        return self.examples * float(
            np.mean([self.cost(p, 1) for p in self.space.points(self.free)])
        )

    # --- what can be bought

    def problem(self) -> Problem:
        """Return the problem that a strategy is given."""
        return Problem(
            space=self.space,
            free=self.free,
            examples=self.examples,
            seed=self.seed,
            low=0.0,
            high=1.0,
            larger_is_better=not self.flip,
            max_cost=self.max_cost,
            max_seconds=None,
            ceiling=lambda point, draws, _: self.slack * self.cost(point, draws),
            baseline=self.baseline,
        )

    def draws(self, point: Point, example: int, count: int) -> np.ndarray:
        """Whether each of the first so many draws is right."""
        if point not in self._drawn:
            rng = np.random.default_rng(zlib.crc32(f"{self.seed}/{point.key}".encode()))
            self._drawn[point] = (
                rng.random((self.examples, 64)) < self.chances(point)[:, None]
            )
        return self._drawn[point][example, :count]

    def standing(self, trial: int, point: Point, held: Mapping[int, int]) -> Standing:
        """A trial that holds so many draws of each example."""
        failed = self.failing(point)
        readings = (
            []
            if failed
            else [
                self.read(trial, c, point, held)
                for c in self.space.configs_of(point, self.free)
            ]
        )
        return Standing(
            trial=trial,
            point=point,
            examples=len(held),
            readings=tuple(r for r in readings if r.examples),
            failed=failed,
            spent_per_draw=self.cost(point, 1) if held else 0.0,
        )

    def read(
        self, trial: int, config: Config, point: Point, held: Mapping[int, int]
    ) -> Reading:
        """Read a config off the draws that a trial holds."""
        examples = tuple(sorted(e for e, count in held.items() if count >= config.n))
        n = config.n if config.aggregate == "vote" else 1
        scores = np.array(
            [
                _vote_of(int(self.draws(point, e, held[e]).sum()), held[e], n)
                for e in examples
            ]
        )
        return Reading(
            config=config,
            trial=trial,
            examples=examples,
            scores=1.0 - scores if self.flip else scores,
            variances=np.full(len(examples), np.nan),
            costs=self.cost(config, config.n)
            * np.array([self.factor(point, e) for e in examples]),
            seconds=np.ones(len(examples)),
            approximate=False,
        )


def _majority(p: np.ndarray, n: int) -> np.ndarray:
    """How often a majority of n is right, each being right with probability p."""
    shares = np.zeros_like(p)
    for k in range(n + 1):
        shares = shares + math.comb(n, k) * p**k * (1 - p) ** (n - k) * _wins(k, n)
    return shares


def _wins(right: int, n: int) -> float:
    return 1.0 if 2 * right > n else 0.5 * (2 * right == n)


@lru_cache(maxsize=100_000)
def _vote_of(right: int, drawn: int, n: int) -> float:
    """The same for n of the draws that there are."""
    ways = (
        math.comb(right, k) * math.comb(drawn - right, n - k) * _wins(k, n)
        for k in range(n + 1)
    )
    return sum(ways) / math.comb(drawn, n)


@dataclass
class FakeLedger:
    """Drives strategies and takes the money: admits no draw whose ceiling is above what is left.

    Attributes:
        left: dollars.
        waves: what was asked for.
        worst: the largest share of what was left that a wave asked for, as its draws really cost.
        refused: whether anything was.
    """

    world: World
    left: float
    waves: list[list[Step]] = field(default_factory=list)
    worst: float = 0.0
    refused: bool = False

    def __post_init__(self) -> None:
        self.held: dict[int, dict[int, int]] = {}
        self.points: dict[int, Point] = {}
        self.standings: dict[int, Standing] = {}

    def drive(self, strategy: Generator[list[Step], Outcome, object]) -> object:
        """Run a strategy to its end; what it returns."""
        return drive(strategy, self.buy)

    def buy(self, steps: Sequence[Step]) -> Outcome:
        """Buy a wave, as far as the money goes."""
        assert steps, "an empty wave"
        self.waves.append(list(steps))
        before, wanted, complete = self.left, 0.0, True
        for step in steps:
            held = self.held.setdefault(step.trial, {})
            assert self.points.setdefault(step.trial, step.point) == step.point
            for example in step.examples:
                new = step.draws - held.get(example, 0)
                if new <= 0 or self.world.failing(step.point):
                    continue
                cost = self.world.cost(step.point, new) * self.world.factor(
                    step.point, example
                )
                wanted += cost
                if (
                    self.world.slack * self.world.cost(step.point, new)
                    > self.left + 1e-15
                ):
                    complete = False
                    continue
                self.left -= cost
                held[example] = step.draws
        self.worst = max(self.worst, wanted / before) if before > 0 else math.inf
        self.refused |= not complete
        for number in {step.trial for step in steps}:
            self.standings[number] = self.world.standing(
                number, self.points[number], self.held[number]
            )
        return Outcome(dict(self.standings), self.left, complete)


def play(
    world: World,
    strategy: Callable[..., Generator[list[Step], Outcome, None]],
    searcher: Searcher,
    dollars: float,
) -> tuple[Selection | None, FakeLedger]:
    """A whole search: the strategy, then the final_comparison."""
    ledger = FakeLedger(world, dollars)
    problem = world.problem()
    ledger.drive(strategy(problem, searcher, dollars))
    choice = ledger.drive(final_comparison(problem, ledger.standings, ledger.left))
    assert choice is None or isinstance(choice, Selection)
    return choice, ledger


def reading(
    scores: Sequence[float],
    *,
    cost: float = 1e-3,
    trial: int = 0,
    start: int = 0,
    n: int = 1,
    **values: Any,
) -> Reading:
    """A reading of these scores on the examples from `start`."""
    config = Config(
        {
            "model": "small",
            "prompt": "plain",
            "max_tokens": 64,
            "n": n,
            "temperature": 0.5,
            **values,
        }
    )
    known = np.asarray(scores, dtype=float)
    return Reading(
        config=config,
        trial=trial,
        examples=tuple(range(start, start + len(known))),
        scores=known,
        variances=np.full(len(known), np.nan),
        costs=np.full(len(known), cost),
        seconds=np.full(len(known), 0.5),
        approximate=False,
    )


def standing(*readings: Reading, failed: bool = False) -> Standing:
    """A trial with these readings."""
    point = Point({k: v for k, v in readings[0].config.items() if k not in FREE})
    return Standing(
        readings[0].trial, point, len(readings[0].examples), readings, failed, 1e-4
    )


def problem(**changes: Any) -> Problem:
    """A study of the made-up world."""
    return Problem(**(vars(World().problem()) | changes))
