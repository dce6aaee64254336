"""Records of answers that are read wrongly, each beside its target."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """An answer beside its target.

    Attributes:
        example: the example's id.
        text: the model's text; its middle is left out if it is long.
        answer: the answer that was found in it, or "".
        target: the right answer.
    """

    example: str
    text: str
    answer: str
    target: str


@dataclass(frozen=True, slots=True)
class Unread:
    """A prompt with nearly all answers at the metric's worst score.

    Attributes:
        prompt: its name.
        answers: the number of answers that were looked at.
        worst: the number of them with the worst score.
        extracted: the number of them in which an answer was found.
        empty: the number of them without any text.
        standing: the number of them whose text holds the target.
        samples: a few answers beside their targets.
        rule: an answer rule that reads the same texts better, as JSON; "" if none was found.
        rule_score: the mean score that it would give.
        misread: True if the answers are read wrongly; False if they are merely wrong.
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
