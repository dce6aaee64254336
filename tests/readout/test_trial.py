"""A trial counts the draws that were bought for it."""

from __future__ import annotations

from tests.support.draws import answers, trial
from tune.readout.trial import Step
from tune.space import Point


def test_a_fresh_trial_runs_and_has_bought_nothing() -> None:
    fresh = trial({})
    assert (fresh.state, fresh.reason, fresh.bought) == ("running", "", 0)


def test_bought_counts_the_draws_of_all_examples() -> None:
    assert trial({0: answers("blue", "red"), 4: answers("red"), 5: []}).bought == 3


def test_trials_do_not_share_their_draws() -> None:
    first, second = trial({0: answers("blue")}), trial({0: answers("red")})
    first.unanswered[1] = "money: the budget is used up"
    assert second.unanswered == {}


def test_equal_steps_are_equal() -> None:
    point = Point({"model": "m", "prompt": "p"})
    assert Step(0, point, (1, 2), 3, 64) == Step(0, point, (1, 2), 3, 64)
    assert Step(0, point, (1, 2), 3, 64) != Step(0, point, (1, 2), 3, 32)
