"""The most trivial rival: always answering the most frequent target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tune.study.record import RunRecord
from tune.task.example import Example, to_text


def majority_class(record: RunRecord) -> tuple[str, float | None]:
    """Return the most frequent target of the holdout, and the score of always answering it.

    It is empty unless the targets are a few labels.
    """
    plan = record.plan
    # A judge would have to be paid for these scores; a metric over all answers has no single one.
    if plan.metric.costs or plan.metric.over_responses:
        return "", None
    holdout = plan.split.holdout
    # Positions count through the tuning examples first.
    first = len(plan.split.tuning)
    weights = [1.0] * len(holdout)
    if plan.metric.weigh is not None:
        weights = list(map(plan.metric.weigh, holdout))
    found: list[tuple[str, float]] = []
    for label in _rivals(holdout):
        scores = []
        for position in range(first, first + len(holdout)):
            scores.append(record.reader.scores.of(label, position))
        # Scores are multiplied by their weights, as in a reading.
        found.append((label, float(np.sum(scores) / np.sum(weights))))
    if not found:
        return "", None
    return max(found, key=lambda rival: float(record.problem.quality(rival[1])))


def _rivals(holdout: Sequence[Example]) -> list[str]:
    """Return the most frequent target, and the most frequent item of targets that are lists.

    Some metrics want one item of a list, and others want the whole list.
    """
    targets = [example.target for example in holdout if example.target is not None]
    lists = [target for target in targets if isinstance(target, list | tuple)]
    # An item that a list holds twice counts once.
    items = [item for target in lists for item in dict.fromkeys(map(to_text, target))]
    found = []
    for counts in (_counted(targets), _counted(items)):
        # Where most targets differ, they are texts and no labels.
        if counts and len(counts) <= len(holdout) / 2:
            found.append(counts.most_common(1)[0][0])
    return found


def _counted(targets: Iterable[Any]) -> Counter[str]:
    return Counter(to_text(target) for target in targets)
