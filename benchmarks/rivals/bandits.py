"""UCB-E and UCB-E-LRF as BanditEval has them (Zhou et al., "On Speeding Up Language Model
Evaluation", ICLR 2025, arXiv 2407.06172), with the settings that are published there.

Each pull takes one arm (here a point) and a batch of examples that the arm has not met. Written
anew from the paper; nothing is copied.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from benchmarks.rivals.contest import Contest, Waves, best_of_all, best_reading
from tune.readout import Reading
from tune.readout.trial import Step
from tune.search.history import Searcher
from tune.strategies import Outcome, Problem, Standing
from tune.strategies.problem import Array
from tune.strategies.race import TrialState

Floats = npt.NDArray[np.float32]

EXPLORATION = 1.0
"""The a of UCB-E: an arm's index is its mean + sqrt(a / examples)."""

BATCH = 32
"""Examples of a pull."""

WARM_UP = 0.05
"""The share of all arms times examples that UCB-E-LRF buys at random before it models anything."""

ENSEMBLE, DROPPED, ROUNDS, RIDGE = 64, 0.05, 10, 0.1
"""Models of an ensemble, the share of answers that each does not see, the rounds of alternating
least squares, and the weight of their penalty. Every model has rank 1.
"""

WIDTH = 5.0
"""Deviations of the ensemble that are added to its mean: the paper's eta."""

MOST_ARMS = 200
"""Points of a pool. The paper has at most 205 arms, and a larger pool is never met as a whole."""

MOST_PULLS = 600
"""Pulls of a search with small batches, at most: with more money, batches are larger."""

CHECKED = """UCB-E and UCB-E-LRF were held against their paper, which says that they find the best arm with 5 to 15 % of all
answers. Of its tables, AlpacaEval's is public; 60 of its models have files small enough to be in the copy that we had. On
these, with 797 instructions, `python -m benchmarks.rivals --table FILE --shares 0.05 0.1 0.15 0.25 --runs 5` found the best
model in all runs with 5 % by UCB-E, and by UCB-E-LRF in 20, 40, 100 and 100 % of runs. The paper's own figure, of 153
models, cannot be made again from that. Its other tables were not published."""
"""The outcome of a check against the paper, for the page of `benchmarks/search/`."""


@dataclass
class Pool:
    """The arms of a search and the examples that each has met.

    Attributes:
        contest: the trials and the money.
        arms: all of them, in the order of their numbers.
        rng: picks examples.
        met: whether an arm was ordered on an example: arms x examples.
    """

    contest: Contest
    rng: np.random.Generator
    arms: list[TrialState] = field(default_factory=list)

    def __post_init__(self) -> None:
        while len(self.arms) < MOST_ARMS and (state := self.contest.enter()):
            state.draws = self.contest.draws(state)
            self.arms.append(state)
        self.met = np.zeros((len(self.arms), self.contest.examples), bool)

    @property
    def over(self) -> bool:
        """Tell if nothing more can be bought."""
        return self.contest.race.over or bool(self.met.all())

    def rows(self) -> Array:
        """Return the scores, arms x examples; NaN where there is none."""
        if not self.arms:
            return np.zeros((0, self.contest.examples))
        return np.array([self.contest.row(state) for state in self.arms])

    def open_examples(self, arm: int) -> npt.NDArray[np.intp]:
        """Return the examples that an arm has not met, in random order."""
        return self.rng.permutation(np.flatnonzero(~self.met[arm]))

    def pull(
        self, cells: Sequence[tuple[int, int]]
    ) -> Generator[list[Step], Outcome, bool]:
        """Buy answers of arms to examples, as far as the money goes; whether it bought any."""
        race = self.contest.race
        left = race.left
        bought: dict[int, list[int]] = {}
        for arm, example in cells:
            state = self.arms[arm]
            price = race.expected_price(state, state.draws)
            # A call is let through only while its ceiling fits.
            if max(price, race.ceiling(state, state.draws)) > left:
                continue
            left -= price
            bought.setdefault(arm, []).append(example)
        if not bought:
            return False
        steps = []
        for arm, examples in bought.items():
            state = self.arms[arm]
            self.met[arm, examples] = True
            state.examples += len(examples)
            order = tuple(sorted(examples))
            steps.append(Step(state.trial, state.point, order, state.draws, state.cap))
        race.update((yield steps))
        return True


def ucb_e_batches(
    problem: Problem,
    searcher: Searcher,
    left: float,
    *,
    most: bool,
    batch: int | None = BATCH,
) -> Waves:
    """UCB-E as BanditEval has it: a = 1, and a batch of random examples for each pull.

    Args:
        problem: what is searched.
        searcher: proposes points.
        left: dollars.
        most: whether each example gets as many draws as the largest n takes.
        batch: examples of a pull; None takes as few as the number of pulls allows, as the paper's
            own theory has 1.
    """
    pool = _pool(problem, searcher, left, most)
    while not pool.over:
        rows = pool.rows()
        counts = (~np.isnan(rows)).sum(axis=1)
        means = np.nansum(rows, axis=1) / np.maximum(1, counts)
        index = means + np.sqrt(EXPLORATION / np.maximum(1, counts))
        # Arms without an example come first.
        index[~pool.met.any(axis=1)] = math.inf
        size = batch or _small_batch(pool, left)
        for arm in _best_first(pool, index):
            wanted = pool.open_examples(arm)[:size]
            if (yield from pool.pull([(arm, int(place)) for place in wanted])):
                break
        else:
            return


