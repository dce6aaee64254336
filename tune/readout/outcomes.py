"""Why answers are wrong: each answer of a config falls under one heading, and the headings are
counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass

from tune.completion import Completion
from tune.readout.token_rates import rates_of
from tune.readout.trial import Trial
from tune.readout.truncate import Cut, cut
from tune.space import Config

OFTEN = 0.05
"""A share of the answers above this is told."""

KINDS = ("wrong", "no_answer", "empty", "cut", "refused", "too_long", "failed")
"""Headings of answers that bring nothing, in the order in which they are shown."""

_CONFIG_FAILED = {"content_filter": "refused", "context_length": "too_long"}
"""Reasons for which a config cannot answer an example; every other one is a failure."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Counts of what became of the answers of a config.

    Attributes:
        answers: all of them. An example without an answer counts as many as the others have.
        wrong: an answer was found, and has the metric's worst score.
        no_answer: there is a text, but the answer rule finds nothing in it.
        empty: there is no text at all.
        cut: the text ended at max_tokens, and scores the worst or holds no answer.
        refused: a content filter withheld the answer or refused the prompt.
        too_long: the prompt does not fit into the model's context.
        failed: the service did not answer.
    """

    answers: int = 0
    wrong: int = 0
    no_answer: int = 0
    empty: int = 0
    cut: int = 0
    refused: int = 0
    too_long: int = 0
    failed: int = 0

    def share(self, kind: str) -> float:
        """The share of the answers under a heading."""
        return self.count(kind) / self.answers if self.answers else 0.0

    def count(self, kind: str) -> int:
        """The answers under a heading."""
        return int(getattr(self, kind))

    @property
    def often(self) -> tuple[str, ...]:
        """The headings that hold more than a few answers."""
        return tuple(kind for kind in KINDS if self.share(kind) > OFTEN)


def kind_of(said: Cut | Completion, answer: str | None, *, is_worst: bool) -> str:
    """The heading of one answer; "" where it scores more than the worst.

    Args:
        said: the text and how it ended.
        answer: what the answer rule found in it.
        is_worst: whether its score is the metric's worst.
    """
    if said.finish_reason == "content_filter":
        return "refused"
    if not said.text.strip():
        return "empty"
    if answer is not None and not is_worst:
        return ""
    if said.finish_reason == "length":
        return "cut"
    return "no_answer" if answer is None else "wrong"


def count_outcomes(
    trial: Trial,
    config: Config,
    *,
    answer: Callable[[Cut], str | None],
    is_worst: Callable[[str, int], bool],
    examples: Collection[int] | None = None,
) -> Outcomes:
    """Count what became of the answers of a config, from the draws of its trial.

    Args:
        trial: what was bought.
        config: a reading of it: its cap and its stop strings cut the texts.
        answer: takes the answer out of a cut text.
        is_worst: whether the answer to an example has the metric's worst score.
        examples: positions to count; all that the trial has by default.
    """
    found: Counter[str] = Counter()
    rates = rates_of(trial.draws, trial.measured)
    each = max((len(draws) for draws in trial.draws.values()), default=1)
    for position, draws in trial.draws.items():
        if examples is not None and position not in examples:
            continue
        if position in trial.config_failed or position in trial.unanswered:
            continue
        for draw in draws:
            said = cut(draw, config.max_tokens, config.stop, rates)
            text = answer(said)
            found[kind_of(said, text, is_worst=text is not None and is_worst(text, position))] += 1
    for position, reason in trial.config_failed.items():
        if examples is None or position in examples:
            found[_CONFIG_FAILED.get(reason, "failed")] += each
    for position, reason in trial.unanswered.items():
        if reason.startswith("service") and (examples is None or position in examples):
            found["failed"] += each
    return Outcomes(answers=found.total(), **{kind: found[kind] for kind in KINDS})
