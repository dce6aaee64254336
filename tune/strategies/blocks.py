"""The sizes of the blocks of examples that trials meet."""

from __future__ import annotations

import math

_SMALLEST_BLOCK = 8
_LARGEST_BLOCK = 12
_BLOCK_SHARE = 32
"""The first rung has a 32nd of all examples, but 8 to 12: it tells bad points from good ones."""

_SMALL_BLOCKS = (2, 4)
"""Sizes of first blocks where the money is too little for a rung's."""

_FIRST_SHARE = 0.5
"""What first blocks of all kinds may cost, of the money. The rest tells the good ones apart."""


def rung_sizes(examples: int) -> list[int]:
    """Return the number of examples at each rung: a small block, then ever twice as many, then all.

    Args:
        examples: number of all tuning examples.
    """
    share = math.ceil(examples / _BLOCK_SHARE)
    block = max(_SMALLEST_BLOCK, min(_LARGEST_BLOCK, share))
    size = min(examples, block)
    sizes = [size]
    while size < examples:
        size = min(examples, 2 * size)
        sizes.append(size)
    return sizes


def block_sizes(examples: int) -> list[int]:
    """Return the sizes that a trial grows by where first blocks may be small: 2, 4, then the rungs.

    Args:
        examples: number of all tuning examples.
    """
    rungs = rung_sizes(examples)
    small = [size for size in _SMALL_BLOCKS if size < rungs[0]]
    return small + rungs


def first_share(examples: int, kinds: int, affordable: float) -> float:
    """Return the examples that half of the money pays for if all kinds of fresh points get as many.

    So a small budget meets every kind with a few examples, and a large one judges none by two.

    Args:
        examples: number of all tuning examples.
        kinds: number of fresh points that differ in kind.
        affordable: examples that the money pays for.

    Returns:
        From the smallest size of a block to the first rung.
    """
    share = _FIRST_SHARE * affordable / max(1, kinds)
    smallest = block_sizes(examples)[0]
    return max(smallest, min(share, rung_sizes(examples)[0]))


def first_block(examples: int, kinds: int, affordable: float) -> int:
    """Return the number of examples in a fresh point's first block; see `first_share`."""
    share = first_share(examples, kinds, affordable)
    return max(size for size in block_sizes(examples) if size <= share)
