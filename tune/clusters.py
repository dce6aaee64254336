"""Scores that belong together, as what an interval needs of them: whole clusters are what is few, not rows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Clusters:
    """Scores by what belongs together.

    Attributes:
        sums: of the scores of each cluster.
        sizes: how many there are in each.
        squares: of the distances of all scores from the mean of their cluster, added up.
    """

    sums: npt.NDArray[np.float64]
    sizes: npt.NDArray[np.float64]
    squares: float

    @classmethod
    def of(cls, scores: npt.NDArray[np.float64], labels: Sequence[Hashable] | None) -> Clusters:
        """Scores with one label each; each is a cluster of its own where there are no labels."""
        if labels is None:
            return cls(scores, np.ones_like(scores), 0.0)
        number: dict[Hashable, int] = {}
        index = np.array([number.setdefault(label, len(number)) for label in labels])
        sums, sizes = np.bincount(index, scores).astype(float), np.bincount(index).astype(float)
        return cls(sums, sizes, float(((scores - (sums / sizes)[index]) ** 2).sum()))

    @property
    def likeness(self) -> float:
        """How alike the rows of a cluster are, from 0 (as any rows) to 1 (copies): the intraclass correlation.

        The estimate is that of an analysis of variance (Donner 1986); 1 where no rows differ, which tells nothing.
        """
        count, rows = len(self.sums), float(self.sizes.sum())
        if self.squares == 0 or count == 1:
            return 1.0
        means, mean = self.sums / self.sizes, float(self.sums.sum()) / rows
        between = float((self.sizes * (means - mean) ** 2).sum()) / (count - 1)
        within = self.squares / (rows - count)
        size = (rows - float(self.sizes @ self.sizes) / rows) / (count - 1)
        return min(1.0, max(0.0, (between - within) / (between + (size - 1) * within)))

    def rows_together(self, belief: float) -> float:
        """How many rows count as one: an average cluster of copies, or 1 where rows have nothing in common.

        In between it is the design effect: by how much the variance of a sum is larger than that of single rows.

        Args:
            belief: that rows are copies, as much as so many clusters of copies would say; inf leaves no doubt.
        """
        alike = 1 - (1 - self.likeness) / (1 + belief / len(self.sums))
        return float(self.sizes.sum()) / float((self.sizes / (1 + (self.sizes - 1) * alike)).sum())
