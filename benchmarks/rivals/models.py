"""Searchers of the rivals that `tune` has none of: a small Gaussian process and a small random
forest, on numpy.

Optuna's Gaussian process needs torch, and SMAC's forest scikit-learn; neither is installed with
`tune`, and both are slow beside thousands of replayed searches.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from tune.search.history import Observation, Searcher
from tune.search.lattice import Lattice
from tune.search.random_search import spread_points
from tune.search.searcher import UniqueSearcher, follow_space, is_scored
from tune.space import Point, Space
from tune.strategies.problem import Array

STARTUP = 10
"""Points spread over the space before a model is asked, as Optuna has it."""

CANDIDATES = 400
"""Points that are compared for each proposal, drawn once."""

NEWEST = 200
"""Tellings that a model learns from, at most."""


class Model(Protocol):
    """Learns from rows and values, and says a mean and a deviation of others."""

    def predict(
        self, rows: Array, values: Array, others: Array
    ) -> tuple[Array, Array]: ...


def gp(space: Space, free: Sequence[str], seed: int) -> Searcher:
    """Expected improvement under a Gaussian process (Jones, Schonlau and Welch 1998)."""

    def make(lattice: Lattice) -> Searcher:
        proposer = _Improver(lattice, seed, Process(_Coding(lattice).groups))
        return UniqueSearcher(
            proposer, lattice, spread_points(lattice, seed), seed=seed, startup=STARTUP
        )

    return follow_space(space, free, make)


def forest(space: Space, free: Sequence[str], seed: int) -> Searcher:
    """Expected improvement under a random forest, every other point at random, as SMAC has it
    (Hutter et al. 2011).
    """

    def make(lattice: Lattice) -> Searcher:
        proposer = _Improver(lattice, seed, Forest(seed), every=2)
        return UniqueSearcher(
            proposer, lattice, spread_points(lattice, seed), seed=seed, startup=STARTUP
        )

    return follow_space(space, free, make)


class _Coding:
    """Points as rows of numbers: an ordered axis from 0 to 1, a category in a column of each value."""

    def __init__(self, lattice: Lattice) -> None:
        self._lattice = lattice
        self.groups: list[list[int]] = []
        width = 0
        for axis in lattice.keys.values():
            wide = 1 if axis.ordered else len(axis.values)
            self.groups.append(list(range(width, width + wide)))
            width += wide
        self._width = width

    def row(self, point: Point) -> Array | None:
        indexes = self._lattice.indexes(point)
        if indexes is None:
            return None
        found = np.zeros(self._width)
        for (key, axis), columns in zip(
            self._lattice.keys.items(), self.groups, strict=True
        ):
            at = indexes.get(key, 0)
            if axis.ordered:
                found[columns[0]] = at / max(1, len(axis.values) - 1)
            else:
                found[columns[at]] = math.sqrt(0.5)  # so that two values are 1 apart
        return found


class _Improver:
    """Proposes the candidate with the largest expected improvement; every so often, none."""

    def __init__(
        self, lattice: Lattice, seed: int, model: Model, every: int = 0
    ) -> None:
        self._model, self._every, self._coding = model, every, _Coding(lattice)
        dealt = itertools.islice(spread_points(lattice, seed + 1), CANDIDATES)
        coded = [
            (point, row)
            for point in dealt
            if (row := self._coding.row(point)) is not None
        ]
        self._points, self._rows = (
            [point for point, _ in coded],
            np.array([row for _, row in coded]),
        )
        self._open = np.ones(len(coded), dtype=bool)
        self._places = {point: i for i, point in enumerate(self._points)}
        self._seen: list[tuple[Array, float]] = []
        self._told = 0

    def learn(self, observation: Observation) -> None:
        self._told += 1
        self._close(observation.point)
        row = self._coding.row(observation.point)
        if is_scored(observation) and row is not None:
            self._seen.append((row, observation.score))

    def propose(self, asked: int) -> Point | None:
        if (
            len(self._seen) < 2
            or not self._open.any()
            or (self._every and (self._told + asked) % self._every)
        ):
            return None
        rows, values = (
            np.array([row for row, _ in self._seen]),
            np.array([value for _, value in self._seen]),
        )
        # The newest, and the best of all.
        kept = sorted({*range(len(values))[-NEWEST:], int(values.argmax())})
        mean, deviation = self._model.predict(
            rows[kept], values[kept], np.vstack([self._rows, rows[kept]])
        )
        split = len(self._rows)
        # Scores are noisy: what is to be improved on is the best of the smoothed ones.
        gain = improvement(mean[:split], deviation[:split], float(mean[split:].max()))
        best = int(np.where(self._open, gain, -np.inf).argmax())
        self._close(self._points[best])
        return self._points[best]

    def _close(self, point: Point) -> None:
        if point in self._places:
            self._open[self._places[point]] = False


def improvement(mean: Array, deviation: Array, best: float) -> Array:
    """The expected improvement of normal values on the best."""
    spread = np.maximum(deviation, 1e-9)
    z = (mean - best) / spread
    below = 0.5 * (
        1 + np.array([math.erf(value / math.sqrt(2)) for value in z.tolist()])
    )
    return np.asarray(
        spread * (z * below + np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi))
    )


class Process:
    """A Gaussian process with a length for each kind of column, all picked from a few by their
    likelihood.

    Args:
        groups: the columns of each axis.
    """

    LENGTHS = (0.3, 1.0, 3.0)
    NOISES = (0.03, 0.3)

    def __init__(self, groups: Sequence[Sequence[int]]) -> None:
        kinds = {
            False: [c for g in groups if len(g) == 1 for c in g],
            True: [c for g in groups if len(g) > 1 for c in g],
        }
        self._kinds = [columns for columns in kinds.values() if columns]

    def predict(self, rows: Array, values: Array, others: Array) -> tuple[Array, Array]:
        """Mean and deviation of other rows, in the units of the values."""
        centre, scale = float(values.mean()), float(values.std()) or 1.0
        targets = (values - centre) / scale
        own = [_squares(rows[:, columns], rows[:, columns]) for columns in self._kinds]
        far = [
            _squares(others[:, columns], rows[:, columns]) for columns in self._kinds
        ]
        found = []
        for lengths in itertools.product(self.LENGTHS, repeat=len(self._kinds)):
            alike = _matern(own, lengths)
            for noise in self.NOISES:
                root = np.linalg.cholesky(
                    (1 - noise) * alike + (noise + 1e-6) * np.eye(len(rows))
                )
                half = np.linalg.solve(root, targets)
                likelihood = -0.5 * float(half @ half) - float(
                    np.log(np.diag(root)).sum()
                )
                found.append((likelihood, lengths, noise, root, half))
        _, lengths, noise, root, half = max(found, key=lambda one: one[0])
        across = np.linalg.solve(root, (1 - noise) * _matern(far, lengths).T)
        variance = np.maximum(1e-9, (1 - noise) - (across**2).sum(axis=0))
        return centre + scale * (across.T @ half), scale * np.sqrt(variance)


def _squares(ones: Array, others: Array) -> Array:
    return np.asarray(((ones[:, None, :] - others[None, :, :]) ** 2).sum(axis=2))


def _matern(squares: Sequence[Array], lengths: Sequence[float]) -> Array:
    distance = np.sqrt(
        5
        * np.add.reduce(
            [s / length**2 for s, length in zip(squares, lengths, strict=True)]
        )
    )
    return np.asarray((1 + distance + distance**2 / 3) * np.exp(-distance))


class Leaf(NamedTuple):
    """The end of a branch of a tree: the mean and variance of its values."""

    mean: float
    variance: float


class Split(NamedTuple):
    """A node of a tree: rows whose column is at most the value go one way, others the other."""

    column: int
    value: float
    low: Split | Leaf
    high: Split | Leaf


class Forest:
    """A small random forest: trees on resampled rows, each split the best of a few columns at a
    random value.
    """

    TREES = 10
    LEAST = 3
    TRIED = 6

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def predict(self, rows: Array, values: Array, others: Array) -> tuple[Array, Array]:
        """Mean and deviation of other rows, over the trees and within their leaves."""
        rng = np.random.default_rng([self._seed, len(values)])
        means, variances = np.zeros((2, self.TREES, len(others)))
        for mean, variance in zip(means, variances, strict=True):
            drawn = rng.integers(len(rows), size=len(rows))
            tree = self._grow(rows[drawn], values[drawn], rng)
            _fill(tree, others, np.arange(len(others)), mean, variance)
        spread = means.var(axis=0) + variances.mean(axis=0)
        return means.mean(axis=0), np.sqrt(spread)

    def _grow(
        self, rows: Array, values: Array, rng: np.random.Generator
    ) -> Split | Leaf:
        leaf = Leaf(float(values.mean()), float(values.var()))
        if len(values) < 2 * self.LEAST or leaf.variance == 0:
            return leaf
        best: tuple[float, int, float] | None = None
        for column in rng.permutation(rows.shape[1])[: self.TRIED].tolist():
            low, high = rows[:, column].min(), rows[:, column].max()
            at = float(rng.uniform(low, high))
            below = rows[:, column] <= at
            count = int(below.sum())
            if self.LEAST <= count <= len(values) - self.LEAST:
                left = float(
                    values[below].var() * count
                    + values[~below].var() * (len(values) - count)
                )
                best = min(best or (math.inf, 0, 0.0), (left, column, at))
        if best is None:
            return leaf
        below = rows[:, best[1]] <= best[2]
        parts = [self._grow(rows[side], values[side], rng) for side in (below, ~below)]
        return Split(best[1], best[2], parts[0], parts[1])


def _fill(
    tree: Split | Leaf, rows: Array, places: np.ndarray, mean: Array, variance: Array
) -> None:
    if isinstance(tree, Leaf):
        mean[places], variance[places] = tree
        return
    below = rows[places, tree.column] <= tree.value
    _fill(tree.low, rows, places[below], mean, variance)
    _fill(tree.high, rows, places[~below], mean, variance)
