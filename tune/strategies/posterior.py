"""The posterior over paid points: the quality of one answer, and the gain of more answers.

It has two Gaussian processes (`tune.strategies.gaussian_process`) over the same candidates:

- quality: of the best reading with the fewest answers, observed on blocks of examples;
- gain: of endless answers over one. n answers have the share 1 - 1 / sqrt(n) of it, as the luck of
  draws averages out with the root of their number.

Qualities are shares of the metric's range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np

from tune.readout import Reading
from tune.space import Point
from tune.strategies.gaussian_process import (
    BlockMeans,
    GaussianProcess,
    covariance_parts,
    varying_settings,
)
from tune.strategies.joint_normal import JointNormal
from tune.strategies.paired import quality_table, score_list
from tune.strategies.prior import PriorTrial, study_parts
from tune.strategies.problem import (
    LENIENT_ERRORS,
    Array,
    Numbers,
    Problem,
    Standing,
    preference,
)
from tune.strategies.settings import ProcessSettings
from tune.strategies.variance_components import (
    estimate_components,
    prior_components,
    residual_share,
)


@lru_cache(maxsize=1024)
def share_of_gain(n: int) -> float:
    """Return the share of the gain of endless answers that n answers have."""
    # The part of a score that draws at random add shrinks with the root of their number.
    return 1.0 - 1.0 / math.sqrt(n)


class TrialEvidence(NamedTuple):
    """The readings of a trial that tell of its point.

    Attributes:
        base: the best reading with the fewest answers.
        top: the best with the most answers, or None where there are no others.
        draws: about the number of draws of each example that were bought.
        feasible: whether the readings may keep the limits.
    """

    base: Reading
    top: Reading | None
    draws: int
    feasible: bool

    @property
    def least(self) -> int:
        """The fewest answers."""
        return self.base.config.n

    @property
    def most(self) -> int:
        """The most answers."""
        reading = self.top or self.base
        return reading.config.n


def read_evidence(
    problem: Problem,
    standing: Standing,
    errors: float = -LENIENT_ERRORS,
) -> TrialEvidence | None:
    """Return the readings of a trial that tell of its point, or None where there are none.

    Args:
        problem: the limits.
        standing: of the trial.
        errors: standard errors that are added to cost and seconds before they are compared with the
            limits.
    """
    readings = [reading for reading in standing.whole() if len(reading.examples)]
    if not readings:
        return None
    kept: list[Reading] = []
    for reading in readings:
        if problem.limit_use(reading, errors) <= 1.0:
            kept.append(reading)
    # If no reading keeps the limits, the point still shows how good it is.
    judged = kept or readings
    # The fewest answers are the base, the most show the gain.
    numbers = [reading.config.n for reading in judged]
    fewest = min(numbers)
    most = max(numbers)
    top = None
    if most > fewest:
        top = _best_with(problem, judged, most)
    return TrialEvidence(
        base=_best_with(problem, judged, fewest),
        top=top,
        # Also where no reading with so many keeps the limits: the draws still reduce the noise.
        draws=max(reading.config.n for reading in readings),
        feasible=bool(kept),
    )


def _best_with(
    problem: Problem,
    readings: Sequence[Reading],
    n: int,
) -> Reading:
    """Return the best reading with n answers."""
    with_n = [reading for reading in readings if reading.config.n == n]
    return min(with_n, key=lambda reading: preference(problem, reading))


_KnownGaps: TypeAlias = tuple[Reading, Reading, tuple[int, float, float]]
"""Two readings, and the result of `Posterior._gaps` for them."""


class Posterior:
    """Posterior of these candidates.

    Args:
        problem: what is searched.
        points: the candidates.
        before: an earlier posterior whose learned variances are taken over.

    Attributes:
        quality: posterior of the quality with the fewest answers.
        gain: posterior of the gain of endless answers over one.
    """

    quality: JointNormal
    gain: JointNormal

    def __init__(
        self,
        problem: Problem,
        points: Sequence[Point],
        before: Posterior | None = None,
    ) -> None:
        self._problem = problem
        self._points = points
        self._settings = problem.settings.posterior
        # Learned anew at each update.
        self._components = prior_components(self._settings.variance)
        self._apart: tuple[str, ...]
        self._alike: Array
        self._processes: tuple[GaussianProcess, GaussianProcess]
        if before is None:
            self._known_gaps: dict[int, _KnownGaps] = {}
            self._apart = varying_settings(points)
            single = len(self._apart)
            # Earlier studies tell of the quality only.
            studies = self._settings.study_parts if problem.prior else ()
            self._processes = (
                _process(self._settings.quality, single, studies),
                _process(self._settings.gain, single),
            )
        else:
            self._known_gaps = before._known_gaps
            # The settings too: the learned variances belong to their parts.
            self._apart = before._apart
            self._processes = before._processes
        # Similarities take a while for hundreds of points, and often the points are the same.
        if before is not None and before._points == points:
            self._alike = before._alike
        else:
            earlier = [one.point for one in problem.prior]
            self._alike = covariance_parts([*points, *earlier], self._apart)

    def update(
        self,
        found: Sequence[tuple[int, TrialEvidence]],
        *,
        fits: int = 1,
    ) -> None:
        """Compute the posterior from all evidence, also the evidence of earlier updates.

        Args:
            found: pairs of a candidate's number and the evidence of its trial.
            fits: how often to learn a little more of how alike points are first.
        """
        means = self._block_means(found)
        gains = self._gains(found)
        quality, gain = self._processes
        count = len(self._points)
        alike = self._alike
        prior = self._problem.prior
        if prior:
            alike = np.concatenate([alike, study_parts(count, prior)])
            means = _with_prior(means, prior, count)
        found_quality = quality.condition(alike, means, fits=fits)
        # Points of earlier studies cannot be bought.
        self.quality = JointNormal(
            found_quality.mean[:count], found_quality.cov[:count, :count]
        )
        self.gain = gain.condition(self._alike[:, :count, :count], gains, fits=fits)

    def copy(self) -> Posterior:
        """Return a copy on which purchases can be tried."""
        other = copy(self)
        other.quality = self.quality.copy()
        other.gain = self.gain.copy()
        return other

    def widen_prior(self) -> None:
        """Let points differ by more than was learned, in all later updates."""
        for process in self._processes:
            # A larger prior variance makes the process trust the data more.
            process.variances = self._settings.widening * process.variances

    def noise(self, draws: int) -> float:
        """Return the variance of a score on one example around its expectation.

        Args:
            draws: the score is the mean of so many draws.
        """
        return self._components.residual * residual_share(draws)

    def gain_noise(
        self,
        draws: int,
        least: int,
    ) -> float:
        """Return the variance of the gain of endless answers as seen on one example.

        It is inf where so many draws show nothing of the gain.
        """
        # Only the part of the gain between these two numbers of answers is observed.
        share = share_of_gain(draws) - share_of_gain(least)
        if share <= 0:
            return math.inf
        return self._settings.gain_noise / share**2

    def _block_means(
        self,
        found: Sequence[tuple[int, TrialEvidence]],
    ) -> BlockMeans:
        """Return mean qualities by block.

        Blocks end where any trial ends, so a trial that met a block met all of it.
        """
        shown = [evidence for _, evidence in found]
        scores = score_list(self._problem, [evidence.base for evidence in shown])
        family = _families(shown)
        draws = [evidence.draws for _, evidence in found]
        # Estimated before the blocks, as their noise depends on the result.
        self._components = estimate_components(
            scores, draws, family, self._settings.variance
        )
        ends = _block_ends(shown)
        count = len(ends)
        everyone = np.arange(ends[-1] if count else 0)
        block = np.searchsorted(ends, everyone, side="right")[scores.example]
        # Scores lie trial by trial and block by block, and most trials met few of the blocks.
        place = scores.row * count + block
        starts = np.append(0, np.flatnonzero(np.diff(place)) + 1)[: len(place)]
        sums = np.add.reduceat(scores.quality, starts) if len(place) else np.zeros(0)
        met = np.diff(starts, append=len(place))
        trial, number = scores.row[starts], block[starts]
        candidates = np.array([candidate for candidate, _ in found], dtype=int)
        noise_of = {number: self.noise(number) for number in {*draws}}
        noise = np.array([noise_of[number] for number in draws])
        # The effect of a block is the mean of those of its examples.
        sizes = np.diff(ends, prepend=0).astype(float)
        return BlockMeans(
            candidate=candidates[trial],
            block=number,
            value=sums / met,
            noise=noise[trial] / met,
            scale=np.ones(len(met)),
            example_effect=self._components.example_effect / sizes,
            family=family[trial],
            interaction=self._components.interaction / sizes,
        )

    def _gains(
        self,
        found: Sequence[tuple[int, TrialEvidence]],
    ) -> BlockMeans:
        """Return the gains of the most answers over the fewest, by trial."""
        prior = self._settings.gain_noise
        weight = self._settings.gain_noise_weight
        seen: list[tuple[int, float, float, float]] = []
        for candidate, evidence in found:
            if evidence.top is None:
                continue
            count, mean, squares = self._gaps(evidence.base, evidence.top)
            if count:
                # The prior counts as so many more examples: a few equal gaps are no certainty.
                variance = (squares + weight * prior) / (count + weight - 1)
                scale = share_of_gain(evidence.most) - share_of_gain(evidence.least)
                seen.append((candidate, mean, variance / count, scale))
        columns = np.array(seen, dtype=float).reshape(-1, 4).T
        none = np.full(len(seen), -1)
        return BlockMeans(
            candidate=columns[0].astype(int),
            # Nothing is shared by block: the example effect has cancelled.
            block=none,
            value=columns[1],
            noise=columns[2],
            scale=columns[3],
            example_effect=np.zeros(0),
            family=none,
            interaction=np.zeros(0),
        )

    def _gaps(self, base: Reading, top: Reading) -> tuple[int, float, float]:
        """Return how the most answers differ from the fewest on the examples that both have.

        Returns:
            The number of examples, the mean difference, and the sum of squares around it.
        """
        # A trial that was not bought again has the same readings as before.
        known = self._known_gaps.get(base.trial)
        if known is None or known[0] is not base or known[1] is not top:
            # The same examples, so their difficulty cancels.
            rows = quality_table(self._problem, [base, top])
            gaps = rows[1] - rows[0]
            gaps = gaps[~np.isnan(gaps)]
            count = len(gaps)
            mean = float(gaps.mean()) if count else 0.0
            known = base, top, (count, mean, float(((gaps - mean) ** 2).sum()))
            self._known_gaps[base.trial] = known
        return known[2]


def _with_prior(
    means: BlockMeans, prior: Sequence[PriorTrial], candidates: int
) -> BlockMeans:
    """Return observations with those of earlier studies, whose points follow the candidates."""
    count = len(prior)
    none = np.full(count, -1)
    return replace(
        means,
        candidate=np.append(means.candidate, candidates + np.arange(count)),
        # They share no block of examples with this study.
        block=np.append(means.block, none),
        value=np.append(means.value, [one.quality for one in prior]),
        noise=np.append(means.noise, [one.noise for one in prior]),
        scale=np.append(means.scale, np.ones(count)),
        family=np.append(means.family, none),
    )


def _process(
    prior: ProcessSettings, single: int, studies: Sequence[float] = ()
) -> GaussianProcess:
    """Return a process before anything is learned.

    Args:
        prior: its settings.
        single: number of settings that have two parts each of their own.
        studies: prior variances of the parts that earlier studies have for themselves.
    """
    own = np.full(2 * single, prior.setting_part)
    variances = np.concatenate([np.array(prior.parts), own, np.array(studies)])
    return GaussianProcess(variances, prior.mean, prior.mean_variance)


def _block_ends(shown: Sequence[TrialEvidence]) -> Numbers:
    """Return the end of each block; a block ends where any trial ends."""
    ends = {evidence.base.examples[-1] + 1 for evidence in shown}
    return np.array(sorted(ends), dtype=int)


def _families(shown: Sequence[TrialEvidence]) -> Numbers:
    """Return a number for each model and prompt, by trial."""
    numbers: dict[tuple[str, str], int] = {}
    families: list[int] = []
    for evidence in shown:
        config = evidence.base.config
        # The next number where the pair is new.
        number = numbers.setdefault((config.model, config.prompt), len(numbers))
        families.append(number)
    return np.array(families, dtype=int)
