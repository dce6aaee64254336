"""The one meter of the search benchmarks: hands out the draws of a world, takes the money, and
reads standings.

A search here is the strategy's own generator over readings as a run would read them; only the
store, the ledger and the network are left out. A ledger admits no draw whose ceiling does not fit
into what is left, shares the draws of equal requests as the store does, and charges each call what
it really cost: the prompt once, and the tokens of its draws.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.worlds.replay import Cell, cell_of
from benchmarks.worlds.worlds import Array, Codes, Counts, Scores, World, cut
from tune.fakes.drive import drive, max_extrapolated_cost
from tune.readout import Reading
from tune.readout.trial import Step
from tune.space import Config, Point
from tune.strategies import Outcome, Problem, Standing


@dataclass
class Bought:
    """The draws of a trial.

    Attributes:
        cell: what is asked.
        cap: the largest max_tokens that they can be read at.
        first_cap: max_tokens of the first ones.
        counts: the number of draws of each example.
    """

    cell: Cell
    cap: int
    first_cap: int
    counts: Counts


@dataclass
class SimulatedLedger:
    """One search's world, money and draws.

    Attributes:
        world: what is replayed.
        free: the dimensions that are read off; () where every dimension is paid.
        left: dollars.
        seed: of the tuning examples, of their order and of the draws' order.
        examples: how many tuning examples there are.
        pool: the examples of the world that they are taken from; all by default.
        max_cost: dollars per request, or None.
        goal: "quality", "cheapest" or "frontier".
        min_quality: the score that is good enough, for the goal "cheapest".
        spent: dollars so far.
    """

    world: World
    free: tuple[str, ...]
    left: float
    seed: int
    examples: int
    pool: Counts | None = None
    max_cost: float | None = None
    goal: str = "quality"
    min_quality: float | None = None
    spent: float = 0.0
    trials: dict[int, Bought] = field(default_factory=dict)
    points: dict[int, Point] = field(default_factory=dict)
    standings: dict[int, Standing] = field(default_factory=dict)

    def __post_init__(self) -> None:
        pool = np.arange(self.world.examples) if self.pool is None else self.pool
        self.order = np.random.default_rng(self.seed).permutation(pool)[: self.examples]
        self._drawn: dict[tuple[Cell, int], tuple[Codes | Scores, Counts]] = {}
        self._stored: dict[tuple[Cell, int], Counts] = {}
        self._paid: dict[int, float] = {}
        self._dollars = self.left

    def problem(self, baseline: Point | None = None) -> Problem:
        """The study as a strategy sees it."""
        return Problem(
            space=self.world.space,
            free=self.free,
            examples=self.examples,
            seed=self.seed,
            low=0.0,
            high=1.0,
            larger_is_better=True,
            max_cost=self.max_cost,
            max_seconds=None,
            ceiling=self.ceiling,
            baseline=baseline,
            goal=self.goal,
            min_quality=self.min_quality,
            max_extrapolated_cost=max_extrapolated_cost(self._dollars),
        )

    def ceiling(self, point: Point, draws: int, cap: int) -> float:
        """Dollars that one example can cost at most."""
        price = self.world.prices[str(point["model"])]
        prompt = int(self.world.prompt_tokens[cell_of(point)].max())
        return (prompt * price.input + draws * cap * price.output) / 1e6

    def drive(self, strategy: Generator[list[Step], Outcome, Any]) -> Any:
        """Run a strategy to its end; what it returns."""
        return drive(strategy, self.buy)

    def buy(self, steps: list[Step]) -> Outcome:
        """Buy a wave, as far as the money goes."""
        bought = [self._buy(step) for step in steps]  # each as far as the money goes
        for number in {step.trial for step in steps}:
            self.standings[number] = self._standing(number)
        return Outcome(dict(self.standings), self.left, all(bought))

    def _buy(self, step: Step) -> bool:
        """Bring examples to their draws; one after the other, until a ceiling is above what is
        left.
        """
        cell = cell_of(step.point)
        counts = np.zeros(self.examples, dtype=np.int32)
        trial = self.trials.setdefault(
            step.trial, Bought(cell, step.cap, step.cap, counts)
        )
        self.points[step.trial] = step.point
        stored = self._stored.setdefault(
            (cell, step.cap), np.zeros(self.examples, dtype=np.int32)
        )
        positions = np.array(step.examples)
        held = np.maximum(stored[positions], trial.counts[positions])
        new = np.maximum(step.draws - held, 0)
        price = self.world.prices[cell.model]
        _, tokens = self._draws(cell, trial.first_cap)
        tokens = np.minimum(tokens, step.cap)
        prompts = self.world.prompt_tokens[cell][self.order[positions]]
        columns = np.arange(tokens.shape[1])
        fresh = (columns >= held[:, None]) & (columns < step.draws)
        said = (tokens[positions] * fresh).sum(axis=1)
        costs = (
            np.where(new > 0, prompts * price.input + said * price.output, 0.0) / 1e6
        )
        most = int(self.world.prompt_tokens[cell].max())
        ceilings = (
            np.where(new > 0, most * price.input + new * step.cap * price.output, 0.0)
            / 1e6
        )
        refused = self.left - (np.cumsum(costs) - costs) < ceilings
        count = int(refused.argmax()) if refused.any() else len(positions)
        paid = float(costs[:count].sum())
        self.left -= paid
        self.spent += paid
        if step.cap < trial.cap and (tokens[positions] * fresh >= step.cap).any():
            trial.cap = step.cap
        done = positions[:count]
        stored[done] = np.maximum(stored[done], step.draws)
        trial.counts[done] = np.maximum(trial.counts[done], step.draws)
        return count == len(positions)

    def _draws(self, cell: Cell, cap: int) -> tuple[Codes | Scores, Counts]:
        """The draws of a cell in this study's order, at a cap: requests with another cap have draws
        of their own.
        """
        if (cell, cap) not in self._drawn:
            answers, tokens = (
                self.world.answers[cell][self.order],
                self.world.tokens[cell][self.order],
            )
            model, prompt = (
                list(self.world.prices).index(cell.model),
                sum(map(ord, cell.prompt)),
            )
            rng = np.random.default_rng(
                [self.seed, model, prompt, round(1000 * cell.temperature), cap]
            )
            deal = rng.random(answers.shape).argsort(axis=1)
            answers, tokens = (
                np.take_along_axis(answers, deal, 1),
                np.take_along_axis(tokens, deal, 1),
            )
            self._drawn[cell, cap] = cut(answers, tokens, cap), np.minimum(tokens, cap)
        return self._drawn[cell, cap]

    # --- readings

    def _standing(self, number: int) -> Standing:
        trial, point = self.trials[number], self.points[number]
        met = np.flatnonzero(trial.counts)
        configs = [
            c
            for c in self.world.readings(point, self.free)
            if c.max_tokens <= trial.cap
        ]
        readings = self._readings(number, trial, configs) if len(met) else []
        _, tokens = self._draws(trial.cell, trial.first_cap)
        price, counts = self.world.prices[trial.cell.model], trial.counts[met]
        each = tokens[met] * (np.arange(tokens.shape[1]) < counts[:, None])
        said = each.sum()
        prompts = self.world.prompt_tokens[trial.cell][self.order[met]].sum()
        spent = (prompts * price.input + said * price.output) / 1e6
        return Standing(
            trial=number,
            point=point,
            examples=len(met),
            readings=tuple(readings),
            failed=False,
            spent_per_draw=float(spent / counts.sum()) if len(met) else 0.0,
            cap=trial.cap,
            prompt_cost=float(prompts * price.input / 1e6 / len(met))
            if len(met)
            else 0.0,
            longest=int(each.max(initial=0)),
        )

    def _readings(
        self, number: int, trial: Bought, configs: list[Config]
    ) -> list[Reading]:
        answers, tokens = self._draws(trial.cell, trial.first_cap)
        price = self.world.prices[trial.cell.model]
        sizes = tuple(sorted({1, *(config.n for config in configs)}))
        found: dict[Config, list[tuple[Any, ...]]] = {config: [] for config in configs}
        for count in np.unique(trial.counts[trial.counts > 0]).tolist():
            rows = np.flatnonzero(trial.counts == count)
            prompts = self.world.prompt_tokens[trial.cell][self.order[rows]]
            for cap in {config.max_tokens for config in configs}:
                said, long = answers[rows, :count], tokens[rows, :count]
                left = cut(said, long, cap)
                worth = self.world.expected(left, self.order[rows], sizes)
                mean = np.minimum(long, cap).mean(axis=1)
                for config in configs:
                    if config.max_tokens == cap and config.n <= count:
                        n = config.n if config.aggregate == "vote" else 1
                        costs = (
                            prompts * price.input + config.n * mean * price.output
                        ) / 1e6
                        found[config].append((rows, worth[:, sizes.index(n)], costs))
        return [
            _reading(number, config, parts) for config, parts in found.items() if parts
        ]


def _reading(number: int, config: Config, parts: list[tuple[Any, ...]]) -> Reading:
    rows, scores, costs = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    order = np.argsort(rows)
    unknown: Array = np.full(len(rows), np.nan)
    return Reading(
        config=config,
        trial=number,
        examples=tuple(rows[order].tolist()),
        scores=scores[order],
        variances=unknown,
        costs=costs[order],
        seconds=np.ones(len(rows)),
        approximate=False,
    )
