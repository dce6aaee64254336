"""The verdict on a config of a new model: better than its rival, or not better by the margin.

Two sentences are tested after every pair of scores, by bets that may be looked at as often as one
likes (`tune.stats.confidence_sequences`): "it is no better than the rival" and "it is better by the
margin or more". Whichever falls first is the answer. Of several rivals one that it falls short of
is enough, and to enter it has to beat them all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tune.followup.challenge.result import EntryDecision
from tune.followup.challenge.rivals import Rival
from tune.stats.confidence_sequences import log_evidence_below, paired_look
from tune.stats.intervals import Interval
from tune.task.metrics import Metric


@dataclass(frozen=True, slots=True)
class EntryRule:
    """When scores and a rival's scores on the same examples decide.

    Attributes:
        low: the least score.
        high: the largest.
        larger_is_better: the metric's direction.
        margin: how much better it would have to be to matter, in the metric's scale.
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
        """The rule for each of so many finalists, against each of its so many rivals.

        One finalist that enters makes the answer, so each gets its share of alpha. "Does not enter"
        takes all of them, and is wrong only where the one that should have entered was wrongly
        turned down: that one may err as often as beta. With the rivals it is the other way round:
        one that it falls short of is enough, so each gets its share of beta, and where it should
        not enter there is one that it is no better than.
        """
        distance = margin * (metric.mean_high - metric.low)
        return cls(
            metric.low,
            metric.high,
            metric.larger_is_better,
            distance,
            alpha / finalists,
            beta / rivals,
        )

    @property
    def enough(self) -> int:
        """So many pairs are enough to be paired on: twice those that show a twin, equal on each,
        not to enter.

        Others that are no better differ on some examples, and need the more.
        """
        span, wanted, found = self.high - self.low, math.log(1 / self.beta), np.zeros(1)
        while found[-1] < wanted:
            alike = np.zeros(2 * len(found))
            found = log_evidence_below(
                alike, self.margin, difference=self.margin, low=-span, high=span
            )
        return 2 * (int(np.argmax(found >= wanted)) + 1)

    def decide(
        self, scores: Sequence[float], rivals: Sequence[float]
    ) -> tuple[EntryDecision, Interval]:
        """What the pairs show; with their mean difference, whose limits hold at every look."""
        up = self.larger_is_better
        rates = (
            {"alpha": self.beta, "beta": self.alpha}
            if up
            else {"alpha": self.alpha, "beta": self.beta}
        )
        null = self.margin if up else -self.margin
        near, far = (
            paired_look(
                scores,
                rivals,
                null=at,
                difference=self.margin,
                low=self.low,
                high=self.high,
                **rates,
            )
            for at in (0.0, null)
        )
        if (near.p_above if up else near.p_below) <= self.alpha:
            return "enters", near.interval
        short = (far.p_below if up else far.p_above) <= self.beta
        return ("does not enter" if short else "undecided"), near.interval


@dataclass(frozen=True, slots=True)
class PairedResult:
    """What the pairs with one rival show so far."""

    rival: Rival
    answer: EntryDecision
    pairs: Interval


def compare_pairs(
    rule: EntryRule, scores: Mapping[int, float], bought: Sequence[int], rivals: Sequence[Rival]
) -> tuple[EntryDecision, list[PairedResult]]:
    """What the pairs with all rivals show, and with each, the one that the answer hangs on first.

    Args:
        rule: decides on the pairs with one rival.
        scores: of the new config, by position.
        bought: positions in the order in which they were bought, which is the order of the bets.
        rivals: those to be beaten.
    """
    looks = []
    for rival in rivals:
        both = [position for position in bought if position in scores and position in rival.scores]
        answer, pairs = rule.decide([scores[p] for p in both], [rival.scores[p] for p in both])
        looks.append(PairedResult(rival, answer, pairs))
    rank: Sequence[EntryDecision] = ("does not enter", "undecided", "enters")
    looks.sort(key=lambda look: (rank.index(look.answer), look.pairs.n))
    return looks[0].answer, looks


def unmet_examples(
    order: Sequence[int], bought: Sequence[int], looks: Sequence[PairedResult]
) -> list[int]:
    """The examples that tell more of those who are not beaten yet: of the one with the most pairs
    first.
    """
    there, found = set(bought), dict[int, None]()
    for look in sorted(looks, key=lambda look: -len(look.rival.scores)):
        if look.answer == "undecided":
            found.update(
                dict.fromkeys(p for p in order if p in look.rival.scores and p not in there)
            )
    return list(found)
