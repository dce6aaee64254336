"""Whether more answers gain: what bought draws of a model and prompt show of it, and what the
holdout must pay for.
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

LEAST_COMPARED = 8
"""Examples with several answers from which a model and prompt count as compared."""

SHOWN = 0.5
"""Standard errors that a mean gain must reach to count as shown."""


def pair_of(standing: Standing) -> Pair:
    """Return the model and prompt of a trial."""
    return str(standing.point["model"]), str(standing.point["prompt"])


def all_pairs(standings: Sequence[Standing]) -> set[Pair]:
    """Return every model and prompt that was tried."""
    return set(map(pair_of, standings))


def gains_by_pair(problem: Problem, standings: Sequence[Standing]) -> Mapping[Pair, Array]:
    """Return what several answers gained over the fewest, example by example, for models and
    prompts that have both.
    """
    found: dict[Pair, list[Array]] = {}
    for standing in standings:
        gaps = _gaps(problem, standing)
        if len(gaps):
            found.setdefault(pair_of(standing), []).append(gaps)
    joined = {pair: np.concatenate(parts) for pair, parts in found.items()}
    return {
        pair: gaps
        for pair, gaps in joined.items()
        if len(gaps) >= min(LEAST_COMPARED, problem.examples)
    }


def pairs_that_gain(problem: Problem, standings: Sequence[Standing]) -> set[Pair]:
    """Return the models and prompts whose bought draws show that more answers gain.

    Where answers are always the same, or more of them only cost more, none does. The mean gain must
    be above zero by half a standard error. That is no proof: what is chosen by it is tested on the
    holdout, and what is believed of the gain must be worth it too.
    """
    return {pair for pair, gaps in gains_by_pair(problem, standings).items() if _shows(gaps)}


def _shows(gaps: Array) -> bool:
    mean = float(gaps.mean())
    error = float(gaps.std(ddof=1)) / math.sqrt(len(gaps)) if len(gaps) > 1 else math.inf
    return mean > 1e-9 and mean >= SHOWN * error


def _gaps(problem: Problem, standing: Standing) -> Array:
    """Return what the most answers of a trial gained over the fewest, with the same cap and stops."""
    readings = [reading for reading in standing.readings if len(reading.examples)]
    fewest, most = (f((reading.config.n for reading in readings), default=0) for f in (min, max))
    if fewest == most:
        return np.zeros(0)
    base = min((r for r in readings if r.config.n == fewest), key=lambda r: preference(problem, r))
    tops = [reading for reading in readings if reading.config.n == most]
    alike = [reading for reading in tops if _cut(reading) == _cut(base)]
    top = min(alike or tops, key=lambda reading: preference(problem, reading))
    known = dict(zip(base.examples, problem.quality(base.scores), strict=True))
    own = zip(top.examples, problem.quality(top.scores), strict=True)
    return np.array([score - known[example] for example, score in own if example in known])


def _cut(reading: Reading) -> tuple[int, tuple[str, ...]]:
    return reading.config.max_tokens, reading.config.stop


def baseline_cost(problem: Problem, standings: Sequence[Standing]) -> float:
    """Return the dollars of one request of the baseline: as it was read, else the most that it can
    cost.

    The holdout that is the first to see a choice has to pay for the baseline beside it.
    """
    wanted = problem.baseline_config
    if wanted is None or problem.baseline is None:
        return 0.0
    known = baseline_reading(problem, standings)
    if known is None or not math.isfinite(known.cost):
        return problem.ceiling(problem.baseline, wanted.n, wanted.max_tokens)
    standing = next(one for one in standings if one.trial == known.trial)
    return float(np.nanmean(standing.costs_with(known, wanted.n)))
