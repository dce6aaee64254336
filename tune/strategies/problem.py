"""What strategies are given, what they are sent, and what they come to."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Generator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tune.readout import Reading
from tune.readout.trial import Step
from tune.search.history import Searcher
from tune.space import Config, Point, Space

Array: TypeAlias = npt.NDArray[np.float64]

LENIENT_ERRORS = 1.0
"""While a race is on, a limit counts as kept up to so many standard errors above it: more examples
may clear it.
"""

STRICT_ERRORS = 1.645
"""In the end a limit counts as kept where the mean and so many standard errors are under it
(one-sided 95 %).
"""

COMPLETE_SHARE = 0.8
"""The share of a trial's examples that a reading must be read on to stand for it."""


@dataclass(frozen=True)
class Problem:
    """A study as a strategy sees it: neither texts nor money, but what can be bought and how it is
    judged.

    Attributes:
        space: what is searched. free: the dimensions that are read off draws already bought.
        examples: how many tuning examples there are; positions 0, 1, 2, ... in the study's seeded
        order, so that
            any prefix is a random subset.
        seed: of whatever the strategy draws. low: the least score that the metric can give. high:
        the largest. larger_is_better: whether scores are to be large. max_cost: the most dollars
        per request that a config may cost on average, or None. max_seconds: the most seconds per
        request that it may take on average, or None. ceiling: dollars that one example of a paid
        point can cost at most, from (point, draws, cap). baseline: the paid point of the config
        that the user has today, or None. goal: "quality", the best there is, "cheapest", the
        cheapest that is good enough, or "frontier", the best at
            every cost.
        min_quality: the score that is good enough, in the metric's own scale. margin: or by how
        much it may be worse than the baseline, in the same scale. baseline_config: the config that
        the user has today, whole. max_extrapolated_cost: the most dollars per request that the choice may
        cost where it asks for more answers than were
            bought of its point. Nobody has met it then, so the holdout has to be able to.
    """

    space: Space
    free: tuple[str, ...]
    examples: int
    seed: int
    low: float
    high: float
    larger_is_better: bool
    max_cost: float | None
    max_seconds: float | None
    ceiling: Callable[[Point, int, int], float]
    baseline: Point | None = None
    goal: str = "quality"
    min_quality: float | None = None
    margin: float | None = None
    baseline_config: Config | None = None
    max_extrapolated_cost: float = math.inf

    def quality(self, scores: npt.ArrayLike) -> Array:
        """Scores as shares of the metric's range: 0 is the worst that there can be, 1 the best."""
        share = (np.asarray(scores, dtype=float) - self.low) / (self.high - self.low)
        return share if self.larger_is_better else 1.0 - share

    def limit_use(self, reading: Reading, errors: float = 0.0) -> float:
        """The share of the limits that a reading takes up: 1 or less keeps them; inf where nobody
        knows.

        Args:
            reading: what is judged.
            errors: standard errors that are added to its means beforehand.
        """
        means = (
            (reading.cost, reading.costs, self.max_cost),
            (reading.mean_seconds, reading.seconds, self.max_seconds),
        )
        shares = [
            (mean + errors * _standard_error(all_)) / limit
            for mean, all_, limit in means
            if limit is not None
        ]
        return max((share if math.isfinite(share) else math.inf for share in shares), default=0.0)


