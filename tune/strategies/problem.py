"""The records that strategies work with: the problem, the state of each trial, the selection."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tune.readout import Reading
from tune.readout.trial import Step
from tune.search.history import Searcher
from tune.space import Config, Point, Space
from tune.strategies.prior import PriorTrial
from tune.strategies.settings import Settings

Array: TypeAlias = npt.NDArray[np.float64]
Numbers: TypeAlias = npt.NDArray[np.int64]

NO_WORTH = "no worth"
"""The end of a search where no block was worth its money."""

ALL_BOUGHT = "all bought"
"""The end of a search where nothing was left to buy."""

LENIENT_ERRORS = 1.0
"""Standard errors above a limit at which it still counts as kept during the search.

More examples may show that the limit is kept.
"""

STRICT_ERRORS = 1.645
"""Standard errors that must lie between the mean and a limit in the end (one-sided 95 %)."""

COMPLETE_SHARE = 0.8
"""Share of a trial's examples that a reading must be read on to represent the trial."""


@dataclass(frozen=True)
class Problem:
    """A study as a strategy sees it: what can be bought and how it is judged.

    Texts and ledgers are no part of it.

    Attributes:
        space: what is searched.
        free: names of the dimensions that are read off draws already bought.
        examples: number of tuning examples. Their positions 0, 1, 2, ... are in the study's seeded
            order, so any prefix is a random subset.
        seed: seed of everything that the strategy draws at random.
        low: the smallest score that the metric can give.
        high: the largest score.
        larger_is_better: whether large scores are good.
        max_cost: limit on the mean dollars per request, or None.
        max_seconds: limit on the mean seconds per request, or None.
        ceiling: returns the most dollars that one example of a paid point can cost, from the point,
            the number of draws and max_tokens.
        baseline: the paid point of the user's present config, or None.
        goal: "quality" (the best), "cheapest" (the cheapest that is good enough) or "frontier" (the
            best at every cost).
        min_quality: the score that is good enough, in the metric's scale.
        margin: the largest loss to the baseline that is good enough, in the same scale.
        baseline_config: the user's present config with its free dimensions.
        max_extrapolated_cost: limit on the dollars per request of a choice that asks for more
            answers than were bought. The holdout must be able to pay for it.
        settings: numbers that the shared parts of the search use.
        prior: trials of earlier studies. They guide what is bought, and are never part of a result.
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
    settings: Settings = field(default_factory=Settings)
    prior: tuple[PriorTrial, ...] = ()

    def quality(self, scores: npt.ArrayLike) -> Array:
        """Return scores as shares of the metric's range: 0 is the worst possible, 1 the best."""
        # Shares make all metrics alike, so that settings need no unit.
        above = np.asarray(scores, dtype=float) - self.low
        share = above / (self.high - self.low)
        if self.larger_is_better:
            return share
        return 1.0 - share

    def limit_use(
        self,
        reading: Reading,
        errors: float = 0.0,
    ) -> float:
        """Return the largest share of a limit that a reading takes up.

        At 1 or less all limits are kept. It is inf where cost or seconds are unknown.

        Args:
            reading: the reading to judge.
            errors: standard errors that are added to its means first.
        """
        shares: list[float] = []
        if self.max_cost is not None:
            error = reading.cost_standard_error
            shares.append(_share(reading.cost, errors, error, self.max_cost))
        if self.max_seconds is not None:
            error = reading.seconds_standard_error
            shares.append(_share(reading.mean_seconds, errors, error, self.max_seconds))
        return max(shares, default=0.0)


def _share(mean: float, errors: float, error: float, limit: float) -> float:
    """Return the share of a limit that a mean and so many standard errors take up."""
    # One value alone has no standard error.
    if math.isnan(error):
        error = 0.0
    share = (mean + errors * error) / limit
    # An unknown cost must not pass for one that keeps the limit.
    return share if math.isfinite(share) else math.inf


