"""The best of k answers, and the spread over repeated splits: records, and their sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tune.report.text import count, number, table, with_limits
from tune.stats.intervals import Interval


@dataclass(frozen=True, slots=True)
class PassAtK:
    """The score of the best of k answers: an upper bound, because picking it needs the targets.

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


def pass_at_k_section(pass_at_k: Sequence[PassAtK]) -> str:
    """Return the section of `report.md` on the best of k answers; "" without numbers."""
    if not pass_at_k:
        return ""
    note = (
        "The best of k answers of the winner's settings, on tuning examples. It is an oracle: only "
        "somebody who knows the target, or can test the answers, gets it. It bounds what a better "
        "way of choosing could reach."
    )
    # Intervals rest on those examples alone that have k draws, so each row names their number.
    rows = []
    for oracle in pass_at_k:
        quality = oracle.quality
        rows.append([f"pass@{oracle.k}", with_limits(quality), f"{quality.n:,}"])
    header = ["", "score (95 %)", "tuning examples"]
    return "\n\n".join(["## pass@k, an oracle", note, table(header, rows)])


def repeats_section(repeats: RepeatedSplits | None) -> str:
    """Return the section of `report.md` on repeated splits; "" if the user did not ask for it."""
    if repeats is None:
        return ""
    # The search may not have had the baseline on the same examples.
    gain = ""
    if repeats.difference is not None and repeats.difference_deviation is not None:
        gain = (
            f" The difference to the baseline is {number(repeats.difference)} there, with a "
            f"standard deviation of {number(repeats.difference_deviation)}."
        )
    note = (
        f"In {count(repeats.repetitions, 'random split')} of the tuning examples, the "
        "configuration was chosen on one half and judged on the other. Its score is "
        f"{number(repeats.quality)} on average, with a standard deviation of "
        f"{number(repeats.quality_deviation)}.{gain} {repeats.same_choice:.0%} of the splits chose "
        "the same one."
    )
    return f"## Repeated splits\n\n{note}"
