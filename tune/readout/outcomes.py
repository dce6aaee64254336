"""Count why answers are wrong: wrong, no answer found, empty, cut, refused, too long, failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from tune.completion import Completion
from tune.readout.answers import answer_in
from tune.readout.token_rates import rates_of
from tune.readout.trial import Trial
from tune.readout.truncate import Cut, cut
from tune.space import Config
from tune.task.extract import Extractor

OFTEN = 0.05
"""A kind with a larger share of the answers is shown to the user."""

KINDS = (
    "wrong",
    "no_answer",
    "empty",
    "cut",
    "refused",
    "too_long",
    "failed",
)
"""Kinds of answers that bring nothing, in the order in which they are shown."""

_CONFIG_FAULTS = {
    "content_filter": "refused",
    "context_length": "too_long",
    "invalid_json": "no_answer",
}
"""Reasons why a config cannot answer an example, and their kinds. All others are failures."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Counts of the answers of a config by kind.

    Attributes:
        answers: all answers. An example without answers counts as many as the others have.
        wrong: an answer was found, and has the metric's worst score.
        no_answer: there is a text, but the answer rule finds nothing in it.
        empty: there is no text.
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
        """Return the share of the answers that are of this kind."""
        if not self.answers:
            return 0.0
        return self.count(kind) / self.answers

    def count(self, kind: str) -> int:
        """Return the number of answers of this kind."""
        return int(getattr(self, kind))

    @property
    def often(self) -> tuple[str, ...]:
        """The kinds that are shown to the user."""
        return tuple(kind for kind in KINDS if self.share(kind) > OFTEN)


def kind_of(said: Cut | Completion, answer: str | None, *, is_worst: bool) -> str:
    """Return the kind of one answer; "" where its score is above the worst.

    Args:
        said: the text and how it ended.
        answer: the answer that the answer rule found in it.
        is_worst: its score is the metric's worst.
    """
    if said.finish_reason == "content_filter":
        return "refused"
    # Before "cut": a model that spends its cap on hidden reasoning says nothing at all.
    if not said.text.strip():
        return "empty"
    if answer is not None and not is_worst:
        return ""
    if said.finish_reason == "length":
        return "cut"
    return "no_answer" if answer is None else "wrong"


RIGHT = -1
"""The number of an answer of no kind in `KINDS`."""


def kinds_of(
    draws: Mapping[int, Sequence[Completion]], extract: Extractor
) -> list[int]:
    """Return for each draw the place of its kind in `KINDS`, or `RIGHT`, by position.

    Scores play no part in it, so a wrong answer counts as a right one.
    """
    places = {kind: place for place, kind in enumerate(KINDS)}
    found: list[int] = []
    for position in sorted(draws):
        for draw in draws[position]:
            kind = kind_of(draw, answer_in(draw, extract), is_worst=False)
            found.append(places.get(kind, RIGHT))
    return found


def failure_kind(trial: Trial, position: int) -> str | None:
    """Return the kind of an example without answers; None if it has some.

    It is "" where the money did not reach the example: that is nobody's failure.
    """
    if position in trial.config_failed:
        return _CONFIG_FAULTS.get(trial.config_failed[position], "failed")
    if position in trial.unanswered:
        return "failed" if trial.unanswered[position].startswith("service") else ""
    return None


def count_outcomes(
    trial: Trial,
    config: Config,
    *,
    extract: Extractor,
    is_worst: Callable[[str, int], bool],
    examples: Collection[int] | None = None,
) -> Outcomes:
    """Count the answers of a config by kind, from the draws of its trial.

    Args:
        trial: the trial that the config is read off.
        config: its cap and its stop strings cut the texts.
        extract: takes the answer out of a cut text.
        is_worst: tells whether the answer to an example has the metric's worst score.
        examples: positions to count; by default all that the trial has.
    """
    found: Counter[str] = Counter()
    rates = rates_of(trial.draws, trial.measured)
    # An example without answers would otherwise weigh less than one with n wrong answers.
    each = max(map(len, trial.draws.values()), default=1)

    def is_counted(position: int) -> bool:
        return examples is None or position in examples

    for position, draws in trial.draws.items():
        if failure_kind(trial, position) is not None or not is_counted(position):
            continue
        for draw in draws:
            said = cut(draw, config.max_tokens, config.stop, rates)
            answer = answer_in(said, extract)
            worst = answer is not None and is_worst(answer, position)
            kind = kind_of(said, answer, is_worst=worst)
            found[kind] += 1
    for position in trial.config_failed.keys() | trial.unanswered.keys():
        failure = failure_kind(trial, position)
        if failure and is_counted(position):
            found[failure] += each
    # Right answers have the kind "", and count only among all answers.
    counts = {kind: found[kind] for kind in KINDS}
    return Outcomes(answers=found.total(), **counts)
