"""The sizes of blocks, by the examples that there are and the money."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tune.strategies.blocks import block_sizes, first_block, first_share, rung_sizes


def test_blocks_grow_with_the_data_and_double_up_to_all_of_it() -> None:
    assert rung_sizes(1) == [1]
    assert rung_sizes(8) == [8]
    assert rung_sizes(100) == [8, 16, 32, 64, 100]
    assert rung_sizes(2000) == [12, 24, 48, 96, 192, 384, 768, 1536, 2000]


def test_small_first_blocks_come_before_the_rungs() -> None:
    assert block_sizes(1) == [1]
    assert block_sizes(3) == [2, 3]
    assert block_sizes(100) == [2, 4, 8, 16, 32, 64, 100]
    assert block_sizes(2000)[:4] == [2, 4, 12, 24]


def test_a_first_block_is_as_large_as_half_the_money_pays_for_if_every_kind_gets_one() -> (
    None
):
    assert first_block(100, 16, 2 * 2 * 16) == 2
    assert first_block(100, 16, 2 * 4 * 16 - 1) == 2
    assert first_block(100, 16, 2 * 4 * 16) == 4
    assert first_block(100, 16, 2 * 8 * 16) == 8
    # Never less than the smallest block, and never more than a rung.
    assert first_block(100, 16, 1) == 2
    assert first_block(100, 16, 1e9) == 8
    assert first_block(2000, 16, 1e9) == 12


@given(
    examples=st.integers(1, 3000),
    kinds=st.integers(0, 400),
    money=st.lists(st.floats(0, 1e9), min_size=2, max_size=2).map(sorted),
)
def test_more_money_never_makes_a_first_block_smaller(
    examples: int, kinds: int, money: list[float]
) -> None:
    less, more = (first_share(examples, kinds, one) for one in money)
    assert less <= more
    assert first_block(examples, kinds, money[0]) <= less
    assert first_block(examples, kinds, money[0]) in block_sizes(examples)
