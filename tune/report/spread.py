"""Records of what else the draws say: the best of k answers, and the spread over repeated splits."""

from __future__ import annotations

from dataclasses import dataclass

from tune.stats.intervals import Interval


@dataclass(frozen=True, slots=True)
class PassAtK:
    """How often one of k answers of the winner's settings is right: an oracle, which nobody can
    deploy.

    Attributes:
        k: answers of one example.
        quality: the expected best score of k answers, on tuning examples.
    """

    k: int
    quality: Interval


@dataclass(frozen=True, slots=True)
class RepeatedSplits:
    """The spread of the result over random splits of the tuning examples, read off draws that were
    bought.

    Attributes:
        repetitions: splits; each chooses on one half and judges on the other.
        quality: the mean quality of the choices on the examples that they were not chosen by.
        quality_deviation: its standard deviation over the splits.
        difference: the mean difference to the baseline there, or None where the search did not have
            it.
        difference_deviation: its standard deviation.
        same_choice: the share of the splits that chose what was chosen most often.
    """

    repetitions: int
    quality: float
    quality_deviation: float
    difference: float | None
    difference_deviation: float | None
    same_choice: float
