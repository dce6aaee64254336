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
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from tune.readout import Reading
from tune.space import Point
from tune.strategies.gaussian_process import (
    BlockMeans,
    GaussianProcess,
    JointNormal,
    Numbers,
    covariance_parts,
    varying_settings,
)
from tune.strategies.paired import adjusted_means, quality_table
from tune.strategies.problem import (
    LENIENT_ERRORS,
    Array,
    Problem,
    Standing,
    cost_key,
    preference,
)
from tune.strategies.settings import ProcessSettings
from tune.strategies.variance_components import (
    estimate_components,
    prior_components,
    residual_share,
)


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
        return self.top.config.n if self.top else self.base.config.n


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
    kept = [
        reading for reading in readings if problem.limit_use(reading, errors) <= 1.0
    ]
    # If no reading keeps the limits, the point still shows how good it is.
    judged = kept or readings
    # The fewest answers are the base, the most show the gain.
    numbers = [reading.config.n for reading in judged]
    fewest, most = min(numbers), max(numbers)
    # Also where no reading with so many keeps the limits: the draws still reduce the noise.
    draws = max(reading.config.n for reading in readings)
    top = _best_with(problem, judged, most) if most > fewest else None
    return TrialEvidence(
        _best_with(problem, judged, fewest), top, draws, feasible=bool(kept)
    )


def _best_with(
    problem: Problem,
    readings: Sequence[Reading],
    n: int,
) -> Reading:
    """Return the best reading with n answers."""
    with_n = [reading for reading in readings if reading.config.n == n]
    return min(with_n, key=lambda reading: preference(problem, reading))


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
        self._problem, self._points = problem, points
        self._settings = problem.settings.posterior
        # Learned anew at each update.
        self._components = prior_components(self._settings.variance)
        self._apart: tuple[str, ...]
        self._alike: Array
        self._processes: tuple[GaussianProcess, GaussianProcess]
        if before is None:
            self._apart = varying_settings(points)
            single = len(self._apart)
            self._processes = (
                _process(self._settings.quality, single),
                _process(self._settings.gain, single),
            )
        else:
            self._apart, self._processes = before._apart, before._processes
        if before is not None and before._points == points:
            self._alike = before._alike
        else:
            self._alike = covariance_parts(points, self._apart)

    def update(
        self,
        found: Sequence[tuple[int, TrialEvidence]],
        *,
        fit: bool = True,
    ) -> None:
        """Compute the posterior from all evidence, also the evidence of earlier updates.

        Args:
            found: pairs of a candidate's number and the evidence of its trial.
            fit: whether to learn a little more of how alike points are first.
        """
        rows = quality_table(self._problem, [evidence.base for _, evidence in found])
        quality, gain = self._processes
        self.quality = quality.condition(
            self._alike, self._block_means(found, rows), fit=fit
        )
        self.gain = gain.condition(self._alike, self._gains(found, rows), fit=fit)

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
        return self._settings.gain_noise / share**2 if share > 0 else math.inf

    def _block_means(
        self,
        found: Sequence[tuple[int, TrialEvidence]],
        rows: Array,
    ) -> BlockMeans:
        """Return mean qualities by block.

        Blocks end where any trial ends, so a trial that met a block met all of it.
        """
        family = _families([evidence for _, evidence in found])
        draws = [evidence.draws for _, evidence in found]
        # Estimated before the blocks, as their noise depends on the result.
        self._components = estimate_components(
            rows, draws, family, self._settings.variance
        )
        ends = sorted({max(evidence.base.examples) + 1 for _, evidence in found})
        blocks = list(zip([0, *ends][:-1], ends, strict=True))
        sizes = np.array([end - start for start, end in blocks], dtype=float)
        seen = _Observations()
        for (candidate, evidence), row, member in zip(
            found, rows, family.tolist(), strict=True
        ):
            for block, (start, end) in enumerate(blocks):
                met = row[start:end][~np.isnan(row[start:end])]
                if len(met):
                    noise = self.noise(evidence.draws) / len(met)
                    seen.add(candidate, block, float(met.mean()), noise, 1.0, member)
        return seen.block_means(
            self._components.example_effect / sizes,
            self._components.interaction / sizes,
        )

    def _gains(
        self,
        found: Sequence[tuple[int, TrialEvidence]],
        rows: Array,
    ) -> BlockMeans:
        """Return the gains of the most answers over the fewest, by trial."""
        prior, weight = self._settings.gain_noise, self._settings.gain_noise_weight
        seen = _Observations()
        for (candidate, evidence), row in zip(found, rows, strict=True):
            if evidence.top is None:
                continue
            # The same examples, so their difficulty cancels.
            gaps = quality_table(self._problem, [evidence.top])[0] - row
            gaps = gaps[~np.isnan(gaps)]
            if len(gaps):
                squares = float(((gaps - gaps.mean()) ** 2).sum())
                variance = (squares + weight * prior) / (len(gaps) + weight - 1)
                scale = share_of_gain(evidence.most) - share_of_gain(evidence.least)
                seen.add(
                    candidate, -1, float(gaps.mean()), variance / len(gaps), scale, 0
                )
        return seen.block_means(np.zeros(0), np.zeros(0))


