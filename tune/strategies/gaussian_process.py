"""Gaussian processes over paid points, and what seeing one more block of examples would teach of
all of them.

Points share structure: those of one model are alike, those of one prompt are, those of both more
so, and settings are alike where they are near, all together and, where several are searched, one by
one; the covariance is the sum of these parts. How much of the variance each part has is learned
from what was seen: maximum a posteriori, by coordinate ascent, a step at a time. A block of
examples is as hard for one point as for another: its example_effect is one more unknown, which all that
met it share, so that points are compared on the same examples. Points of one model and prompt, the
family, share more of their luck with a block than others.

What a purchase is worth is its knowledge gradient (Frazier, Powell and Dayanik 2009): the expected
rise of the best mean, everything that is correlated with what is bought included.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

from tune.space import Point, Value
from tune.strategies.problem import Array

Numbers: TypeAlias = npt.NDArray[np.int64]

PARTS = ("model", "prompt", "both", "settings", "settings of a model", "settings of both", "own")
"""Of the covariance; see `parts`. Settings that have parts of their own follow, two each."""

_LENGTH = 0.5
"""How far apart settings have to be to differ, as a share of their range."""

_NAMES_APART = 0.25
"""The squared distance of two different names in a setting that is no number."""

_DOUBT = math.log(3.0)
"""Standard deviation of the logarithm of a part's variance around what is believed beforehand."""

_STEP = 2.0
"""The factor by which coordinate ascent tries to change a variance."""

_MOST_FITTED = 256
"""Sightings that the variances are fitted to, at most: the least noisy ones."""

_FEWEST_FITTED = 4

_MUCH = 1e15
"""More than the gaps weigh, whatever they are."""

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


def varying_settings(points: Sequence[Point]) -> tuple[str, ...]:
    """The settings in which points differ, where these are several."""
    found = tuple(
        name for name in _settings(points) if len({point.get(name) for point in points}) > 1
    )
    return found if len(found) > 1 else ()


def covariance_parts(points: Sequence[Point], apart: Sequence[str] = ()) -> Array:
    """How alike points are in each of the parts, 1 for a point with itself: parts x points x
    points.

    Args:
        points: all of them. apart: the settings that have parts of their own: how near points are
        in that setting alone, and the same for
            points of one prompt, as a cap that is enough for one is not for another.
    """
    model, prompt = (_same([point[name] for point in points]) for name in ("model", "prompt"))
    names = sorted({*_settings(points), *apart})
    distances = {name: _distance([point.get(name) for point in points]) for name in names}
    near = _near(sum(distances.values(), np.zeros((len(points), len(points)))))
    both = model * prompt
    alone = [_near(distances[name]) for name in apart]
    more = [part for each in alone for part in (each, each * prompt)]
    return np.array(
        [model, prompt, both, near, near * model, near * both, np.eye(len(points)), *more]
    )


def _settings(points: Sequence[Point]) -> list[str]:
    return sorted({name for point in points for name in point} - {"model", "prompt"})


def _near(distance: Array) -> Array:
    return np.asarray(np.exp(-distance / (2 * _LENGTH**2)))


def _same(values: Sequence[Value]) -> Array:
    codes = {value: code for code, value in enumerate(dict.fromkeys(values))}
    found = np.array([codes[value] for value in values])
    return np.asarray(np.equal.outer(found, found), dtype=float)


def _distance(values: Sequence[Value]) -> Array:
    """Squared distances, as shares of the range; a number that is left to the service lies in the
    middle.

    What is counted (answers, tokens) is as far apart as its logarithms.
    """
    numbers = [
        v if isinstance(v, int | float) and not isinstance(v, bool) else None for v in values
    ]
    known = [v for v in numbers if v is not None]
    if len(set(known)) < 2:
        return _NAMES_APART * (1.0 - _same(values))
    scale = math.log if all(isinstance(v, int) and v >= 1 for v in known) else float
    low, high = scale(min(known)), scale(max(known))
    column = np.array([0.5 if v is None else (scale(v) - low) / (high - low) for v in numbers])
    return np.asarray(np.subtract.outer(column, column) ** 2)


@dataclass(frozen=True, slots=True)
class BlockMeans:
    """What was seen of candidates, a number each.

    Attributes:
        candidate: whose. block: the block of examples it is the mean of, by number, or -1 where no
        example_effect is shared. value: what was seen. noise: its variance around what is believed of
        candidate and block. scale: what the candidate's own number is multiplied by in it.
        example_effect: the variance of the example_effect of each block. family: whose model and prompt, by
        number. interaction: the variance of what each block adds to the values of a whole family.
    """

    candidate: Numbers
    block: Numbers
    value: Array
    noise: Array
    scale: Array
    example_effect: Array
    family: Numbers
    interaction: Array


@dataclass(slots=True)
class JointNormal:
    """Means and covariances of all candidates."""

    mean: Array
    cov: Array

    def deviation(self) -> Array:
        """Standard deviations."""
        return np.sqrt(np.maximum(np.diag(self.cov), 0.0))

    def buy(self, candidate: int, noise: float) -> None:
        """What stays unknown once a candidate is seen with such a variance of noise, whatever it
        will be.
        """
        column = self.cov[:, candidate].copy()
        self.cov -= np.outer(column, column) / (column[candidate] + noise)

    def slopes(self, candidates: Numbers, noise: Array) -> Array:
        """By how much every mean moves for one standard deviation of what would be seen: purchases
        x candidates.
        """
        own = np.maximum(self.cov[candidates, candidates], 0.0)
        found: Array = self.cov[candidates] / np.sqrt(own + noise)[:, None]
        return found


