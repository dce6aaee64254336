"""The most trivial rival: always answering the most frequent target."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tune.study.record import RunRecord


def majority_class(record: RunRecord) -> tuple[str, float | None]:
    """Return the most frequent target of the holdout, and the score of always answering it.

    It is empty unless the targets are a few labels.
    """
    plan = record.plan
    # A judge would have to be paid for these scores; a metric over all answers has no single one.
    if plan.metric.costs or plan.metric.over_responses:
        return "", None
    holdout = plan.split.holdout
    counts = Counter(
        str(example.target) for example in holdout if example.target is not None
    )
    # Where most targets differ, they are texts and no labels.
    if not counts or len(counts) > len(holdout) / 2:
        return "", None
    label = counts.most_common(1)[0][0]
    # Positions count through the tuning examples first.
    first = len(plan.split.tuning)
    scores, weights = [], []
    for position, example in enumerate(holdout, start=first):
        scores.append(record.reader.scores.of(label, position))
        weights.append(1.0 if plan.metric.weigh is None else plan.metric.weigh(example))
    # Scores are multiplied by their weights, as in a reading.
    return label, float(np.sum(scores) / np.sum(weights))
