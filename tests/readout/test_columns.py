"""Columns of draws: the same tokens, and money to the picodollar as one call at a time."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tune.completion import Completion
from tune.pricing.prices import Price
from tune.readout.columns import _distinct, columns_of, list_prices, sums, total


def made(seed: int = 0) -> dict[int, list[Completion]]:
    """Draws of five examples, in no order; one example has none."""
    rng = random.Random(seed)
    draws: dict[int, list[Completion]] = {}
    for position, size in ((7, 3), (2, 5), (9, 0), (4, 1), (0, 8)):
        drawn = []
        for _ in range(size):
            tokens = rng.randrange(1, 90)
            prompt = rng.choice((40, 41, 300))
            one = Completion(
                "t", "stop", prompt, tokens, rng.randrange(2), seconds=rng.random()
            )
            drawn.append(one)
        draws[position] = drawn
    return draws


def test_draws_stand_by_example_in_the_order_drawn() -> None:
    draws = made()
    columns = columns_of(draws)
    assert columns.positions.tolist() == [0, 2, 4, 7]
    assert columns.sizes.tolist() == [8, 5, 1, 3]
    every = [draw for position in (0, 2, 4, 7) for draw in draws[position]]
    assert columns.completion_tokens.tolist() == [d.completion_tokens for d in every]
    assert columns.seconds.tolist() == [draw.seconds for draw in every]
    assert columns.starts.tolist() == [0, 8, 13, 14]
    assert columns.reasons == any(draw.reasoning_tokens for draw in every)


@pytest.mark.parametrize("most_n", [1, 2, 3, 8, 1 << 30])
def test_calls_hold_as_many_draws_as_an_endpoint_gives(most_n: int) -> None:
    draws = made()
    columns = columns_of(draws)
    calls = columns.call_starts(most_n)
    expected = []
    for position in (0, 2, 4, 7):
        drawn = draws[position]
        for start in range(0, len(drawn), most_n):
            call = drawn[start : start + most_n]
            expected.append(sum(draw.completion_tokens for draw in call))
    assert sums(columns.completion_tokens, calls).tolist() == expected


@pytest.mark.parametrize(
    "price",
    [
        Price(0.1, 0.7),
        Price(0.35, 1.05, request=0.004),
        Price(1.0, 2.0, long=((256, Price(3.0, 9.0)),)),
        Price(0.0, 0.0),
    ],
)
def test_prices_are_those_of_single_calls(price: Price) -> None:
    columns = columns_of(made())
    prompts, tokens = columns.prompt_tokens, columns.completion_tokens
    each = [
        price.cost(*pair)
        for pair in zip(prompts.tolist(), tokens.tolist(), strict=True)
    ]
    assert list_prices(price, prompts, tokens).tolist() == each
    assert total(list_prices(price, prompts, tokens)) == sum(each)


@pytest.mark.parametrize("longest", [90, 19_999, 2_000_000])
def test_lengths_of_prompts_are_those_of_numpy(longest: int) -> None:
    counts = np.array([7, 3, 0, 7, longest, 3, 21], dtype=np.int64)
    lengths, which = _distinct(counts)
    expected, places = np.unique(counts, return_inverse=True)
    assert lengths.tolist() == expected.tolist()
    assert which.tolist() == places.tolist()


def test_nothing_bought_has_empty_columns() -> None:
    columns = columns_of({3: []})
    calls = columns.call_starts(1)
    assert len(calls) == len(sums(columns.completion_tokens, calls)) == 0
    assert total(list_prices(Price(1.0, 1.0), calls, calls)) == 0
    assert not columns.reasons
