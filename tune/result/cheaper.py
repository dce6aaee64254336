"""A much cheaper configuration that the data do not show to be worse than the winner."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from tune.pricing.amounts import dollars
from tune.readout import Reading
from tune.report.text import count, describe_config, with_limits
from tune.result.evidence import Evidence
from tune.result.frontier import FEW_SHARE, FEWEST
from tune.space import Config
from tune.stats.intervals import Interval, verdict
from tune.strategies import Selection
from tune.study.record import RunRecord
from tune.study.stop_reasons import PAUSES

MUCH_CHEAPER = 1 / 3
"""A much cheaper configuration costs at most this share of what the winner costs."""


class _Pair(NamedTuple):
    """The winner and a cheaper configuration, on examples that both answered.

    Attributes:
        loss: how much better the winner scores on average.
        cost: dollars per request of the cheaper one.
        winner: the winner's reading.
        other: the reading of the cheaper one.
        holdout: whether both met the holdout.
    """

    loss: float
    cost: float
    winner: Reading
    other: Reading
    holdout: bool


def cheaper_notice(record: RunRecord, evidence: Evidence) -> list[str]:
    """Name a much cheaper configuration that cannot be told apart from the winner.

    Of all that cost little enough, it is the one that scores best on the examples that the winner
    has answered as well. If the winner is shown to be better than that one, nothing is said.
    """
    selection = record.selection
    # The goal "cheapest" has its own rule for what is good enough, and seconds are no dollars.
    if selection is None or record.plan.goal == "cheapest" or record.time is not None:
        return []
    # Over the limit, the winner is no recommendation.
    if record.problem.limit_use(selection.shown) > 1.0:
        return []
    pairs = _pairs(record, selection)
    if not pairs:
        return []
    best = min(pairs, key=lambda pair: (round(pair.loss, 9), pair.cost))
    difference = evidence.difference(best.winner, best.other, holdout=best.holdout)
    larger_is_better = record.plan.metric.larger_is_better
    if (
        difference is None
        or verdict(difference, larger_is_better=larger_is_better) == "better"
    ):
        return []
    return [_sentence(best, difference)]


def _sentence(pair: _Pair, difference: Interval) -> str:
    kind, chosen = "tuning example", ", by which it was picked"
    if pair.holdout:
        kind, chosen = "holdout example", ""
    return (
        f"A much cheaper configuration may be as good: {describe_config(pair.other.config)} costs "
        f"{dollars(pair.cost)} per request and the winner {dollars(pair.winner.cost)}, and the "
        f"data do not show that the winner is better: on the same {count(difference.n, kind)}"
        f"{chosen}, the difference is {with_limits(difference)}."
    )


def _pairs(record: RunRecord, selection: Selection) -> list[_Pair]:
    """Return the winner beside each configuration that is much cheaper and can be compared."""
    met = _met(record)
    config = selection.shown.config
    searched = None if selection.extrapolated else selection.reading
    tested = met.get(config)
    most = MUCH_CHEAPER * (tested or selection.shown).cost
    # Nothing is cheaper than a winner that is free.
    if not most > 0:
        return []
    found: list[_Pair] = []
    for standing in record.standings.values():
        for reading in standing.whole():
            other = met.get(reading.config)
            # The holdout does not flatter, so it goes before tuning examples.
            holdout = other is not None and tested is not None
            ours, theirs = (tested, other) if holdout else (searched, reading)
            if ours is None or theirs is None or not theirs.cost <= most:
                continue
            if record.problem.limit_use(theirs) > 1.0:
                continue
            gain = ours.difference(theirs)
            if not math.isfinite(gain.mean) or gain.n_examples < _fewest(ours):
                continue
            loss = gain.mean if record.plan.metric.larger_is_better else -gain.mean
            found.append(_Pair(loss, theirs.cost, ours, theirs, holdout))
    return found


def _fewest(winner: Reading) -> float:
    """Return the examples that must be common: a few would tell nothing apart."""
    return max(FEWEST, FEW_SHARE * winner.n_examples)


def _met(record: RunRecord) -> Mapping[Config, Reading]:
    """Return the readings on the holdout, also those off draws of other configurations."""
    # Half a holdout is not looked at.
    if record.stopped in PAUSES:
        return {}
    found = dict(record.holdout)
    for shared in record.holdout_shared.values():
        for reading in shared:
            found.setdefault(reading.config, reading)
    return found
