"""Policies: which draws an answer is made of, asked for in rounds.

A policy sees the rounds so far and orders the next one. So "stop when the vote is decided" or "ask
a larger model when the small ones disagree" is a value of this type, and not another runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tune.readout.answers import ReadDraw


@dataclass(frozen=True, slots=True)
class DrawOrder:
    """An order for draws.

    Attributes:
        draws: how many.
        later: 0 asks the configuration whose turn it is, 1 the one after it in the list, and so on.
    """

    draws: int
    later: int = 0


@dataclass(frozen=True, slots=True)
class Round:
    """An order, and what came of it.

    Attributes:
        order: what was asked for.
        draws: the draws, with the answer that was read out of each.
    """

    order: DrawOrder
    draws: tuple[ReadDraw, ...]


Policy: TypeAlias = Callable[[Sequence[Round]], DrawOrder | None]
"""Takes the rounds of one answer so far; returns the next order, or None where the draws do."""


@dataclass(frozen=True, slots=True)
class AtOnce:
    """The policy that a configuration is tuned with: all its draws in one round.

    Attributes:
        n: draws of one answer.
    """

    n: int

    def __call__(self, rounds: Sequence[Round]) -> DrawOrder | None:
        """Order n draws, once."""
        return None if rounds else DrawOrder(self.n)
