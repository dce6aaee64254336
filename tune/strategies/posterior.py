"""What is believed of paid points after what was seen of some: how good one answer is, and what
more of them add.

Two processes (see `tune.strategies.gaussian_process`) over the same candidates: the quality of the
best reading with the fewest answers, seen in blocks of examples, and the gain of endless answers
over one, of which n answers have the share 1 - 1 / sqrt(n), as the luck of draws cancels with the
root of their number. Qualities are shares of the metric's range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from tune.readout import Reading
from tune.space import Point
from tune.strategies import variance_components
from tune.strategies.gaussian_process import (
    BlockMeans,
    GaussianProcess,
    JointNormal,
    Numbers,
    covariance_parts,
    varying_settings,
)
from tune.strategies.paired import adjusted_means, quality_table
from tune.strategies.problem import LENIENT_ERRORS, Array, Problem, Standing, cost_key, preference

# What is believed beforehand, in shares of the range (squared where variances): qualities of points
# lie around 0.5
# with a deviation of about 0.25, gains around 0.03 with one of about 0.1. In the order of
# `surrogate.PARTS`; APART
# is for each part of a setting's own.
_QUALITY = np.array([0.02, 0.02, 0.015, 0.004, 0.004, 0.003, 0.001])
_QUALITY_APART = 0.01
_QUALITY_LEVEL, _QUALITY_LEVEL_VARIANCE = 0.5, 0.1
_GAIN = np.array([0.003, 0.003, 0.003, 0.003, 0.0015, 0.0015, 0.0006])
_GAIN_APART = 0.0015
_GAIN_LEVEL, _GAIN_LEVEL_VARIANCE = 0.03, 0.0009

_GAIN_NOISE, _GAIN_NOISE_WEIGHT = 0.08, 4.0
"""Variance of the gain on one example, and how many it counts for."""

_DOUBTED = 4.0
"""Times what points were learned to differ by (in variance) is taken to be more where that is
doubted.
"""

_SWEEPS = 4
"""Steps of learning before finalists are told apart, where nothing was learned on the way."""

_MET = 0.95
"""The share of all examples that a trial must have met to be judged by what it was seen to be worth
there.
"""

_LIKENESS = 10.0
"""Examples that what is believed by likeness still counts for, then. Points are never as alike as
the model of them has it: it takes the best for variance_components.
"""

_NOTHING: Array = np.zeros(0)


def share_of_gain(n: int) -> float:
    """Which part of the gain of endless answers n answers have."""
    return 1.0 - 1.0 / math.sqrt(n)


class TrialEvidence(NamedTuple):
    """What a trial shows of its point.

    Attributes:
        base: the best reading with the fewest answers.
        top: the best with the most, or None where there are no others.
        draws: how many of each example were bought, about.
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
    problem: Problem, standing: Standing, errors: float = -LENIENT_ERRORS
) -> TrialEvidence | None:
    """What a trial shows, or None where that is nothing.

    Args:
        problem: the limits. standing: of the trial. errors: standard errors that are added to cost
        and seconds before they are held against the limits.
    """
    readings = [reading for reading in standing.whole() if len(reading.examples)]
    if not readings:
        return None
    kept = [reading for reading in readings if problem.limit_use(reading, errors) <= 1.0]
    fewest, most = (
        min(r.config.n for r in kept or readings),
        max(r.config.n for r in kept or readings),
    )
    draws = max(r.config.n for r in readings)
    base, top = (
        min((r for r in kept or readings if r.config.n == n), key=lambda r: preference(problem, r))
        for n in (fewest, most)
    )
    return TrialEvidence(base, top if most > fewest else None, draws, feasible=bool(kept))


