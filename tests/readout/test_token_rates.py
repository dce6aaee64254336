"""How many tokens each kind of character takes is learned from whole answers, and says where a text
would be cut.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.completion import Completion
from tune.readout.token_rates import (
    Rates,
    _counts,
    _kinds,
    learn_rates,
    rates_of,
    visible_tokens,
)


def answer(digits: int, words: int, signs: int = 0) -> Completion:
    """A token for each digit, sign and word with its space."""
    text = "7" * digits + "(" * signs + "word " * words
    return Completion(text, "length", 10, digits + signs + words)


def test_what_each_kind_takes_is_learned_and_tells_where_a_text_is_cut() -> None:
    rng = np.random.default_rng(0)
    draws = [answer(int(d), int(w)) for d, w in rng.integers(5, 40, (60, 2))]
    rates = learn_rates(draws)
    assert rates is not None
    whole = answer(20, 20)
    assert rates.place(whole.text, 40, 10) == pytest.approx(10, abs=1)
    assert rates.place(whole.text, 40, 30) == pytest.approx(20 + 5 * 10, abs=5)


def test_draws_that_were_cut_teach_what_whole_ones_cannot() -> None:
    whole, cut = answer(20, 20), Completion("7" * 10, "length", 10, 10)
    before, after = (
        rates_of({0: [whole] * 20}, {}),
        rates_of({0: [whole] * 20}, {10: [cut] * 16}),
    )
    assert before is not None
    assert after is not None
    assert abs(after.place(whole.text, 40, 10) - 10) <= abs(
        before.place(whole.text, 40, 10) - 10
    )
    assert after.place(whole.text, 40, 10) == pytest.approx(10, abs=1)


def test_where_boundaries_are_known_or_nothing_is_there_no_rates_are_needed() -> None:
    assert learn_rates([]) is None
    assert learn_rates([Completion("", "stop", 10, 1)]) is None
    assert learn_rates([Completion("ab", "stop", 10, 3, token_ends=(1, 2))]) is None
    assert visible_tokens(Completion("ab", "stop", 10, 9, reasoning_tokens=5)) == 3
    assert Rates((0.0,) * 6).place("abcdef", 6, 3) == 3


@given(
    texts=st.lists(
        st.text(st.characters(), min_size=1, max_size=60), min_size=1, max_size=5
    ),
    tokens=st.lists(st.integers(2, 50), min_size=5, max_size=5),
    share=st.floats(0.01, 0.99),
)
def test_a_place_is_within_the_text_and_rises_with_the_cap(
    texts: list[str], tokens: list[int], share: float
) -> None:
    draws = [
        Completion(text, "length", 1, count)
        for text, count in zip(texts, tokens, strict=False)
    ]
    rates = learn_rates(draws)
    assert rates is not None
    assert min(rates.weights) >= 0
    count = tokens[0]
    cap = max(1, int(share * count))
    place = rates.place(texts[0], count, cap)
    assert 0 < place <= len(texts[0]) + 1
    assert place <= rates.place(texts[0], count, count) + 1e-9


@given(st.lists(st.text(min_size=1, max_size=9), min_size=1, max_size=5))
def test_the_characters_of_many_texts_are_counted_as_those_of_each_alone(
    texts: list[str],
) -> None:
    alone = [_kinds(text).sum(axis=1).tolist() for text in texts]
    assert _counts(texts).tolist() == alone
