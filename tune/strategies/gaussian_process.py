"""Gaussian processes over paid points: which points are alike, and what one observation tells.

Points share structure. Points of one model are alike, points of one prompt are, points of both even
more, and settings are alike where they are near: all settings together and, where several are
searched, each alone. The covariance is the sum of these parts. The variance of each part is learned
from observations: maximum a posteriori, by coordinate ascent, one step at a time.

A block of examples is as hard for one point as for another. This example effect is one more unknown
that all points that met the block share, so points are compared on the same examples. Points of one
model and prompt (a family) share more of their luck with a block than others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tune.space import Point, Value
from tune.strategies.joint_normal import JointNormal
from tune.strategies.linear_algebra import inverse_root, one_thread
from tune.strategies.problem import Array, Numbers

PARTS = (
    "model",
    "prompt",
    "both",
    "settings",
    "settings of a model",
    "settings of both",
    "own",
)
"""Parts of the covariance; see `covariance_parts`. Single settings follow, two parts each."""

_LENGTH = 0.5
"""Length scale: the distance, as a share of a setting's range, at which points differ."""

_NAMES_APART = 0.25
"""Squared distance of two different names in a setting that is no number."""

_LOG_DEVIATION = math.log(3.0)
"""Prior standard deviation of the logarithm of a part's variance."""

_STEP = 2.0
"""Factor by which coordinate ascent tries to change a variance."""

_MOST_FITTED = 256
"""Observations that the variances are fitted to, at most; the least noisy ones."""

_FEWEST_FITTED = 4
"""Observations below which nothing is fitted."""

_LARGE = 1e15
"""A number that is larger than the weighted square of any gaps."""


def varying_settings(points: Sequence[Point]) -> tuple[str, ...]:
    """Return the settings in which points differ, or none where only one does."""
    found = []
    for name in _settings(points):
        values = {point.get(name) for point in points}
        if len(values) > 1:
            found.append(name)
    # The distance over all settings is that in the only one: a part of its own would add nothing.
    if len(found) < 2:
        return ()
    return tuple(found)


def covariance_parts(points: Sequence[Point], apart: Sequence[str] = ()) -> Array:
    """Return the similarity of points in each part: parts x points x points.

    It is 1 for a point with itself.

    Args:
        points: all points.
        apart: settings that have parts of their own: the similarity in that setting alone, and the
            same within one prompt, as a max_tokens that is enough for one is not for another.
    """
    parts: Array = np.zeros((len(PARTS) + 2 * len(apart), len(points), len(points)))
    # In the order of `PARTS`, and in place: for hundreds of points each part is large.
    model, prompt, both, near, near_model, near_both, own = parts[: len(PARTS)]
    model[:] = _same([point["model"] for point in points])
    prompt[:] = _same([point["prompt"] for point in points])
    np.multiply(model, prompt, out=both)
    distances: dict[str, Array] = {}
    for name in sorted({*_settings(points), *apart}):
        distances[name] = _distance([point.get(name) for point in points])
        near += distances[name]
    _near(near, out=near)
    np.multiply(near, model, out=near_model)
    np.multiply(near, both, out=near_both)
    np.fill_diagonal(own, 1.0)
    for place, name in enumerate(apart):
        alone, of_prompt = parts[len(PARTS) + 2 * place :][:2]
        _near(distances[name], out=alone)
        np.multiply(alone, prompt, out=of_prompt)
    return parts


def _settings(points: Sequence[Point]) -> list[str]:
    names = set[str]().union(*points)
    return sorted(names - {"model", "prompt"})


def _near(distance: Array, out: Array) -> None:
    """Write the similarity at squared distances: the squared exponential kernel."""
    np.divide(distance, -2 * _LENGTH**2, out=out)
    np.exp(out, out=out)


def _same(values: Sequence[Value]) -> np.ndarray:
    """Return True where two values are equal."""
    # As codes: an array of values of several types would turn them all into text.
    codes: dict[Value, int] = {}
    for value in values:
        codes.setdefault(value, len(codes))
    found = np.array([codes[value] for value in values])
    return np.asarray(np.equal.outer(found, found))


def _distance(values: Sequence[Value]) -> Array:
    """Return squared distances, as shares of the range.

    A number that is left to the service lies in the middle. Counts (answers, tokens) are compared
    by their logarithms.
    """
    numbers = list(map(_number, values))
    known = [number for number in numbers if number is not None]
    if len(set(known)) < 2:
        return _NAMES_APART * (1.0 - _same(values))
    counts = all(isinstance(number, int) and number >= 1 for number in known)
    scale = math.log if counts else float
    low = scale(min(known))
    high = scale(max(known))
    # A setting that is left to the service has an unknown value: the middle is nearest to all.
    column = np.full(len(numbers), 0.5)
    for row, number in enumerate(numbers):
        if number is not None:
            column[row] = (scale(number) - low) / (high - low)
    return np.asarray(np.subtract.outer(column, column) ** 2)


