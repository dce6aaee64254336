"""How n answers become one when a config is run: the same rules by which readings are read off."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from tune.errors import MetricError, SpaceError
from tune.task.callables import import_object, reraise_as
from tune.task.example import Example

Aggregate: TypeAlias = Callable[[Sequence[str | None]], str | None]
"""Chooses among answers in the order drawn; None stands for a text that held no answer."""

Verifier: TypeAlias = Callable[[str, Example], float]
"""How good an answer looks, the larger the better, without knowing the target."""


def first(answers: Sequence[str | None]) -> str | None:
    """The answer drawn first, also where it is none."""
    return answers[0] if answers else None


def vote(answers: Sequence[str | None]) -> str | None:
    """The most frequent answer, of equally frequent ones the one drawn first; None abstains."""
    votes = Counter(answer for answer in answers if answer is not None)
    return max(
        votes, key=votes.__getitem__, default=None
    )  # a Counter keeps the order drawn, and max takes the first


def best(answers: Sequence[str | None], verify: Callable[[str], float]) -> str | None:
    """The answer with the largest verdict, of equally good ones the one drawn first; None is no
    candidate.
    """
    return max((answer for answer in answers if answer is not None), key=verify, default=None)


AGGREGATES = ("first", "vote", "best", "any", "all")
"""The built-in choices by name. "any" is the oracle: what n draws hold, not what anybody can take
out of them. "all" hands every answer back: a metric over all responses judges them together.
"""

DEPLOYABLE = frozenset({"first", "vote", "best", "all"})
"""The built-in choices that need no target, and so can be exported."""


def deployable(aggregate: str) -> bool:
    """Whether a choice can be made without the target; one of the user's own can, as it sees the
    answers alone.
    """
    return aggregate in DEPLOYABLE or ":" in aggregate


def parse_aggregate(aggregate: str | Aggregate) -> str | Aggregate:
    """Check the name of a choice, and load one that is given as `"module:attribute"`.

    Raises:
        SpaceError: there is no such choice.
    """
    if isinstance(aggregate, str) and ":" in aggregate:
        aggregate = import_object(aggregate, "aggregate")
    if isinstance(aggregate, str):
        if aggregate in AGGREGATES:
            return aggregate
        raise SpaceError(
            f"there is no aggregate {aggregate!r}: there are {list(AGGREGATES)}, or give module:attribute"
        )
    if not callable(aggregate):
        raise SpaceError(
            f"an aggregate is a callable from answers to one answer, but got {aggregate!r}"
        )
    return aggregate


def choose(
    aggregate: str | Aggregate,
    answers: Sequence[str | None],
    *,
    verifier: Callable[[str], float] | None = None,
) -> str | None:
    """The answer of a deployed config.

    Args:
        aggregate: "first", "vote", "best", a callable, or `"module:attribute"`.
        answers: in the order drawn; None where a text held no answer.
        verifier: for "best": the verdict on an answer; see `blind`.

    Raises:
        SpaceError: there is no such choice, it needs a verifier, it is the oracle's, which knows
        the target, or it
            hands back all answers.
        MetricError: a callable of the user raised or gave something else than an answer.
    """
    rule = parse_aggregate(aggregate)
    if rule == "any":
        raise SpaceError(
            'the aggregate "any" knows the target, so no answer can be chosen by it: use "vote" or "best"'
        )
    if rule == "all":
        raise SpaceError('the aggregate "all" hands back every answer, so there is none to choose')
    if rule == "best":
        if verifier is None:
            raise SpaceError(
                'the aggregate "best" needs a verifier: a callable (answer, example) -> float'
            )
        return best(answers, verifier)
    if rule == "vote":
        return vote(answers)
    return first(answers) if isinstance(rule, str) else call(rule, answers)


def call(aggregate: Aggregate, answers: Sequence[str | None]) -> str | None:
    """What a user's own choice gives.

    Raises:
        MetricError: it raised, or gave something that is no answer.
    """
    with reraise_as(
        MetricError,
        f"the aggregate {getattr(aggregate, '__name__', aggregate)!r} raised on {list(answers)}",
    ):
        chosen = aggregate(answers)
    if chosen is not None and not isinstance(chosen, str):
        raise MetricError(
            f"an aggregate gives one answer or None, but got {chosen!r} from {list(answers)}"
        )
    return chosen


def blind(verifier: Verifier, example: Example) -> Callable[[str], float]:
    """The verifier for one example, as it would be in production: without the target.

    The verdict raises MetricError where the verifier raises or gives no number.
    """
    unseen = replace(example, target=None, target_name="")

    def verify(answer: str) -> float:
        with reraise_as(MetricError, f"the verifier raised on example {example.id!r}"):
            verdict = float(verifier(answer, unseen))
        if math.isnan(verdict):
            raise MetricError(
                f"the verifier must give a number, but gave {verdict!r} for example {example.id!r}"
            )
        return verdict

    return verify