@dataclass
class GaussianProcess:
    """A Gaussian process over candidates, of which the variances of the parts are learned.

    Attributes:
        prior: of each part's variance, what is believed beforehand.
        level: the mean of all candidates, as believed beforehand.
        level_variance: of that mean.
        variances: of the parts, as learned so far.
    """

    prior: Array
    level: float
    level_variance: float
    variances: Array = field(init=False)

    def __post_init__(self) -> None:
        self.variances = self.prior.copy()

    def believe(self, alike: Array, seen: BlockMeans, *, fit: bool = True) -> JointNormal:
        """What follows from what was seen, for all candidates.

        Args:
            alike: of `parts`.
            seen: what was seen.
            fit: whether to learn a little more of the parts first.
        """
        with _libraries().limit(limits=1, user_api="blas"):
            return self._believe(alike, seen, fit)

    def _believe(self, alike: Array, seen: BlockMeans, fit: bool) -> JointNormal:
        rows, scale = seen.candidate, seen.scale
        noise = np.diag(seen.noise)
        if len(seen.example_effect):
            block = np.maximum(seen.block, 0)
            together = np.equal.outer(seen.block, seen.block) & (seen.block >= 0)
            noise += together * seen.example_effect[block]
            noise += (together & np.equal.outer(seen.family, seen.family)) * seen.interaction[block]
        gaps = seen.value - self.level * scale
        if fit and len(rows) >= _FEWEST_FITTED:
            few = np.argsort(seen.noise, kind="stable")[:_MOST_FITTED]
            squares = np.outer(scale[few], scale[few])
            inside = alike[:, rows[few, None], rows[few]] * squares
            self._climb(inside, noise[few[:, None], few] + self.level_variance * squares, gaps[few])
        prior = np.tensordot(self.variances, alike, 1) + self.level_variance
        across = prior[:, rows] * scale
        whole = across[rows] * scale[:, None] + noise
        weights = np.linalg.solve(whole, np.column_stack([gaps, across.T]))
        return JointNormal(self.level + across @ weights[:, 0], prior - across @ weights[:, 1:])

    def _climb(self, inside: Array, noise: Array, gaps: Array) -> None:
        """One step of coordinate ascent on the posterior of the parts' variances."""
        whole = np.tensordot(self.variances, inside, 1) + noise
        best = _likelihood(whole, gaps) + self._plausibility(self.variances)
        for part in range(len(self.variances)):
            for factor in (_STEP, 1 / _STEP):
                tried = self.variances.copy()
                tried[part] *= factor
                changed = whole + (tried[part] - self.variances[part]) * inside[part]
                score = _likelihood(changed, gaps) + self._plausibility(tried)
                if score > best:
                    best, whole, self.variances = score, changed, tried
                    break

    def _plausibility(self, variances: Array) -> float:
        return -0.5 * float((np.log(variances / self.prior) ** 2).sum()) / _DOUBT**2


@lru_cache(maxsize=1)
def _libraries() -> ThreadpoolController:
    """Those that compute in threads. For a few hundred numbers that is slower than one thread, and
    where a model runs on the same cores, forty times slower: the threads wait for each other.
    """
    return ThreadpoolController()


def _likelihood(covariance: Array, gaps: Array) -> float:
    """The logarithm of the normal density, but for a constant.

    What is wanted of the gaps, the factor's inverse times them, is a row of the factor where they
    are a row of the matrix: so one factorization does, where numpy has no solver for triangles.
    """
    count = len(gaps)
    whole = np.empty((count + 1, count + 1))
    whole[:count, :count] = covariance
    whole[count, :count] = whole[:count, count] = gaps
    whole[count, count] = _MUCH
    factor = np.linalg.cholesky(whole)
    half = factor[count, :count]
    return -0.5 * float(half @ half) - float(np.log(np.diag(factor)[:count]).sum())


def expected_rise(mean: Array, slopes: Sequence[Array]) -> Array:
    """The knowledge gradient of each of many purchases.

    Args:
        mean: of the contenders. slopes: purchases x contenders; the means move by independent
        standard normal multiples of each of these.
    """
    moved, weights = mean[None, None, :], np.ones(1)
    for slope in slopes:
        steps = _NODES[:, None, None] * slope[None]
        moved = (moved[:, None] + steps[None]).reshape(-1, *slope.shape)
        weights = np.outer(weights, _WEIGHTS).reshape(-1)
    found: Array = np.maximum(weights @ moved.max(axis=2) - mean.max(), 0.0)
    return found


def expected_maximum(mean: Array, deviation: Array, other: Array) -> Array:
    """The expected larger one of a normal variable and a number, for each of many."""
    deviation = np.maximum(deviation, 1e-9)
    z = (mean - other) / deviation
    below = np.array([0.5 * math.erfc(-x / math.sqrt(2)) for x in z.tolist()])
    found: Array = (
        other + (mean - other) * below + deviation * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    )
    return found