def _number(value: Value) -> int | float | None:
    """Return a value that is a number, else None."""
    # In Python, True is an int; as a setting it is a name.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


@dataclass(frozen=True, slots=True)
class BlockMeans:
    """Observations: means over blocks of examples. Each field has one entry for each of them.

    Attributes:
        candidate: number of the point.
        block: number of the block of examples, or -1 where no example effect is shared.
        value: the observed mean.
        noise: its variance around the true value of the candidate on the block.
        scale: factor of the candidate's true value in the mean.
        example_effect: variance of the example effect of each block, by block number.
        family: number of the candidate's model and prompt.
        interaction: variance of what each block adds to a whole family, by block number.
    """

    candidate: Numbers
    block: Numbers
    value: Array
    noise: Array
    scale: Array
    example_effect: Array
    family: Numbers
    interaction: Array


@dataclass
class GaussianProcess:
    """A Gaussian process over candidates that learns the variances of its parts.

    Attributes:
        prior: prior variance of each part.
        level: prior mean of all candidates.
        level_variance: its variance.
        variances: of the parts, as learned so far.
    """

    prior: Array
    level: float
    level_variance: float
    variances: Array = field(init=False)

    def __post_init__(self) -> None:
        self.variances = self.prior.copy()

    def condition(
        self,
        alike: Array,
        seen: BlockMeans,
        *,
        fits: int = 1,
    ) -> JointNormal:
        """Return the posterior of all candidates, given observations.

        Args:
            alike: the result of `covariance_parts`.
            seen: the observations.
            fits: steps by which the variances of the parts are learned first.
        """
        with one_thread():
            return self._condition(alike, seen, fits)

    def _condition(
        self,
        alike: Array,
        seen: BlockMeans,
        fits: int,
    ) -> JointNormal:
        gaps = seen.value - self.level * seen.scale
        known = _by_candidate(seen, gaps, np.arange(len(gaps)))
        if fits and len(gaps) >= _FEWEST_FITTED:
            fitted = known
            if len(gaps) > _MOST_FITTED:
                # Cubic in the number of points: noisy observations add time and little else.
                few = np.argsort(seen.noise, kind="stable")[:_MOST_FITTED]
                fitted = _by_candidate(seen, gaps, few)
            who = fitted.candidate
            inside = alike[:, who[:, None], who]
            # The prior mean is unknown too, and all points share it.
            beside = fitted.noise + self.level_variance
            for _ in range(fits):
                # Where no step helps, no later one does.
                if not self._climb(inside, beside, fitted.value):
                    break
        # Conditioning of a normal distribution (Rasmussen and Williams 2006, algorithm 2.1).
        observed = _range_of(known.candidate)
        # The prior first. It becomes the posterior in place, as the array is large.
        cov = np.tensordot(self.variances, alike, 1)
        cov += self.level_variance
        across = cov[observed]
        root = inverse_root(across[:, observed] + known.noise)
        half = root @ across
        mean = self.level + (root @ known.value) @ half
        cov -= half.T @ half
        return JointNormal(mean, cov)

    def _climb(
        self,
        inside: Array,
        noise: Array,
        gaps: Array,
    ) -> bool:
        """Take one step of coordinate ascent on the posterior of the parts' variances.

        Returns:
            True if it changed one of them.
        """
        before = self.variances
        count = len(gaps)
        whole = _bordered(np.tensordot(self.variances, inside, 1) + noise, gaps)
        changed = whole.copy()
        best = _log_likelihood(whole) + self._log_prior(self.variances)
        for part in range(len(self.variances)):
            for factor in (_STEP, 1 / _STEP):
                tried = self.variances.copy()
                tried[part] *= factor
                # Only one part has changed, so the sum is corrected, not computed again.
                change = tried[part] - self.variances[part]
                covariance = changed[:count, :count]
                np.multiply(inside[part], change, out=covariance)
                covariance += whole[:count, :count]
                score = _log_likelihood(changed) + self._log_prior(tried)
                if score > best:
                    best = score
                    # The array of the old sum takes the next one that is tried.
                    whole, changed = changed, whole
                    self.variances = tried
                    break
        return self.variances is not before

    def _log_prior(self, variances: Array) -> float:
        """Return the logarithm of the log-normal prior density, up to a constant."""
        logarithms = np.log(variances / self.prior)
        squares = float((logarithms**2).sum())
        return -0.5 * squares / _LOG_DEVIATION**2


class _Known(NamedTuple):
    """One observation for each candidate, which tells all that many observations tell.

    Attributes:
        candidate: numbers of the candidates that were observed.
        value: the weighted mean of what was observed of each.
        noise: covariances of these means beside those of the candidates' true values.
    """

    candidate: Numbers
    value: Array
    noise: Array


