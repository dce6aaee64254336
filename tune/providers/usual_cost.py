"""The share of its ceiling that a call usually costs, learned from the bills of calls like it."""

from __future__ import annotations

import math
from dataclasses import dataclass

LEAST_CALLS = 8
"""Settled calls of a kind before their cost is taken as usual."""


@dataclass(slots=True)
class _Kind:
    """Settled calls with the same cap and the same number of answers.

    Attributes:
        calls: their number.
        share: the highest share of its ceiling that one of them cost.
    """

    calls: int = 0
    share: float = 0.0


class UsualCost:
    """Expects of each call the highest share of a ceiling that calls of its kind cost so far.

    The highest, so that many calls together cost less than is expected. Calls are of one kind if
    they have the same max_tokens and ask for as many answers.
    """

    def __init__(self) -> None:
        self._kinds: dict[tuple[int, int], _Kind] = {}

    def learn(self, cap: int, draws: int, ceiling: int, cost: int) -> None:
        """Take in the bill of a call.

        Args:
            cap: its max_tokens.
            draws: answers that it asked for.
            ceiling: picodollars that it could cost at most.
            cost: picodollars that it cost.
        """
        if ceiling <= 0:
            return
        kind = self._kinds.setdefault((cap, draws), _Kind())
        kind.calls += 1
        kind.share = max(kind.share, cost / ceiling)

    def expect(self, cap: int, draws: int, ceiling: int) -> int:
        """Return the picodollars that a call is expected to cost: its ceiling at first."""
        kind = self._kinds.get((cap, draws))
        if kind is None or kind.calls < LEAST_CALLS:
            return ceiling
        return min(ceiling, math.ceil(kind.share * ceiling))