class Posterior:
    """What is believed of these candidates.

    Args:
        problem: what is searched.
        points: the candidates.
        before: beliefs whose learned variances are taken over.

    Attributes:
        quality: of the fewest answers.
        gain: of endless answers over one.
    """

    quality: JointNormal
    gain: JointNormal
    _alike: Array

    def __init__(
        self, problem: Problem, points: Sequence[Point], before: Posterior | None = None
    ) -> None:
        self._problem, self._points = problem, points
        self._apart: tuple[str, ...] = before._apart if before else varying_settings(points)
        self._alike = (
            before._alike
            if before and before._points == points
            else covariance_parts(points, self._apart)
        )
        self._processes: tuple[GaussianProcess, GaussianProcess] = (
            before._processes if before else _processes(len(self._apart))
        )
        self._components = variance_components.PRIOR

    def learn(self, found: Sequence[tuple[int, TrialEvidence]], *, fit: bool = True) -> None:
        """Take in what was seen of candidates, by number: all of it, also what was taken in before.

        Args:
            found: what was seen.
            fit: whether to learn a little more of how alike points are first.
        """
        rows = quality_table(self._problem, [evidence.base for _, evidence in found])
        quality, gain = self._processes
        self.quality = quality.believe(self._alike, self._blocks(found, rows), fit=fit)
        self.gain = gain.believe(self._alike, self._gains(found, rows), fit=fit)

    def doubt(self) -> None:
        """Be less sure of everything that is learned from now on: points may differ by more than
        was learned.
        """
        for process in self._processes:
            process.variances = _DOUBTED * process.variances

    def noise(self, draws: int) -> float:
        """Variance of a score around what is believed of its point and example, as the mean of so
        many draws.
        """
        return self._components.residual * variance_components.residual_share(draws)

    @staticmethod
    def gain_noise(draws: int, least: int) -> float:
        """Variance of the gain of endless answers as seen on one example with so many draws; inf
        where it is not.
        """
        share = share_of_gain(draws) - share_of_gain(least)
        return _GAIN_NOISE / share**2 if share > 0 else math.inf

    def _blocks(self, found: Sequence[tuple[int, TrialEvidence]], rows: Array) -> BlockMeans:
        """Qualities in blocks that end where any trial ends, so that those who met a block met all
        of it.
        """
        family = _families([evidence for _, evidence in found])
        self._components = variance_components.estimate_components(
            rows, [evidence.draws for _, evidence in found], family
        )
        ends = sorted({max(evidence.base.examples) + 1 for _, evidence in found})
        blocks = list(zip([0, *ends][:-1], ends, strict=True))
        seen: list[tuple[int, int, float, float]] = []
        whose: list[int] = []
        for (candidate, evidence), row, of in zip(found, rows, family.tolist(), strict=True):
            for block, (start, end) in enumerate(blocks):
                met = row[start:end][~np.isnan(row[start:end])]
                if len(met):
                    seen.append(
                        (candidate, block, float(met.mean()), self.noise(evidence.draws) / len(met))
                    )
                    whose.append(of)
        sizes = np.array([end - start for start, end in blocks], dtype=float)
        return _seen(
            seen,
            [1.0] * len(seen),
            self._components.example_effect / sizes,
            whose,
            self._components.interaction / sizes,
        )

    def _gains(self, found: Sequence[tuple[int, TrialEvidence]], rows: Array) -> BlockMeans:
        seen: list[tuple[int, int, float, float]] = []
        scales = []
        for (candidate, evidence), row in zip(found, rows, strict=True):
            if evidence.top is None:
                continue
            gaps = quality_table(self._problem, [evidence.top])[0] - row
            gaps = gaps[~np.isnan(gaps)]
            if len(gaps):
                squares = float(((gaps - gaps.mean()) ** 2).sum())
                variance = (squares + _GAIN_NOISE_WEIGHT * _GAIN_NOISE) / (
                    len(gaps) + _GAIN_NOISE_WEIGHT - 1
                )
                seen.append((candidate, -1, float(gaps.mean()), variance / len(gaps)))
                scales.append(share_of_gain(evidence.most) - share_of_gain(evidence.least))
        return _seen(seen, scales)


def _processes(apart: int) -> tuple[GaussianProcess, GaussianProcess]:
    """Before anything is learned, where so many settings have parts of their own."""
    quality = np.append(_QUALITY, np.full(2 * apart, _QUALITY_APART))
    gain = np.append(_GAIN, np.full(2 * apart, _GAIN_APART))
    return GaussianProcess(quality, _QUALITY_LEVEL, _QUALITY_LEVEL_VARIANCE), GaussianProcess(
        gain, _GAIN_LEVEL, _GAIN_LEVEL_VARIANCE
    )


