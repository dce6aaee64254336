"""Scores of answers to examples: each is made once, and the store keeps it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence

from tune.store.draws import Store
from tune.task.example import Example
from tune.task.metrics import Answer, Metric

EXAMPLE_KEY_DIGITS = 32
"""Hexadecimal digits of a hash that stand for an example in the store."""


class Scores:
    """The metric's scores of answers, in memory and in the store.

    Args:
        metric: scores an answer.
        examples: in the study's seeded order; a position counts in it.
        store: keeps scores between runs.
    """

    def __init__(
        self,
        metric: Metric,
        examples: Sequence[Example],
        store: Store,
    ) -> None:
        self.metric = metric
        self.examples = examples
        self._store = store
        self._scores: dict[tuple[int, Answer], float] = {}
        self._keys: dict[int, str] = {}

    def of(self, answer: Answer, position: int) -> float:
        """Return the metric's score of an answer to the example at a position.

        It is NaN where a judge has not scored the answer: not scored, and never bad.

        Raises:
            MetricError: the metric raised or left its bounds.
        """
        known = self.known(answer, position)
        if known is not None:
            return known
        # Reading asks no judge: that costs money, and only the evaluator spends any.
        if self.metric.costs:
            return math.nan
        score = self.metric.score(answer, self.examples[position])
        self.keep(answer, position, score)
        return score

    def known(self, answer: Answer, position: int) -> float | None:
        """Return the score of an answer if it was scored before, else None."""
        key = (position, answer)
        known = self._scores.get(key)
        if known is not None:
            return known
        example = self.example_key(position)
        stored = self._store.score(self.metric.identity, example, _stored_text(answer))
        if stored is not None:
            self._scores[key] = stored
        return stored

    def keep(
        self,
        answer: Answer,
        position: int,
        score: float,
    ) -> None:
        """Keep a score, in the store too unless it is NaN."""
        self._scores[position, answer] = score
        # NaN means "not scored": a later run may try again.
        if not math.isnan(score):
            example = self.example_key(position)
            text = _stored_text(answer)
            self._store.put_score(self.metric.identity, example, text, score)

    def flush(self) -> None:
        """Write the scores that wait for the store's next commit."""
        self._store.flush()

    def is_worst(self, answer: str, position: int) -> bool:
        """Return True if one answer has the metric's worst score.

        It is False where the metric judges several answers at once: one alone has no score there.
        """
        return (
            not self.metric.over_responses
            and self.of(answer, position) == self.metric.worst
        )

    def example_key(self, position: int) -> str:
        """Return the hash of all that the metric can see of an example."""
        if position not in self._keys:
            example = self.examples[position]
            seen = [
                example.id,
                dict(example.inputs),
                example.target,
                dict(example.metadata),
            ]
            text = json.dumps(seen, sort_keys=True, ensure_ascii=False, default=repr)
            # Data may hold lone surrogates, which UTF-8 does not encode by default.
            digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
            self._keys[position] = digest[:EXAMPLE_KEY_DIGITS]
        return self._keys[position]


def _stored_text(answer: Answer) -> str | None:
    """Return an answer as the store keys it: several answers are one JSON list."""
    if isinstance(answer, tuple):
        return json.dumps(answer, ensure_ascii=False)
    return answer