def ucb_e_low_rank(
    problem: Problem, searcher: Searcher, left: float, *, most: bool
) -> Waves:
    """UCB-E-LRF: missing scores are filled in by an ensemble of factorisations of rank 1.

    It begins with random answers of all arms. Then the arm whose scores, with missing ones at
    their upper bounds, have the largest mean is pulled on the examples that the ensemble knows
    least about.
    """
    pool = _pool(problem, searcher, left, most)
    goal = WARM_UP * pool.met.size
    while not pool.over and pool.met.sum() < goal:
        cells = pool.rng.permutation(np.argwhere(~pool.met))[:BATCH]
        if not (yield from pool.pull([(int(arm), int(at)) for arm, at in cells])):
            return
    while not pool.over:
        rows = pool.rows()
        mean, deviation = factorised(rows, pool.rng)
        known = ~np.isnan(rows)
        bound = np.where(known, rows, mean + WIDTH * deviation).mean(axis=1)
        bound[~pool.met.any(axis=1)] = math.inf
        for arm in _best_first(pool, bound):
            wanted = pool.open_examples(arm)
            order = np.argsort(-deviation[arm, wanted], kind="stable")[:BATCH]
            cells_ = [(arm, int(place)) for place in wanted[order]]
            if (yield from pool.pull(cells_)):
                break
        else:
            return


def best_filled_in(
    problem: Problem, standings: Mapping[int, Standing]
) -> Reading | None:
    """The choice of UCB-E-LRF: the best mean of all scores, missing ones filled in.

    Where the cheapest that is good enough is wanted, measured means decide.
    """
    if problem.goal == "cheapest":
        return best_of_all(problem, standings)
    readings = [best_reading(problem, standing) for standing in standings.values()]
    found = [reading for reading in readings if reading is not None]
    if not found:
        return None
    rows = np.full((len(found), problem.examples), np.nan)
    for row, reading in zip(rows, found, strict=True):
        row[list(reading.examples)] = problem.quality(reading.scores)
    mean, _ = factorised(rows, np.random.default_rng(problem.seed))
    levels = np.where(np.isnan(rows), mean, rows).mean(axis=1)
    kept = [problem.limit_use(reading) <= 1.0 for reading in found]
    if any(kept):
        levels[~np.array(kept)] = -math.inf
    return found[int(np.argmax(levels))]


def factorised(rows: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Fill in a table of scores: mean and deviation of an ensemble of factorisations of rank 1.

    Each model is fitted to the known scores but a random few, by alternating least squares.

    Args:
        rows: scores, arms x examples; NaN where there is none.
        rng: where the models begin, and what each does not see.
    """
    known = ~np.isnan(rows)
    seen = (rng.random((ENSEMBLE, *rows.shape), np.float32) >= DROPPED) & known
    weights: Floats = seen.astype(np.float32)
    values: Floats = weights * np.nan_to_num(rows).astype(np.float32)
    arms = rng.standard_normal((ENSEMBLE, 1, rows.shape[0]), np.float32)
    for _ in range(ROUNDS):
        examples = (arms @ values) / (arms**2 @ weights + RIDGE)
        across = examples.transpose(0, 2, 1)
        fitted = (values @ across) / (weights @ across**2 + RIDGE)
        arms = fitted.transpose(0, 2, 1)
    filled = arms.transpose(0, 2, 1) @ examples
    return (
        np.asarray(filled.mean(axis=0), float),
        np.asarray(filled.std(axis=0, ddof=1), float),
    )


def _pool(problem: Problem, searcher: Searcher, left: float, most: bool) -> Pool:
    contest = Contest(problem, searcher, left, most=most)
    return Pool(contest, np.random.default_rng([problem.seed, problem.examples]))


def _small_batch(pool: Pool, dollars: float) -> int:
    """Return as few examples for a pull as MOST_PULLS pulls allow."""
    race = pool.contest.race
    price = float(np.mean([race.expected_price(s, s.draws) for s in pool.arms]))
    most = pool.met.size
    answers = min(most, dollars / price) if price > 0 else most
    return max(1, math.ceil(answers / MOST_PULLS))


def _best_first(pool: Pool, index: Array) -> list[int]:
    """Return the arms with examples left, those with the largest index first."""
    order = np.argsort(-index, kind="stable")
    return [int(arm) for arm in order if not pool.met[arm].all()]
