"""The token counts of a trial's draws as columns, so that money and tokens are added up at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tune.completion import Completion
from tune.pricing.prices import Price
from tune.stats.arrays import Array

_LONGEST_TABLE = 20_000
"""Tokens up to which different lengths are found by a table. Longer prompts are sorted."""

Integers: TypeAlias = npt.NDArray[np.int64]
"""Whole numbers, one for each draw or for each example."""


@dataclass(frozen=True, slots=True, eq=False)
class DrawColumns:
    """The draws of a trial without their texts: one entry for each draw.

    The draws of one example stand together, draw 0 first.

    Attributes:
        positions: of the examples, ascending.
        sizes: draws of each example, at least one.
        prompt_tokens: tokens of the prompt.
        completion_tokens: tokens of the answer.
        reasoning_tokens: the hidden ones of them.
        seconds: from sending to the whole answer.
    """

    positions: Integers
    sizes: Integers
    prompt_tokens: Integers
    completion_tokens: Integers
    reasoning_tokens: Integers
    seconds: Array

    @property
    def reasons(self) -> bool:
        """True if a draw has hidden reasoning."""
        return bool(self.reasoning_tokens.any())

    @property
    def starts(self) -> Integers:
        """The place of each example's first draw."""
        return self.sizes.cumsum() - self.sizes

    def call_starts(self, most_n: int) -> Integers:
        """Return the place of the first draw of each call, if one call gives at most `most_n`."""
        places = np.arange(len(self.prompt_tokens))
        within = places - np.repeat(self.starts, self.sizes)
        return np.flatnonzero(within % most_n == 0)


def columns_of(draws: Mapping[int, Sequence[Completion]]) -> DrawColumns:
    """Return the columns of draws by position; examples without a draw are left out."""
    positions: list[int] = []
    sizes: list[int] = []
    every: list[Completion] = []
    for position in sorted(draws):
        drawn = draws[position]
        if drawn:
            positions.append(position)
            sizes.append(len(drawn))
            every += drawn
    return DrawColumns(
        positions=_integers(positions),
        sizes=_integers(sizes),
        prompt_tokens=_integers([draw.prompt_tokens for draw in every]),
        completion_tokens=_integers([draw.completion_tokens for draw in every]),
        reasoning_tokens=_integers([draw.reasoning_tokens for draw in every]),
        seconds=np.array([draw.seconds for draw in every], dtype=float),
    )


def sums(values: Integers, starts: Integers) -> Integers:
    """Return the sum of each stretch of values; a stretch ends where the next one starts."""
    # `reduceat` refuses to add up nothing.
    if not len(starts):
        return values[:0]
    return np.add.reduceat(values, starts)


def list_prices(price: Price, prompts: Integers, tokens: Integers) -> Integers:
    """Return the list price of each call in picodollars, as `Price.cost` does for one.

    Args:
        price: of the model.
        prompts: tokens of each call's prompt; longer ones may have another rate.
        tokens: of each call's answers.
    """
    lengths, which = _distinct(prompts)
    fixed: list[int] = []
    rates: list[int] = []
    # A cost is linear in the tokens of the answers, so two of them give the rate.
    for length in lengths.tolist():
        least = price.cost(length, 0)
        fixed.append(least)
        rates.append(price.cost(length, 1) - least)
    return _integers(fixed)[which] + _integers(rates)[which] * tokens


def _distinct(counts: Integers) -> tuple[Integers, Integers]:
    """Return the different counts of tokens, ascending, and the place of each count among them.

    Prompts of a task are about equally long, so a table of all lengths is smaller than a sort.
    """
    most = int(counts.max(initial=0))
    if most > _LONGEST_TABLE or counts.min(initial=0) < 0:
        lengths, which = np.unique(counts, return_inverse=True)
        return lengths, which
    seen = np.zeros(most + 1, dtype=bool)
    seen[counts] = True
    places = np.cumsum(seen) - 1
    return np.flatnonzero(seen), places[counts]


def total(picodollars: Integers) -> int:
    """Return an exact sum: Python's whole numbers do not overflow."""
    return sum(picodollars.tolist())


def _integers(values: Sequence[int]) -> Integers:
    return np.array(values, dtype=np.int64)
