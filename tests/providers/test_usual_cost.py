"""The usual cost of a call: its ceiling at first, then the highest share seen of its kind."""

from __future__ import annotations

from tune.providers.usual_cost import LEAST_CALLS, UsualCost


def seen(*costs: int, cap: int = 64, draws: int = 1) -> UsualCost:
    usual = UsualCost()
    for cost in costs:
        usual.learn(cap, draws, 100, cost)
    return usual


def test_the_first_calls_of_a_kind_are_expected_to_cost_their_ceilings() -> None:
    usual = seen(*[3] * (LEAST_CALLS - 1))
    assert usual.expect(64, 1, 100) == 100
    usual.learn(64, 1, 100, 3)
    assert usual.expect(64, 1, 100) == 3


def test_the_most_expensive_call_of_a_kind_decides() -> None:
    usual = seen(*[3] * LEAST_CALLS, 20, 4)
    assert usual.expect(64, 1, 100) == 20
    assert usual.expect(64, 1, 201) == 41, "rounded up"


def test_another_cap_or_number_of_answers_is_another_kind() -> None:
    usual = seen(*[3] * LEAST_CALLS)
    assert usual.expect(16, 1, 100) == 100
    assert usual.expect(64, 3, 100) == 100


def test_a_bill_above_its_ceiling_expects_no_more_than_a_ceiling() -> None:
    assert seen(*[130] * LEAST_CALLS).expect(64, 1, 50) == 50


def test_calls_that_cost_nothing_teach_nothing() -> None:
    usual = UsualCost()
    for _ in range(LEAST_CALLS):
        usual.learn(64, 1, 0, 0)
    assert usual.expect(64, 1, 100) == 100
