"""Sums and sizes of clusters of scores: clusters are independent, rows are not."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from tune.stats.arrays import Array, IntArray, Labels


@dataclass(frozen=True, slots=True)
class Clusters:
    """Scores by the cluster that they belong to.

    Attributes:
        sums: of the scores of each cluster, each times its weight.
        sizes: of the weights of each cluster; the number of its scores if all weigh 1.
        squares: the sum of squared distances of the scores from the mean of their cluster.
    """

    sums: Array
    sizes: Array
    squares: float

    @classmethod
    def of(
        cls,
        scores: Array,
        labels: Labels | None,
        weights: Array | None = None,
    ) -> Clusters:
        """Return the clusters of scores with one label each; without labels each is its own.

        Scores with weights count as copies within a cluster: their correlation is only known if all
        weights are equal.
        """
        if labels is None:
            sizes = weights
            if sizes is None:
                sizes = np.ones_like(scores)
            return cls(scores * sizes, sizes, 0.0)
        index = number_clusters(labels)
        if weights is not None:
            sums = np.bincount(index, scores * weights).astype(float)
            sizes = np.bincount(index, weights).astype(float)
            return cls(sums, sizes, 0.0)
        sums = np.bincount(index, scores).astype(float)
        sizes = np.bincount(index).astype(float)
        means = sums / sizes
        squares = (scores - means[index]) ** 2
        return cls(sums, sizes, float(squares.sum()))

    @property
    def likeness(self) -> float:
        """Intraclass correlation of the rows of a cluster: 0 (as any rows) to 1 (copies).

        The estimate is that of an analysis of variance (Donner 1986). It is 1 if all rows of each
        cluster are equal, which tells nothing.
        """
        count = len(self.sums)
        rows = float(self.sizes.sum())
        # Without any spread inside clusters, rows may be copies. That is the careful assumption.
        if self.squares == 0 or count == 1:
            return 1.0
        means = self.sums / self.sizes
        mean = float(self.sums.sum()) / rows
        # Mean squares between and within clusters.
        distances = (means - mean) ** 2
        between = float((self.sizes * distances).sum()) / (count - 1)
        within = self.squares / (rows - count)
        # Donner's size: the mean size of a cluster, less for unequal sizes.
        of_average_row = float(self.sizes @ self.sizes) / rows
        size = (rows - of_average_row) / (count - 1)
        total = between + (size - 1) * within
        correlation = (between - within) / total
        return min(1.0, max(0.0, correlation))

    def rows_together(self, belief: float) -> float:
        """Return the number of rows of an unseen cluster that count as one.

        It is 1 if rows have nothing in common, and the size of a cluster if they are copies. For
        clusters of different sizes it is the geometric mean of two sizes: that of an average
        cluster, and that of the cluster of an average row. The first alone ignores that one cluster
        may decide half of the mean (with 61 clusters, one with 40 % of the rows, intervals covered
        84 %). The second alone is far too wide if rows are not copies.

        Args:
            belief: the weight, in clusters, of the prior that rows are copies; inf keeps the prior.
        """
        # The prior is the stronger, the fewer clusters there are.
        prior = belief / len(self.sums)
        alike = 1 - (1 - self.likeness) / (1 + prior)
        rows = float(self.sizes.sum())
        # Design effect of each cluster: its variance over that of independent rows (Kish 1965).
        effects = 1 + (self.sizes - 1) * alike
        independent = self.sizes / effects
        of_clusters = rows / float(independent.sum())
        copies = self.sizes * effects
        of_rows = float(copies.sum()) / rows
        return math.sqrt(of_clusters * of_rows)

    @property
    def count(self) -> float:
        """Effective number of clusters (Kish 1965): smaller if one holds many of the rows."""
        rows = float(self.sizes.sum())
        return rows * rows / float(self.sizes @ self.sizes)


def largest_of_each(values: Array, labels: Labels | None) -> Array:
    """Return the largest value of each cluster; all values if there are no labels."""
    if labels is None:
        return values
    index = number_clusters(labels)
    largest = np.full(index.max(initial=-1) + 1, -math.inf)
    np.maximum.at(largest, index, values)
    return largest


def number_clusters(labels: Labels) -> IntArray:
    """Return a number from 0 for each label, in the order in which labels first appear."""
    if isinstance(labels, np.ndarray):
        return _renumbered(labels)
    # Labels may be anything, and numpy counts numbers.
    number: dict[Hashable, int] = {}
    found = [number.setdefault(label, len(number)) for label in labels]
    return np.array(found, dtype=np.int64)


def _renumbered(labels: IntArray) -> IntArray:
    """Return numbers without a gap in place of others. A loop takes ten times as long."""
    # Most often each row is a cluster of its own, and the labels rise.
    if (labels[1:] > labels[:-1]).all():
        return np.arange(len(labels))
    largest = int(labels.max())
    if labels.min() >= 0 and largest <= 4 * len(labels):
        return _renumbered_small(labels, largest)
    _, first, index = np.unique(labels, return_index=True, return_inverse=True)
    place = np.empty_like(first)
    place[np.argsort(first)] = np.arange(len(first))
    return place[index]


def _renumbered_small(labels: IntArray, largest: int) -> IntArray:
    """Do the same for labels from 0 to the largest, without sorting the rows."""
    count = len(labels)
    first = np.full(largest + 1, count)
    # Backwards, because the last of several assignments to one place stays.
    first[labels[::-1]] = np.arange(count - 1, -1, -1)
    by_appearance = np.argsort(first)
    place = np.empty(largest + 1, dtype=np.int64)
    place[by_appearance] = np.arange(largest + 1)
    return place[labels]
