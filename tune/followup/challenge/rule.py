"""The verdict on a config of a new model: better than its rival, or not better by the margin.

Two sentences are tested after every pair of scores: "it is not better than the rival" and "it is
better by the margin or more". The tests are bets that may be looked at as often as one likes
(`tune.stats.confidence_sequences`). The first sentence that falls is the answer. With several
rivals, the config must beat them all to enter, and falling short of one keeps it out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tune.followup.challenge.result import EntryDecision
from tune.followup.challenge.rivals import Rival
from tune.stats.betting import log_evidence_below
from tune.stats.confidence_sequences import SequentialResult, paired_sequential_test
from tune.stats.intervals import Interval
from tune.task.metrics import Metric


@dataclass(frozen=True, slots=True)
class EntryRule:
    """Decides by the scores of a config and of a rival on the same examples.

    Attributes:
        low: the smallest score.
        high: the largest score.
        larger_is_better: the metric's direction.
        margin: how much better the config must be to matter, in the metric's scale.
        alpha: how often "enters" may be wrong.
        beta: how often "does not enter" may be wrong.
    """

    low: float
    high: float
    larger_is_better: bool
    margin: float
    alpha: float
    beta: float

    @classmethod
    def of(
        cls,
        metric: Metric,
        *,
        margin: float,
        alpha: float,
        beta: float,
        finalists: int = 1,
        rivals: int = 1,
    ) -> EntryRule:
        """Return the rule for each of several finalists, against each of its rivals.

        One finalist that enters decides, so each finalist gets its share of alpha. "Does not enter"
        takes all finalists. It is wrong only where the finalist that should have entered was turned
        down, so that one may err as often as beta. With rivals it is the other way round: one that
        the config falls short of decides, so each rival gets its share of beta.
        """
        return cls(
            low=metric.low,
            high=metric.high,
            larger_is_better=metric.larger_is_better,
            margin=margin * (metric.mean_high - metric.low),
            alpha=alpha / finalists,
            beta=beta / rivals,
        )

    @property
    def enough(self) -> int:
        """The number of pairs that is enough to compare with a rival.

        It is twice the pairs that keep out a config with the rival's own scores. Configs that are
        no better differ on some examples, and need more pairs.
        """
        span, wanted = self.high - self.low, math.log(1 / self.beta)
        evidence = np.zeros(1)
        # Doubling finds the number of pairs in a few steps; the evidence is only known after
        # computing.
        while evidence[-1] < wanted:
            alike = np.zeros(2 * len(evidence))
            evidence = log_evidence_below(
                alike, self.margin, difference=self.margin, low=-span, high=span
            )
        return 2 * (int(np.argmax(evidence >= wanted)) + 1)

    def decide(
        self, scores: Sequence[float], rivals: Sequence[float]
    ) -> tuple[EntryDecision, Interval]:
        """Return the decision, and the mean difference with limits that hold at every look."""
        # Two hypotheses: "not better than the rival" and "better by the margin or more".
        near = self._look(scores, rivals, 0.0)
        if self.larger_is_better:
            far = self._look(scores, rivals, self.margin)
            better, short = near.p_above, far.p_below
        else:
            far = self._look(scores, rivals, -self.margin)
            better, short = near.p_below, far.p_above
        if better <= self.alpha:
            return "enters", near.interval
        if short <= self.beta:
            return "does not enter", near.interval
        return "undecided", near.interval

    def _look(
        self, scores: Sequence[float], rivals: Sequence[float], null: float
    ) -> SequentialResult:
        """Look at the differences of paired scores; `null` is the difference in question."""
        # Each limit of the interval has the error rate of the answer that it decides.
        alpha, beta = self.beta, self.alpha
        if not self.larger_is_better:
            alpha, beta = self.alpha, self.beta
        return paired_sequential_test(
            scores,
            rivals,
            null=null,
            difference=self.margin,
            low=self.low,
            high=self.high,
            alpha=alpha,
            beta=beta,
        )


@dataclass(frozen=True, slots=True)
class PairedResult:
    """The comparison with one rival so far."""

    rival: Rival
    answer: EntryDecision
    pairs: Interval


def compare_pairs(
    rule: EntryRule,
    scores: Mapping[int, float],
    bought: Sequence[int],
    rivals: Sequence[Rival],
) -> tuple[EntryDecision, list[PairedResult]]:
    """Compare a config with all its rivals.

    Args:
        rule: decides on the pairs with one rival.
        scores: of the new config, by position.
        bought: positions in the order in which they were bought, which is the order of the bets.
        rivals: the configs to beat.

    Returns:
        The answer, and the comparison with each rival, the one that decides first.
    """
    looks = []
    for rival in rivals:
        # The new model may have left an example unanswered, and so may the rival.
        both = [p for p in bought if p in scores and p in rival.scores]
        own = [scores[p] for p in both]
        other = [rival.scores[p] for p in both]
        answer, pairs = rule.decide(own, other)
        looks.append(PairedResult(rival, answer, pairs))
    # The config must beat all rivals, so the worst comparison decides.
    rank: Sequence[EntryDecision] = ("does not enter", "undecided", "enters")
    looks.sort(key=lambda look: (rank.index(look.answer), look.pairs.n))
    return looks[0].answer, looks


def unmet_examples(
    order: Sequence[int], bought: Sequence[int], looks: Sequence[PairedResult]
) -> list[int]:
    """Return the examples that tell more about rivals that are still undecided.

    Examples of the rival with the most scores come first.
    """
    there = set(bought)
    # A dict keeps the order and drops repeated positions.
    found: dict[int, None] = {}
    for look in sorted(looks, key=lambda look: -len(look.rival.scores)):
        if look.answer == "undecided":
            left = [p for p in order if p in look.rival.scores and p not in there]
            found.update(dict.fromkeys(left))
    return list(found)