@dataclass(frozen=True)
class Standing:
    """Knowledge of one trial.

    Attributes:
        trial: its number.
        point: its paid point.
        examples: number of examples that are scored so far.
        readings: all complete configs that can be read off its draws.
        failed: it takes no further part. The model refuses a parameter, or the service left too
            many examples unanswered.
        spent_per_draw: mean dollars per draw bought, at list price.
        cap: the largest max_tokens that its draws can be read at; 0 is the largest that its configs
            may have.
        prompt_cost: dollars of one example that are paid once per call, for any number of draws.
        measured: smaller caps at which a few draws were bought to see where they cut.
        longest: the most tokens of a draw; 0 where it is not known.
        least_cap: the smallest max_tokens that a draw was bought with; None stands for `cap`.
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
    longest: int = 0
    least_cap: int | None = None

    def best(
        self,
        problem: Problem,
        errors: float = -LENIENT_ERRORS,
    ) -> Reading | None:
        """Return the reading with the best mean score among those that keep the limits.

        Ties go to the cheaper. None where no reading keeps the limits.

        Args:
            problem: the limits and the direction of scores.
            errors: standard errors that are added to cost and seconds before they are compared with
                the limits. The default gives the benefit of the doubt.
        """
        kept: list[Reading] = []
        for reading in self.whole():
            if problem.limit_use(reading, errors) <= 1.0:
                kept.append(reading)
        return min(kept, key=lambda reading: preference(problem, reading), default=None)

    def whole(self) -> list[Reading]:
        """Return the readings on nearly all examples of the trial.

        A large n may be readable on a few lucky examples only.
        """
        if self.failed:
            return []
        counts = [len(reading.examples) for reading in self.readings]
        # Judged by the reading with the most examples, that with the smallest n as a rule.
        enough = max(1.0, COMPLETE_SHARE * max(counts, default=0))
        found: list[Reading] = []
        for reading, count in zip(self.readings, counts, strict=True):
            if count >= enough:
                found.append(reading)
        return found

    def costs_with(
        self,
        reading: Reading,
        n: int,
    ) -> Array:
        """Return dollars per request, by example, of a reading with another number of answers."""
        # The prompt is paid once for all answers of a call; the rest grows with their number.
        once = np.minimum(self.prompt_cost, reading.costs)
        answers = reading.costs - once
        return np.asarray(once + answers * n / reading.config.n)


def preference(
    problem: Problem, reading: Reading
) -> tuple[float, float, int, int, str]:
    """Return a sort key: the best mean first, then the cheapest, then the plainest."""
    config = reading.config
    # As `Problem.quality` does it: numpy takes ten times as long with one number.
    share = (reading.mean_weighted - problem.low) / (problem.high - problem.low)
    mean = share if problem.larger_is_better else 1.0 - share
    # Rounded, so that another order of summation on another machine breaks ties alike.
    loss = -round(mean, 9)
    return (loss, cost_key(reading), config.n, config.max_tokens, config.key)


def cost_key(reading: Reading) -> float:
    """Return a sort key: dollars per request, unknown costs last."""
    if not math.isfinite(reading.cost):
        return math.inf
    return round(reading.cost, 15)


@dataclass(frozen=True)
class Outcome:
    """The result of buying a wave.

    Attributes:
        standings: all trials so far, by number.
        left: dollars that the search may still spend.
        complete: False when money, time or the user refused a part of the wave. Then the search is
            over.
    """

    standings: Mapping[int, Standing]
    left: float
    complete: bool


@dataclass(frozen=True)
class Selection:
    """The result of a search.

    Attributes:
        reading: the reading of the selected config. Where that asks for more answers than were
            bought, it is the reading that the extrapolation starts from.
        runners_up: the best readings of other trials, best first.
        feasible: whether the selected config keeps the limits on cost and seconds with one-sided
            confidence of 95 %.
        reached: for the goal "cheapest", whether it was shown to be good enough.
        extrapolated: `reading` with the selected config and its expected cost, where that asks for
            more answers than were bought. Its scores are those of fewer answers.
    """

    reading: Reading
    runners_up: tuple[Reading, ...]
    feasible: bool
    reached: bool = True
    extrapolated: Reading | None = None

    @property
    def shown(self) -> Reading:
        """The reading with the selected config and its known or expected cost."""
        return self.extrapolated or self.reading

    def tested(self, met: Container[Config]) -> Selection:
        """Return the part of it that has scores, where these configs met the holdout.

        Where the holdout could not pay for an extrapolated config, the config that it rests on
        takes its place.
        """
        if self.extrapolated is None or self.extrapolated.config in met:
            return self
        return replace(self, extrapolated=None)


Strategy: TypeAlias = Callable[
    [Problem, Searcher, float], Generator[list[Step], Outcome, str | None]
]
"""A generator function of the problem, the searcher and the dollars that the search may spend.

It yields waves (lists of steps that are bought together) and is sent the outcome of each. It never
waits, pays, or reads a clock: given the same outcomes, it yields the same waves. Where money is
left at its end, it can return why: `NO_WORTH` or `ALL_BOUGHT`.
"""