def _standard_error(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(np.std(known, ddof=1)) / math.sqrt(len(known)) if len(known) > 1 else 0.0


@dataclass(frozen=True)
class Standing:
    """What is known of one trial.

    Attributes:
        trial: its number. point: its paid point. examples: how many examples are scored so far.
        readings: every complete config that can be read off its draws. failed: it takes no further
        part: the model refuses a parameter, or the service left too much unanswered.
        spent_per_draw: mean dollars per draw bought, at list price. measured: smaller caps of which
        a few draws were bought to see where they cut. prompt_cost: dollars of that which an example
        costs once, however many draws are bought of it in one call. cap: max_tokens that its draws
        are bought with; 0 is the most that a config of its point may take.
    """

    trial: int
    point: Point
    examples: int
    readings: tuple[Reading, ...]
    failed: bool
    spent_per_draw: float
    cap: int = 0
    prompt_cost: float = 0.0
    measured: frozenset[int] = frozenset()

    def best(self, problem: Problem, errors: float = -LENIENT_ERRORS) -> Reading | None:
        """The reading with the best mean score of those that keep the limits, ties going to the
        cheaper.

        Args:
            problem: the limits, and whether scores are to be large. errors: standard errors that
            are added to cost and seconds before they are held against the limits:
                by default the benefit of a doubt.
        """
        kept = [reading for reading in self.whole() if problem.limit_use(reading, errors) <= 1.0]
        return min(kept, key=lambda reading: preference(problem, reading), default=None)

    def whole(self) -> list[Reading]:
        """The readings on nearly all examples that the trial has: a large n may be read on a lucky
        few only.
        """
        most = max((len(reading.examples) for reading in self.readings), default=0)
        return (
            []
            if self.failed
            else [r for r in self.readings if len(r.examples) >= max(1.0, COMPLETE_SHARE * most)]
        )

    def costs_with(self, reading: Reading, n: int) -> Array:
        """Dollars per request, by example, that a reading of this trial would cost with another
        number of answers.
        """
        once = np.minimum(self.prompt_cost, reading.costs)
        return np.asarray(once + (reading.costs - once) * n / reading.config.n)


def preference(problem: Problem, reading: Reading) -> tuple[float, float, int, int, str]:
    """A sort key: the best mean first, then the cheapest, then the plainest."""
    config = reading.config
    mean = float(np.mean(problem.quality(reading.scores)))
    # Rounded, so that sums in another order on another machine break no tie otherwise.
    return (-round(mean, 9), cost_key(reading), config.n, config.max_tokens, config.key)


def cost_key(reading: Reading) -> float:
    """A sort key: dollars per request, the unknown last."""
    return round(reading.cost, 15) if math.isfinite(reading.cost) else math.inf


@dataclass(frozen=True)
class Outcome:
    """What became of a wave.

    Attributes:
        standings: every trial so far, by number.
        left: dollars that the search may still spend.
        complete: False when money, time or the user refused a part of the wave: the search is over.
    """

    standings: Mapping[int, Standing]
    left: float
    complete: bool


@dataclass(frozen=True)
class Selection:
    """What a search comes to.

    Attributes:
        reading: of the frozen choice; where that asks for more answers than were bought, what it
        rests on. runners_up: the best readings of other trials, the best first. feasible: whether
        the choice keeps the limits on cost and seconds with one-sided confidence of 95 %. reached:
        whether it was shown to be good enough, where the goal is the cheapest that is. extrapolated:
        then `reading` with the choice's config and what that will cost; its scores are those of
        fewer
            answers.
    """

    reading: Reading
    runners_up: tuple[Reading, ...]
    feasible: bool
    reached: bool = True
    extrapolated: Reading | None = None

    @property
    def shown(self) -> Reading:
        """With the config that is frozen, and what it costs or is expected to."""
        return self.extrapolated or self.reading

    def tested(self, met: Container[Config]) -> Selection:
        """What of it has scores, where these configs met the holdout: itself, or what it rests on."""
        bought = self.extrapolated is None or self.extrapolated.config in met
        return self if bought else replace(self, extrapolated=None)


Strategy: TypeAlias = Callable[[Problem, Searcher, float], Generator[list[Step], Outcome, None]]
"""A generator function of the problem, the searcher and the dollars that the search may spend.

It yields waves (lists of steps that are bought side by side), and is sent what became of each. It
neither waits, nor pays, nor reads a clock: given the same outcomes, it yields the same waves.
"""
