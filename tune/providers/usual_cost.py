"""The usual cost of calls, learned from the bills of calls before them."""

from __future__ import annotations

import math
from dataclasses import dataclass

LEAST_CALLS = 8
"""Settled calls before what they cost, or how long their answers are, is taken as usual."""


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
    """Keeps the highest share of a ceiling that calls of each kind cost, and the longest answer.

    The highest, so that many calls together cost less than is expected. Calls are of one kind if
    they have the same max_tokens and ask for as many answers.
    """

    def __init__(self) -> None:
        self._kinds: dict[tuple[int, int], _Kind] = {}
        self._calls = 0
        self._longest = 0.0

    def learn(
        self, cap: int, draws: int, ceiling: int, cost: int, longest: int
    ) -> None:
        """Take in the bill of a call.

        Args:
            cap: its max_tokens.
            draws: answers that it asked for.
            ceiling: picodollars that it could cost at most.
            cost: picodollars that it cost.
            longest: the most tokens of one of its answers.
        """
        self._calls += 1
        # An answer that was cut would have been longer with a larger cap, nobody knows by how much.
        self._longest = max(self._longest, math.inf if longest >= cap else longest)
        if ceiling <= 0:
            return
        kind = self._kinds.setdefault((cap, draws), _Kind())
        kind.calls += 1
        kind.share = max(kind.share, cost / ceiling)

    def share(self, cap: int, draws: int) -> float | None:
        """Return the highest share of its ceiling that a call of a kind cost; None at first."""
        kind = self._kinds.get((cap, draws))
        if kind is None or kind.calls < LEAST_CALLS:
            return None
        return min(1.0, kind.share)

    @property
    def longest(self) -> int | None:
        """The most tokens of an answer, of calls of any kind; None at first, or if one was cut."""
        if self._calls < LEAST_CALLS or math.isinf(self._longest):
            return None
        return int(self._longest)
