"""Sums and sizes of clusters of scores: clusters are independent, rows are not."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Clusters:
    """Scores by what belongs together.

    Attributes:
        sums: of the scores of each cluster, each times its weight.
        sizes: the weights of each cluster, added up: how many scores there are, where all weigh 1.
        squares: of the distances of all scores from the mean of their cluster, added up.
    """

    sums: npt.NDArray[np.float64]
    sizes: npt.NDArray[np.float64]
    squares: float

    @classmethod
    def of(
        cls,
        scores: npt.NDArray[np.float64],
        labels: Sequence[Hashable] | None,
        weights: npt.NDArray[np.float64] | None = None,
    ) -> Clusters:
        """Scores with one label each; each is a cluster of its own where there are no labels.

        Scores that weigh differently are taken for copies within a cluster: how alike they are is
        only known of equal ones.
        """
        if labels is None:
            sizes = np.ones_like(scores) if weights is None else weights
            return cls(scores * sizes, sizes, 0.0)
        number: dict[Hashable, int] = {}
        # Labels may be anything hashable; numpy counts numbers.
        index = np.array([number.setdefault(label, len(number)) for label in labels])
        if weights is not None:
            sums = np.bincount(index, scores * weights).astype(float)
            return cls(sums, np.bincount(index, weights).astype(float), 0.0)
        sums, sizes = (
            np.bincount(index, scores).astype(float),
            np.bincount(index).astype(float),
        )
        return cls(sums, sizes, float(((scores - (sums / sizes)[index]) ** 2).sum()))

    @property
    def likeness(self) -> float:
        """Intraclass correlation of the rows of a cluster: 0 (as any rows) to 1 (copies).

        The estimate is that of an analysis of variance (Donner 1986). It is 1 if all rows of each
        cluster are equal, which tells nothing.
        """
        count, rows = len(self.sums), float(self.sizes.sum())
        # Without any spread inside clusters, rows may be copies. That is the careful assumption.
        if self.squares == 0 or count == 1:
            return 1.0
        means, mean = self.sums / self.sizes, float(self.sums.sum()) / rows
        # Mean squares between and within clusters.
        between = float((self.sizes * (means - mean) ** 2).sum()) / (count - 1)
        within = self.squares / (rows - count)
        size = (rows - float(self.sizes @ self.sizes) / rows) / (count - 1)
        return min(1.0, max(0.0, (between - within) / (between + (size - 1) * within)))

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
        alike = 1 - (1 - self.likeness) / (1 + belief / len(self.sums))
        rows, effects = float(self.sizes.sum()), 1 + (self.sizes - 1) * alike
        of_clusters = rows / float((self.sizes / effects).sum())
        of_rows = float((self.sizes * effects).sum()) / rows
        return math.sqrt(of_clusters * of_rows)

    @property
    def count(self) -> float:
        """Effective number of clusters: smaller than their number if one holds many of the rows."""
        rows = float(self.sizes.sum())
        return rows * rows / float(self.sizes @ self.sizes)


def largest_of_each(
    values: npt.NDArray[np.float64], labels: Sequence[Hashable] | None
) -> npt.NDArray[np.float64]:
    """Return the largest value of each cluster; all of them where there are no labels."""
    if labels is None:
        return values
    largest: dict[Hashable, float] = {}
    for label, value in zip(labels, values.tolist(), strict=True):
        largest[label] = max(value, largest.get(label, value))
    return np.array(list(largest.values()))
