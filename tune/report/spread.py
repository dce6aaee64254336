"""Records of the best of k answers, and of the spread over repeated splits."""

from __future__ import annotations

from dataclasses import dataclass

from tune.stats.intervals import Interval


@dataclass(frozen=True, slots=True)
class PassAtK:
    """How often one of k answers is right: an upper bound, because it needs the targets.

    Attributes:
        k: answers for each example.
        quality: the expected best score of k answers, on tuning examples.
    """

    k: int
    quality: Interval


@dataclass(frozen=True, slots=True)
class RepeatedSplits:
    """The spread of the result over random splits of the tuning examples, from bought draws.

    Attributes:
        repetitions: the number of splits; each selects on one half and tests on the other.
        quality: the mean quality of the selections on the other half.
        quality_deviation: its standard deviation over the splits.
        difference: the mean difference to the baseline there; None if the search did not have it.
        difference_deviation: its standard deviation.
        same_choice: the share of the splits with the most frequent selection.
    """

    repetitions: int
    quality: float
    quality_deviation: float
    difference: float | None
    difference_deviation: float | None
    same_choice: float
