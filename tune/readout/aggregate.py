"""Aggregates: make one answer of n. Readings and deployed configurations use the same rules."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from tune.errors import MetricError, SpaceError
from tune.task.callables import import_object, reraise_as
from tune.task.example import Example

Extracted: TypeAlias = str | None
"""The answer in a text; None where the text holds none."""

Aggregate: TypeAlias = Callable[[Sequence[Extracted]], Extracted]
"""A choice among answers in the order drawn."""

BlindVerifier: TypeAlias = Callable[[str], float]
"""A judgement of an answer to one example. Larger is better."""

Verifier: TypeAlias = Callable[[str, Example], float]
"""A judgement of an answer without the target. Larger is better."""

Weight: TypeAlias = float | None
"""The confidence of one answer, from 0 to 1; None where it is not known."""

NO_VERIFIER = (
    'the aggregate "best" needs a verifier: a callable (answer, example) -> float'
)


def first(answers: Sequence[Extracted]) -> Extracted:
    """Return the answer drawn first, even if it is None."""
    return answers[0] if answers else None


def tied_votes(answers: Sequence[Extracted]) -> list[Extracted]:
    """Return every answer that is as frequent as any other, in the order drawn."""
    votes = Counter(answer for answer in answers if answer is not None)
    most = max(votes.values(), default=0)
    return [answer for answer, count in votes.items() if count == most]


def vote(answers: Sequence[Extracted]) -> Extracted:
    """Return the most frequent answer; among equals, the one drawn first. None does not vote."""
    votes = Counter(answer for answer in answers if answer is not None)
    # A Counter keeps the order drawn, and max takes the first of equals.
    return max(votes, key=votes.__getitem__, default=None)


def confident(answers: Sequence[Extracted], weights: Sequence[Weight]) -> Extracted:
    """Return the answer whose draws have the largest confidence together; among equals, the first.

    None does not vote. Where the confidence of a draw is not known, all draws count the same.
    """
    sums: dict[str, float] = {}
    for answer, weight in zip(answers, weights, strict=True):
        if weight is None:
            return vote(answers)
        if answer is not None:
            sums[answer] = sums.get(answer, 0.0) + weight
    # A dictionary keeps the order drawn, and max takes the first of equals.
    return max(sums, key=sums.__getitem__, default=None)


def best(answers: Sequence[Extracted], verify: BlindVerifier) -> Extracted:
    """Return the answer with the largest verdict; among equals, the one drawn first."""
    candidates = [answer for answer in answers if answer is not None]
    return max(candidates, key=verify, default=None)


AGGREGATES = ("first", "vote", "confident", "best", "any", "all")
"""The built-in aggregates by name.

"confident" is a vote that is weighted by how sure the model was of each answer; see
`tune.readout.confidence`.
"any" is an oracle: it takes the right answer if one of the n is right, which only the target can
tell. "all" hands every answer back, and a metric over all responses judges them together.
"""

DEPLOYABLE = frozenset(AGGREGATES) - {"any"}
"""The built-in aggregates that need no target, so that an agent can use them."""


def deployable(aggregate: str) -> bool:
    """Return whether an aggregate works without the target.

    A user's own aggregate does: it sees only the answers.
    """
    return aggregate in DEPLOYABLE or ":" in aggregate


def parse_aggregate(aggregate: str | Aggregate) -> str | Aggregate:
    """Check the name of an aggregate, and load one that is given as `"module:attribute"`.

    Raises:
        SpaceError: there is no such aggregate.
    """
    if isinstance(aggregate, str) and ":" in aggregate:
        aggregate = import_object(aggregate, "aggregate")
    if isinstance(aggregate, str):
        if aggregate in AGGREGATES:
            return aggregate
        raise SpaceError(
            f"there is no aggregate {aggregate!r}: there are {list(AGGREGATES)}, "
            "or give module:attribute"
        )
    if not callable(aggregate):
        raise SpaceError(
            f"an aggregate is a callable from answers to one answer, but got {aggregate!r}"
        )
    return aggregate


def choose(
    aggregate: str | Aggregate,
    answers: Sequence[Extracted],
    *,
    verifier: BlindVerifier | None = None,
    weights: Sequence[Weight] = (),
) -> Extracted:
    """Return the answer of a deployed config.

    Args:
        aggregate: "first", "vote", "confident", "best", a callable, or `"module:attribute"`.
        answers: in the order drawn; None where a text holds no answer.
        verifier: for "best": the verdict on an answer; see `blind`.
        weights: for "confident": the confidence of each answer.

    Raises:
        SpaceError: there is no such aggregate, it needs a verifier, it is the oracle "any", or it
            hands back all answers.
        MetricError: a callable of the user raised, or returned something else than an answer.
    """
    rule = parse_aggregate(aggregate)
    # A deployed config has no target for the one, and no metric over all answers for the other.
    if rule == "any":
        raise SpaceError(
            'the aggregate "any" knows the target, so no answer can be chosen by it: '
            'use "vote" or "best"'
        )
    if rule == "all":
        raise SpaceError(
            'the aggregate "all" hands back every answer, so there is none to choose'
        )
    if rule == "best":
        if verifier is None:
            raise SpaceError(NO_VERIFIER)
        return best(answers, verifier)
    if rule == "vote":
        return vote(answers)
    if rule == "confident":
        return confident(answers, weights)
    if isinstance(rule, str):
        return first(answers)
    return call_aggregate(rule, answers)


def call_aggregate(aggregate: Aggregate, answers: Sequence[Extracted]) -> Extracted:
    """Return the choice of a user's own aggregate.

    Raises:
        MetricError: it raised, or returned something else than an answer or None.
    """
    name = getattr(aggregate, "__name__", aggregate)
    with reraise_as(MetricError, f"the aggregate {name!r} raised on {list(answers)}"):
        chosen = aggregate(answers)
    # Anything else would count as a wrong answer later, without any message.
    if chosen is not None and not isinstance(chosen, str):
        raise MetricError(
            f"an aggregate gives one answer or None, but got {chosen!r} from {list(answers)}"
        )
    return chosen


def blind(verifier: Verifier, example: Example) -> BlindVerifier:
    """Return the verifier for one example as in production: without the target.

    What is returned raises MetricError where the verifier raises or gives no number.
    """
    # In production nobody knows the target. A verifier that reads it would look perfect here.
    unseen = replace(example, target=None, target_name="")

    def verify(answer: str) -> float:
        with reraise_as(MetricError, f"the verifier raised on example {example.id!r}"):
            given = verifier(answer, unseen)
            # Inside the block: float() may raise, too, on something that is no number.
            verdict = float(given)
        if math.isnan(verdict):
            raise MetricError(
                f"the verifier must give a number, but gave {verdict!r} for example {example.id!r}"
            )
        return verdict

    return verify