def _families(shown: Sequence[TrialEvidence]) -> Numbers:
    """Which of them are of one model and prompt: the same number."""
    pairs = [(evidence.base.config.model, evidence.base.config.prompt) for evidence in shown]
    numbers = {pair: number for number, pair in enumerate(dict.fromkeys(pairs))}
    return np.array([numbers[pair] for pair in pairs], dtype=int)


def _seen(
    rows: Sequence[tuple[int, int, float, float]],
    scales: Sequence[float],
    example_effect: Array = _NOTHING,
    family: Sequence[int] = (),
    interaction: Array = _NOTHING,
) -> BlockMeans:
    candidates, blocks, values, noises = zip(*rows, strict=True) if rows else ((), (), (), ())
    return BlockMeans(
        np.array(candidates, dtype=int),
        np.array(blocks, dtype=int),
        np.array(values, dtype=float),
        np.array(noises, dtype=float),
        np.array(scales, dtype=float),
        example_effect,
        np.array(family, dtype=int),
        interaction,
    )


@dataclass(frozen=True, slots=True)
class TrialPosterior:
    """What is believed of a trial, all that was seen of it and of points like it considered.

    Attributes:
        standing: of the trial.
        reading: the one of which the most is believed.
        top: the best with the most answers, or None where one number of them was read.
        level: the quality of `reading`.
        base: the quality of the fewest answers.
        gain: of endless answers over one.
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
        """The quality of the best reading with n answers."""
        return self.base + (share_of_gain(n) - share_of_gain(self.least)) * self.gain


def trial_posteriors(
    problem: Problem, standings: Sequence[Standing], errors: float = -LENIENT_ERRORS
) -> list[TrialPosterior]:
    """What is believed of every trial, the best first; ties go to the cheaper.

    Args:
        problem: what is searched. standings: of the trials. errors: standard errors that are added
        to cost and seconds before they are held against the limits; trials
            without a reading that keeps them are left out.
    """
    shown = [
        (s, e)
        for s in standings
        if (e := read_evidence(problem, s, errors)) is not None and e.feasible
    ]
    if not shown:
        return []
    beliefs = Posterior(problem, [standing.point for standing, _ in shown])
    for _ in range(_SWEEPS):
        beliefs.learn([(number, evidence) for number, (_, evidence) in enumerate(shown)])
    found = [
        _best_of(standing, evidence, float(base), float(gain))
        for (standing, evidence), base, gain in zip(
            shown, beliefs.quality.mean, beliefs.gain.mean, strict=True
        )
    ]
    found = _nearer_to_what_was_seen(problem, found)
    return sorted(found, key=lambda one: (-one.level, cost_key(one.reading), one.standing.trial))


def _nearer_to_what_was_seen(
    problem: Problem, found: Sequence[TrialPosterior]
) -> list[TrialPosterior]:
    """Judge trials that met all examples more by these, and less by what points like them are
    worth.
    """
    seen = adjusted_means(quality_table(problem, [one.reading for one in found])).tolist()
    moved = []
    for one, level in zip(found, seen, strict=True):
        count = len(one.reading.examples)
        weight = count / (count + _LIKENESS) if count >= _MET * problem.examples else 0.0
        step = round(weight * (level - one.level), 9)
        moved.append(replace(one, level=one.level + step, base=one.base + step))
    return moved


def _best_of(
    standing: Standing, evidence: TrialEvidence, base: float, gain: float
) -> TrialPosterior:
    # Rounded, so that sums in another order on another machine decide nothing.
    base, gain = round(base, 9), round(gain, 9)
    top = evidence.top if evidence.top is not None and gain > 0 else evidence.base
    found = TrialPosterior(standing, top, evidence.top, 0.0, base, gain, evidence.least)
    return replace(found, level=found.level_of(top.config.n))
