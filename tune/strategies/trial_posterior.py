"""The posterior means of trials, given their own scores and those of similar points.

The selection and the final comparison ask for these. The search asks `tune.strategies.posterior`
itself, because it also needs the points that were not begun.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

from tune.readout import Reading
from tune.space import Point
from tune.strategies.paired import adjusted_means, quality_table
from tune.strategies.posterior import (
    Posterior,
    TrialEvidence,
    read_evidence,
    share_of_gain,
)
from tune.strategies.problem import LENIENT_ERRORS, Problem, Standing, cost_key
from tune.strategies.settings import PosteriorSettings


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
        share = share_of_gain(n) - share_of_gain(self.least)
        return self.base + share * self.gain


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
    shown = _shown(problem, standings, errors)
    if not shown:
        return []
    joint = _joint(problem, shown)
    means = zip(joint.quality.mean.tolist(), joint.gain.mean.tolist(), strict=True)
    found: list[TrialPosterior] = []
    for (standing, evidence), (base, gain) in zip(shown, means, strict=True):
        found.append(_trial_posterior(standing, evidence, base, gain))
    found = _trust_complete_trials(problem, found)
    return sorted(found, key=_best_first)


class JointPosterior(NamedTuple):
    """The posterior of several trials together.

    Attributes:
        trials: their numbers.
        posterior: its candidates are the trials, in this order.
    """

    trials: list[int]
    posterior: Posterior


def joint_posterior(problem: Problem, standings: Sequence[Standing]) -> JointPosterior:
    """Return the posterior of all trials with a reading that may keep the limits.

    There must be one at least.
    """
    shown = _shown(problem, standings, -LENIENT_ERRORS)
    return JointPosterior(
        trials=[standing.trial for standing, _ in shown],
        posterior=_joint(problem, shown),
    )


def _shown(
    problem: Problem, standings: Sequence[Standing], errors: float
) -> list[tuple[Standing, TrialEvidence]]:
    """Return the trials with a reading that keeps the limits; see `trial_posteriors`."""
    found: list[tuple[Standing, TrialEvidence]] = []
    for standing in standings:
        evidence = read_evidence(problem, standing, errors)
        if evidence is not None and evidence.feasible:
            found.append((standing, evidence))
    return found


def _joint(
    problem: Problem, shown: Sequence[tuple[Standing, TrialEvidence]]
) -> Posterior:
    """Return the posterior of trials, from their evidence alone."""
    return _posterior(
        _Asked(
            # What is remembered must not hold on to the run, which stands behind the ceiling.
            problem=replace(problem, ceiling=_unlimited),
            settings=problem.settings.posterior,
            scale=(problem.low, problem.high, problem.larger_is_better),
            points=tuple(standing.point for standing, _ in shown),
            evidence=tuple(evidence for _, evidence in shown),
        )
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """All that the posterior depends on.

    Attributes:
        problem: what is searched; the fields below are the part of it that matters.
        settings: of the posterior.
        scale: the metric's range and direction.
        points: of the trials.
        evidence: of each of them.
    """

    problem: Problem = field(compare=False)
    settings: PosteriorSettings
    scale: tuple[float, float, bool]
    points: tuple[Point, ...]
    evidence: tuple[TrialEvidence, ...]


def _unlimited(_point: Point, _draws: int, _cap: int) -> float:
    return math.inf


# Around the end of a search, the same trials are asked for several times. Few are kept, because
# they hold on to the readings.
@lru_cache(maxsize=4)
def _posterior(asked: _Asked) -> Posterior:
    """Return the posterior of the trials. It is shared, so nobody may change it."""
    # A fresh posterior: the selection must not depend on the order in which things were bought.
    posterior = Posterior(asked.problem, asked.points)
    numbered = list(enumerate(asked.evidence))
    posterior.update(numbered, fits=asked.settings.fits)
    return posterior


def _best_first(one: TrialPosterior) -> tuple[float, float, int]:
    """Return a sort key: the highest posterior mean, then the cheapest, then the oldest."""
    return -one.level, cost_key(one.reading), one.standing.trial


def _trust_complete_trials(
    problem: Problem, found: Sequence[TrialPosterior]
) -> list[TrialPosterior]:
    """Judge trials that met all examples more by their own scores than by similar points."""
    settings = problem.settings.posterior
    rows = quality_table(problem, [one.reading for one in found])
    means = adjusted_means(rows).tolist()
    moved: list[TrialPosterior] = []
    for one, mean in zip(found, means, strict=True):
        count = len(one.reading.examples)
        weight = 0.0
        # A few answers may be missing for good, so nearly all examples count as all.
        if count >= settings.met_share * problem.examples:
            weight = count / (count + settings.likeness)
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
    base = round(base, 9)
    gain = round(gain, 9)
    best = evidence.base
    if evidence.top is not None and gain > 0:
        best = evidence.top
    found = TrialPosterior(
        standing=standing,
        reading=best,
        top=evidence.top,
        level=base,
        base=base,
        gain=gain,
        least=evidence.least,
    )
    return replace(found, level=found.level_of(best.config.n))
