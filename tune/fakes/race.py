"""A world of known truth for strategies: the score of each config, and the cost of each draw."""

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
"""Dollars of one draw, by model."""

SKILLS = {"tiny": -0.6, "small": 0.3, "large": 1.1}
"""Skill by model, in units of the logit of being right."""

PROMPTS = {"plain": 0.0, "brief": 0.25, "shots": 0.7, "reasoned": 0.5}
"""Gain by prompt, in the same units."""

LENGTHS = {"plain": 1.0, "brief": 1.0, "shots": 1.6, "reasoned": 2.5}
"""Factor of the cost, by prompt."""


def spread(*parts: object) -> float:
    """Return a standard normal number that depends on the parts alone."""
    return float(_rng_of(repr(parts)).standard_normal())


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
    """The truth of a made-up task, and the draws that models give in it.

    Attributes:
        space: the search space.
        free: the free dimensions.
        examples: the number of tuning examples.
        seed: the seed of the world.
        slack: the ceiling of a draw's cost, as a multiple of its true cost.
        flip: scores are errors, and fewer are better.
        failing: the points whose trials fail.
        quality: the accuracy of a point on every example, in place of the made-up skills.
        max_cost: the limit in dollars per request.
        noise: the share by which the costs of examples differ.
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
        """Return the probability that one draw is right, by example."""
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
        # Some examples are hard for all points, and some suit one model and prompt: these are two
        # of the variance components that the strategies estimate.
        difficulty = 1.5 * np.random.default_rng(self.seed).standard_normal(
            self.examples
        )
        own = _rng_of(f"{self.seed}/{model}/{prompt}").standard_normal(self.examples)
        logit = 2.0 * (mean - difficulty) + 0.8 * own
        return 1 / (1 + np.exp(-logit))

    def truth(self, config: Config) -> float:
        """Return the true accuracy of a config: larger is better, even if scores are errors."""
        point = Point({k: v for k, v in config.items() if k not in self.free})
        n = config.n if config.aggregate == "vote" else 1
        # At temperature 0 all draws are the same, and a vote changes nothing.
        if point.get("temperature") == 0:
            n = 1
        return float(_majority(self.chances(point), n).mean())

    def cost(self, config: Mapping[str, object], n: int) -> float:
        """Return the exact dollars per request."""
        return n * PRICES[str(config["model"])] * LENGTHS[str(config["prompt"])]

    def factor(self, point: Point, example: int) -> float:
        """Return the cost of an example as a multiple of the average."""
        uniform = zlib.crc32(f"{point.key}/{example}".encode()) / 2**32
        return 1.0 + self.noise * (2.0 * uniform - 1.0)

    def best(self) -> float:
        """Return the true accuracy of the best config within the limit on cost; -inf if none is."""
        best = -math.inf
        for point in self.space.points(self.free):
            for config in self.space.configs_of(point, self.free):
                cost = self.cost(config, config.n)
                if self.max_cost is None or cost <= self.max_cost:
                    best = max(best, self.truth(config))
        return best

    def unit(self) -> float:
        """Return the dollars of an average point on all examples, with one draw each."""
        costs = [self.cost(point, 1) for point in self.space.points(self.free)]
        return self.examples * float(np.mean(costs))

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
        """Return the first draws of a point on an example: True where the answer is right."""
        if point not in self._drawn:
            # All draws are made together, so that draw k is the same however many are asked for.
            # No space here asks for more than 64.
            uniform = _rng_of(f"{self.seed}/{point.key}").random((self.examples, 64))
            self._drawn[point] = uniform < self.chances(point)[:, None]
        return self._drawn[point][example, :count]

    def standing(self, trial: int, point: Point, held: Mapping[int, int]) -> Standing:
        """Return a trial that holds so many draws of each example."""
        readings = []
        if not self.failing(point):
            for config in self.space.configs_of(point, self.free):
                found = self.read(trial, config, point, held)
                if found.examples:
                    readings.append(found)
        return Standing(
            trial=trial,
            point=point,
            examples=len(held),
            readings=tuple(readings),
            failed=self.failing(point),
            spent_per_draw=self.cost(point, 1) if held else 0.0,
        )

    def read(
        self, trial: int, config: Config, point: Point, held: Mapping[int, int]
    ) -> Reading:
        """Read a config off the draws that a trial holds."""
        examples = tuple(sorted(e for e, count in held.items() if count >= config.n))
        n = config.n if config.aggregate == "vote" else 1
        found = []
        for example in examples:
            right = int(self.draws(point, example, held[example]).sum())
            found.append(_vote_of(right, held[example], n))
        scores = np.array(found)
        factors = np.array([self.factor(point, example) for example in examples])
        return Reading(
            config=config,
            trial=trial,
            examples=examples,
            scores=1.0 - scores if self.flip else scores,
            variances=np.full(len(examples), np.nan),
            costs=self.cost(config, config.n) * factors,
            seconds=np.ones(len(examples)),
            approximate=False,
        )


def _rng_of(key: str) -> np.random.Generator:
    # Python's own hash of a text differs between processes; this one does not.
    return np.random.default_rng(zlib.crc32(key.encode()))


def _majority(p: np.ndarray, n: int) -> np.ndarray:
    """Return the probability that a majority of n draws is right.

    Each draw is right with probability p, independently of the others: a binomial distribution.
    """
    shares = np.zeros_like(p)
    for k in range(n + 1):
        shares = shares + math.comb(n, k) * p**k * (1 - p) ** (n - k) * _wins(k, n)
    return shares


def _wins(right: int, n: int) -> float:
    if 2 * right > n:
        return 1.0
    # A tie is decided at random.
    return 0.5 * (2 * right == n)


@lru_cache(maxsize=100_000)
def _vote_of(right: int, drawn: int, n: int) -> float:
    """Return the share of all choices of n draws whose majority is right.

    The mean over all choices, a hypergeometric distribution, has less noise than one choice.
    """
    ways = 0.0
    for k in range(n + 1):
        ways += math.comb(right, k) * math.comb(drawn - right, n - k) * _wins(k, n)
    return ways / math.comb(drawn, n)


@dataclass
class FakeLedger:
    """A ledger that runs strategies. It admits no draw whose ceiling is above the money left.

    Attributes:
        world: the source of draws and costs.
        left: the dollars that are left.
        waves: the waves that the strategy asked for.
        worst: the largest true cost of a wave, as a share of the money left before it.
        refused: a draw was refused.
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
        """Run a strategy to its end, and return its result."""
        return drive(strategy, self.buy)

    def buy(self, steps: Sequence[Step]) -> Outcome:
        """Buy a wave, as far as the money goes."""
        assert steps, "an empty wave"
        self.waves.append(list(steps))
        before, wanted, complete = self.left, 0.0, True
        for step in steps:
            held = self.held.setdefault(step.trial, {})
            assert self.points.setdefault(step.trial, step.point) == step.point, (
                "a trial keeps its point"
            )
            for example in step.examples:
                new = step.draws - held.get(example, 0)
                if new <= 0 or self.world.failing(step.point):
                    continue
                mean = self.world.cost(step.point, new)
                cost = mean * self.world.factor(step.point, example)
                wanted += cost
                # The slack covers the rounding of sums of floats.
                if self.world.slack * mean > self.left + 1e-15:
                    complete = False
                    continue
                self.left -= cost
                held[example] = step.draws
        self.worst = max(self.worst, wanted / before) if before > 0 else math.inf
        self.refused |= not complete
        for trial in {step.trial for step in steps}:
            point, held = self.points[trial], self.held[trial]
            self.standings[trial] = self.world.standing(trial, point, held)
        return Outcome(dict(self.standings), self.left, complete)


def play(
    world: World,
    strategy: Callable[..., Generator[list[Step], Outcome, None]],
    searcher: Searcher,
    dollars: float,
) -> tuple[Selection | None, FakeLedger]:
    """Run a whole search: the strategy, then the final comparison."""
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
    """Return a reading of these scores on the examples from number `start`."""
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
    """Return a trial with these readings."""
    first = readings[0]
    point = Point({k: v for k, v in first.config.items() if k not in FREE})
    return Standing(first.trial, point, len(first.examples), readings, failed, 1e-4)


def problem(**changes: Any) -> Problem:
    """Return a study of the made-up world, with these fields changed."""
    return Problem(**(vars(World().problem()) | changes))
