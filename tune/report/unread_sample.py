"""Records of answers that were not read rightly, each beside its target."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """An answer beside its target.

    Attributes:
        example: the example's id.
        text: what the model said, its middle left out where it is long.
        answer: what was taken out of it; "" where nothing was.
        target: what is wanted.
    """

    example: str
    text: str
    answer: str
    target: str


@dataclass(frozen=True, slots=True)
class Unread:
    """A prompt of which nearly all answers score the metric's worst value.

    Attributes:
        prompt: its name.
        answers: that were looked at.
        worst: of them, those that score the worst value.
        extracted: those in which an answer was found.
        empty: those without any text.
        standing: those in whose text the target stands.
        samples: a few of them beside their targets.
        rule: an answer rule that reads the same texts better, as JSON; "" where none was found.
        rule_score: the mean score that it would give.
        misread: whether the answers are not read rightly; False where they are merely wrong.
    """

    prompt: str
    answers: int
    worst: int
    extracted: int
    empty: int
    standing: int
    samples: tuple[Sample, ...] = ()
    rule: str = ""
    rule_score: float | None = None
    misread: bool = False