def _by_candidate(seen: BlockMeans, gaps: Array, chosen: Numbers) -> _Known:
    """Return what observations tell of each candidate.

    A point is observed on many blocks, so there are far fewer points than observations. Generalized
    least squares gives a mean for each point, and the means are a sufficient statistic. The inverse
    of the observations' covariance has a closed form (Sherman and Morrison 1950): the observations
    of a block share its example effect, and those of a family share its interaction.

    Args:
        seen: the observations.
        gaps: their values, less the prior mean.
        chosen: numbers of the observations that count.
    """
    candidate, who = _ranks(seen.candidate[chosen])
    count = len(candidate)
    scale = seen.scale[chosen]
    value = gaps[chosen]
    own = 1.0 / seen.noise[chosen]
    if not len(seen.example_effect):
        # Nothing is shared, so all matrices below would be diagonal.
        deviation = 1.0 / np.sqrt(np.bincount(who, scale**2 * own, count))
        variance = deviation * deviation
        mean = variance * np.bincount(who, scale * (own * value), count)
        return _Known(candidate, mean, np.diag(variance))
    block = seen.block[chosen]
    # The last entry is for block -1: what it has shares no effect.
    example_effect = np.append(seen.example_effect, 0.0)[block]
    interaction = np.append(seen.interaction, 0.0)[block]
    # From 0 on, as they number the entries of sums.
    block = block + 1
    family = seen.family[chosen] + 1
    together = block * (family.max(initial=0) + 1) + family
    # The inverse without shared effects; what a family shares on a block; then what all share.
    in_family = interaction / (1.0 + interaction * _sums(together, own))
    apart = own * (1.0 - in_family * _sums(together, own))
    in_block = example_effect / (1.0 + example_effect * _sums(block, apart))
    # The inverse, summed over the observations of each two points.
    precision: Array = np.diag(np.bincount(who, scale**2 * own, count))
    place = block * count + who
    blocks = block.max(initial=0) + 1
    shared = np.bincount(place, scale * own * np.sqrt(in_family), blocks * count)
    shared = shared.reshape(blocks, count)
    family_of = np.empty(count, dtype=int)
    family_of[who] = family
    related = np.equal.outer(family_of, family_of)
    precision -= related * (shared.T @ shared)
    shared = np.bincount(place, scale * apart * np.sqrt(in_block), blocks * count)
    shared = shared.reshape(blocks, count)
    precision -= shared.T @ shared
    # The inverse times the values, summed over the observations of each point.
    weighted = own * (value - in_family * _sums(together, own * value))
    weighted -= in_block * apart * _sums(block, apart * value)
    root = inverse_root(precision)
    noise = root.T @ root
    mean = noise @ np.bincount(who, scale * weighted, count)
    return _Known(candidate, mean, noise)


def _ranks(numbers: Numbers) -> tuple[Numbers, Numbers]:
    """Return the numbers that occur, in order, and for each number its place among them."""
    # For small numbers, counting is several times as fast as sorting (`np.unique`).
    there = np.bincount(numbers) > 0
    places = np.cumsum(there) - 1
    return np.flatnonzero(there), places[numbers]


def _range_of(numbers: Numbers) -> Numbers | slice:
    """Return numbers as a slice if they count from 0, as a slice copies nothing."""
    count = len(numbers)
    return slice(count) if np.array_equal(numbers, np.arange(count)) else numbers


def _sums(group: Numbers, values: Array) -> Array:
    """Return the sum over its group, for each value."""
    return np.asarray(np.bincount(group, values)[group])


def _bordered(covariance: Array, gaps: Array) -> Array:
    """Return a covariance with the gaps appended as a row and a column; see `_log_likelihood`."""
    count = len(gaps)
    whole = np.empty((count + 1, count + 1))
    whole[:count, :count] = covariance
    whole[count, :count] = gaps
    whole[:count, count] = gaps
    # Large, so that the matrix is positive definite. The rest of the row does not depend on it.
    whole[count, count] = _LARGE
    return whole


def _log_likelihood(bordered: Array) -> float:
    """Return the logarithm of the normal density of gaps, up to a constant.

    It needs the inverse of the Cholesky factor times the gaps. Where the gaps are appended to the
    covariance as a row, that is a row of the factor: one factorization does, and numpy has no
    solver for triangles.

    Args:
        bordered: the result of `_bordered`.
    """
    count = len(bordered) - 1
    factor = np.linalg.cholesky(bordered)
    half = factor[count, :count]
    # The logarithm of the determinant's root is the sum over the factor's diagonal.
    diagonal = np.diag(factor)[:count]
    log_root = float(np.log(diagonal).sum())
    return -0.5 * float(half @ half) - log_root
