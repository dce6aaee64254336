"""Extrapolation to more answers: whether they gain, and the money that the holdout needs for them.

Draws that were bought for a model and prompt show whether more answers gain for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from tune.readout import Reading
from tune.strategies.cheapest import baseline_reading
from tune.strategies.problem import Array, Problem, Standing, preference

Pair: TypeAlias = tuple[str, str]
"""A model and a prompt, by name."""


def pair_of(standing: Standing) -> Pair:
    """Return the model and prompt of a trial."""
    point = standing.point
    return str(point["model"]), str(point["prompt"])


def all_pairs(standings: Sequence[Standing]) -> set[Pair]:
    """Return every model and prompt that was tried."""
    return set(map(pair_of, standings))


def gains_by_pair(
    problem: Problem, standings: Sequence[Standing]
) -> Mapping[Pair, Array]:
    """Return the gains of several answers over the fewest, example by example.

    Models and prompts with too few such examples are left out.
    """
    parts: dict[Pair, list[Array]] = {}
    for standing in standings:
        gaps = _gaps(problem, standing)
        if len(gaps):
            parts.setdefault(pair_of(standing), []).append(gaps)
    # With fewer tuning examples than that, all of them are enough.
    least = min(problem.settings.extrapolation.least_compared, problem.examples)
    found: dict[Pair, Array] = {}
    for pair, of_trials in parts.items():
        joined = np.concatenate(of_trials)
        if len(joined) >= least:
            found[pair] = joined
    return found


def pairs_that_gain(problem: Problem, standings: Sequence[Standing]) -> set[Pair]:
    """Return the models and prompts whose bought draws show that more answers gain.

    None does where answers are always the same, or where more of them only cost more. The mean gain
    must be above zero by half a standard error. That is no proof: the holdout tests the choice, and
    the posterior gain must be worth it too.
    """
    errors = problem.settings.extrapolation.errors_shown
    found: set[Pair] = set()
    for pair, gaps in gains_by_pair(problem, standings).items():
        if _shows_gain(gaps, errors):
            found.add(pair)
    return found


def _shows_gain(gaps: Array, errors: float) -> bool:
    """Return True if the mean gain is above zero by so many standard errors."""
    # A single example has no standard error.
    if len(gaps) < 2:
        return False
    mean = float(gaps.mean())
    deviation = float(gaps.std(ddof=1))
    error = deviation / math.sqrt(len(gaps))
    # Where all gaps are equal, the error is 0, and rounding alone must not count as a gain.
    return mean > 1e-9 and mean >= errors * error


def _gaps(problem: Problem, standing: Standing) -> Array:
    """Return the gains of the most answers of a trial over the fewest, by example."""
    pair = _fewest_and_most(problem, standing)
    if pair is None:
        return np.zeros(0)
    base, top = pair
    after, before = top.places_shared(base)
    gaps = problem.quality(top.scores[after]) - problem.quality(base.scores[before])
    return np.asarray(gaps)


def _fewest_and_most(
    problem: Problem, standing: Standing
) -> tuple[Reading, Reading] | None:
    """Return the best readings with the fewest and with the most answers; None without both.

    Both have the same max_tokens and stops where such readings exist.
    """
    by_answers: dict[int, list[Reading]] = {}
    for reading in standing.readings:
        if len(reading.examples):
            by_answers.setdefault(reading.config.n, []).append(reading)
    if len(by_answers) < 2:
        return None
    base = _best(problem, by_answers[min(by_answers)])
    tops = by_answers[max(by_answers)]
    # The base may cut at a smaller max_tokens than the best of the most answers does. The gain
    # would then be that of longer answers.
    cut = _cut(base)
    alike = [reading for reading in tops if _cut(reading) == cut]
    return base, _best(problem, alike or tops)


def _best(problem: Problem, readings: Sequence[Reading]) -> Reading:
    return min(readings, key=lambda reading: preference(problem, reading))


def _cut(reading: Reading) -> tuple[int, tuple[str, ...]]:
    """Return what ends an answer early."""
    return reading.config.max_tokens, reading.config.stop


def baseline_cost(problem: Problem, standings: Sequence[Standing]) -> float:
    """Return the dollars of one request of the baseline: as it was read, else at most.

    A holdout that is the first to see a choice has to pay for the baseline beside it.
    """
    wanted = problem.baseline_config
    if wanted is None or problem.baseline is None:
        return 0.0
    known = baseline_reading(problem, standings)
    if known is None or not math.isfinite(known.cost):
        return problem.ceiling(problem.baseline, wanted.n, wanted.max_tokens)
    standing = next(one for one in standings if one.trial == known.trial)
    return float(np.nanmean(standing.costs_with(known, wanted.n)))
