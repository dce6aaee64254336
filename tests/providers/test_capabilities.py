"""Facts about models: learned, kept, and handed on."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.errors import StoreError, TransientError
from tune.providers.capabilities import Adapted, Capabilities, Fact

names = st.text(min_size=1, max_size=8)


def test_nothing_is_refused_until_it_is_learned() -> None:
    known = Capabilities()
    assert not known.refuses("s", "m", "seed")
    assert known.refuse("s", "m", "seed")
    assert not known.refuse("s", "m", "seed"), "the second time is no news"
    assert known.refuses("s", "m", "seed")
    assert not known.refuses("s", "other", "seed")
    assert not known.refuses("other", "m", "seed")
    assert known.refused("s", "m") == {"seed"}


def test_max_tokens_and_its_replacement_stand_in_for_each_other() -> None:
    known = Capabilities()
    assert known.spelling("s", "m", "max_tokens") == "max_tokens"
    known.refuse("s", "m", "max_tokens")
    assert known.spelling("s", "m", "max_tokens") == "max_completion_tokens"
    assert known.spelling("s", "m", "max_completion_tokens") == "max_completion_tokens"
    known.refuse("s", "m", "max_completion_tokens")
    assert known.spelling("s", "m", "max_tokens") is None


def test_a_parameter_without_replacement_is_spelled_one_way_or_not_at_all() -> None:
    known = Capabilities([Fact("s", "m", "refuses", "stop")])
    assert known.spelling("s", "m", "seed") == "seed"
    assert known.spelling("s", "m", "stop") is None


kinds = st.sampled_from(["refuses", "most_n", "answers", "beyond"])


@given(
    st.sets(
        st.builds(
            Fact,
            names,
            names,
            kinds,
            st.sampled_from(["", "n", "seed"]),
            st.integers(0, 9),
        )
    )
)
def test_what_was_learned_is_told_as_it_is_learned_and_comes_back_from_a_journal(
    facts: set[Fact],
) -> None:
    told: list[Fact] = []
    known = Capabilities(learned=told.append)
    for fact in facts:
        known.learn(fact)
    journal = [json.loads(json.dumps(fact._asdict())) for fact in told]
    assert Capabilities(Fact(**record) for record in journal) == known
    assert len(told) == len(facts)


def test_a_fact_is_known_only_once_it_is_kept() -> None:
    def full(_: Fact) -> None:
        raise StoreError("the disk is full")

    known = Capabilities(learned=full)
    with pytest.raises(StoreError):
        known.refuse("s", "m", "seed")
    assert not known.refuses("s", "m", "seed")


def test_a_number_is_replaced_by_a_newer_one() -> None:
    known = Capabilities([Fact("s", "m", "most_n", number=8)])
    assert known.number("s", "m", "most_n") == 8
    assert known.learn(Fact("s", "m", "most_n", number=4))
    assert known.number("s", "m", "most_n") == 4
    assert known.number("s", "other", "most_n") is None


def test_adapted_costs_nothing_and_asks_for_no_wait() -> None:
    error = Adapted("sent anew")
    assert isinstance(error, TransientError)
    assert (error.charged, error.retry_after) == (False, 0.0)