class _Observations:
    """Collects observations and puts them into arrays."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, float, float, float, int]] = []

    def add(
        self,
        candidate: int,
        block: int,
        value: float,
        noise: float,
        scale: float,
        family: int,
    ) -> None:
        """Add one observation; see `BlockMeans`."""
        self._rows.append((candidate, block, value, noise, scale, family))

    def block_means(
        self,
        example_effect: Array,
        interaction: Array,
    ) -> BlockMeans:
        """Return the observations as arrays."""
        columns = list(zip(*self._rows, strict=True)) or [()] * 6
        candidates, blocks, values, noises, scales, families = columns
        return BlockMeans(
            candidate=np.array(candidates, dtype=int),
            block=np.array(blocks, dtype=int),
            value=np.array(values, dtype=float),
            noise=np.array(noises, dtype=float),
            scale=np.array(scales, dtype=float),
            example_effect=example_effect,
            family=np.array(families, dtype=int),
            interaction=interaction,
        )


def _process(prior: ProcessSettings, single: int) -> GaussianProcess:
    """Return a process before anything is learned.

    Args:
        prior: its settings.
        single: number of settings that have two parts each of their own.
    """
    own = np.full(2 * single, prior.setting_part)
    return GaussianProcess(
        np.append(np.array(prior.parts), own), prior.mean, prior.mean_variance
    )


def _families(shown: Sequence[TrialEvidence]) -> Numbers:
    """Return a number for each model and prompt, by trial."""
    pairs = [
        (evidence.base.config.model, evidence.base.config.prompt) for evidence in shown
    ]
    numbers = {pair: number for number, pair in enumerate(dict.fromkeys(pairs))}
    return np.array([numbers[pair] for pair in pairs], dtype=int)


@dataclass(frozen=True, slots=True)
class TrialPosterior:
    """Posterior means of one trial, given its scores and those of similar points.

    Attributes:
        standing: of the trial.
        reading: the reading with the highest posterior mean.
        top: the best reading with the most answers, or None where one number of them was read.
        level: posterior mean of the quality of `reading`.
        base: of the quality with the fewest answers.
        gain: of the gain of endless answers over one.
        least: the fewest answers.
    """

    standing: Standing
    reading: Reading
    top: Reading | None
    level: float
    base: float
    gain: float
    least: int

    def level_of(self, n: int) -> float:
        """Return the posterior mean of the best reading with n answers."""
        return self.base + (share_of_gain(n) - share_of_gain(self.least)) * self.gain


def trial_posteriors(
    problem: Problem,
    standings: Sequence[Standing],
    errors: float = -LENIENT_ERRORS,
) -> list[TrialPosterior]:
    """Return the posterior of every trial, the best first; ties go to the cheaper.

    Trials without a reading that keeps the limits are left out.

    Args:
        problem: what is searched.
        standings: of the trials.
        errors: standard errors that are added to cost and seconds before they are compared with the
            limits.
    """
    shown: list[tuple[Standing, TrialEvidence]] = []
    for standing in standings:
        evidence = read_evidence(problem, standing, errors)
        if evidence is not None and evidence.feasible:
            shown.append((standing, evidence))
    if not shown:
        return []
    # A fresh posterior: the selection must not depend on the order in which things were bought.
    posterior = Posterior(problem, [standing.point for standing, _ in shown])
    numbered = [(number, evidence) for number, (_, evidence) in enumerate(shown)]
    for _ in range(problem.settings.posterior.fits):
        posterior.update(numbered)
    bases, gains = posterior.quality.mean.tolist(), posterior.gain.mean.tolist()
    found: list[TrialPosterior] = []
    for (standing, evidence), base, gain in zip(shown, bases, gains, strict=True):
        found.append(_trial_posterior(standing, evidence, base, gain))
    found = _trust_complete_trials(problem, found)
    return sorted(
        found, key=lambda one: (-one.level, cost_key(one.reading), one.standing.trial)
    )


def _trust_complete_trials(
    problem: Problem, found: Sequence[TrialPosterior]
) -> list[TrialPosterior]:
    """Judge trials that met all examples more by their own scores than by similar points."""
    settings = problem.settings.posterior
    means = adjusted_means(
        quality_table(problem, [one.reading for one in found])
    ).tolist()
    moved = []
    for one, mean in zip(found, means, strict=True):
        count = len(one.reading.examples)
        # A few answers may be missing for good, so nearly all examples count as all.
        complete = count >= settings.met_share * problem.examples
        weight = count / (count + settings.likeness) if complete else 0.0
        step = round(weight * (mean - one.level), 9)
        moved.append(replace(one, level=one.level + step, base=one.base + step))
    return moved


def _trial_posterior(
    standing: Standing,
    evidence: TrialEvidence,
    base: float,
    gain: float,
) -> TrialPosterior:
    # Rounded, so that another order of summation on another machine decides nothing.
    base, gain = round(base, 9), round(gain, 9)
    top = evidence.top if evidence.top is not None and gain > 0 else evidence.base
    found = TrialPosterior(standing, top, evidence.top, 0.0, base, gain, evidence.least)
    return replace(found, level=found.level_of(top.config.n))
