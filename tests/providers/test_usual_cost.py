"""The usual cost of a call: the highest share seen of its kind, and the longest answer of any."""

from __future__ import annotations

from tune.providers.usual_cost import LEAST_CALLS, UsualCost


def seen(*costs: int, cap: int = 64, draws: int = 1, longest: int = 2) -> UsualCost:
    usual = UsualCost()
    for cost in costs:
        usual.learn(cap, draws, 100, cost, longest)
    return usual


def test_nothing_is_usual_after_a_few_calls() -> None:
    usual = seen(*[3] * (LEAST_CALLS - 1))
    assert (usual.share(64, 1), usual.longest) == (None, None)
    usual.learn(64, 1, 100, 3, 2)
    assert (usual.share(64, 1), usual.longest) == (0.03, 2)


def test_the_most_expensive_call_and_the_longest_answer_decide() -> None:
    usual = seen(*[3] * LEAST_CALLS, 20, 4)
    usual.learn(64, 1, 100, 5, 30)
    usual.learn(64, 1, 100, 5, 7)
    assert (usual.share(64, 1), usual.longest) == (0.2, 30)


def test_another_cap_or_number_of_answers_is_another_kind() -> None:
    usual = seen(*[3] * LEAST_CALLS)
    assert usual.share(16, 1) is None
    assert usual.share(64, 3) is None


def test_a_bill_above_its_ceiling_counts_as_one_of_its_ceiling() -> None:
    assert seen(*[130] * LEAST_CALLS).share(64, 1) == 1.0


def test_calls_that_cost_nothing_teach_only_how_long_answers_are() -> None:
    usual = UsualCost()
    for _ in range(LEAST_CALLS):
        usual.learn(64, 1, 0, 0, 5)
    assert (usual.share(64, 1), usual.longest) == (None, 5)


def test_how_long_answers_are_is_unknown_if_one_was_cut() -> None:
    usual = seen(*[3] * LEAST_CALLS)
    assert usual.longest == 2
    usual.learn(16, 1, 100, 10, 16)
    assert usual.longest is None
