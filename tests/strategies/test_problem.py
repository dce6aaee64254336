"""The problem, and the readings that stand for a trial."""

from __future__ import annotations

import math

import numpy as np

from tune.fakes.race import problem, reading, standing
from tune.readout import Reading


def test_the_best_reading_keeps_the_limits_and_ties_go_to_the_cheaper() -> None:
    one, other = (
        reading([0.5, 1.0], cost=2e-3),
        reading([1.0, 0.5], cost=1e-3, n=3, aggregate="vote"),
    )
    dear = reading([1.0, 1.0], cost=5e-3, n=5, aggregate="vote")
    assert standing(one, other, dear).best(problem()) == dear
    assert standing(one, other, dear).best(problem(max_cost=3e-3)) == other
    assert standing(one, other, dear).best(problem(larger_is_better=False)) == other
    assert standing(one, other, dear).best(problem(max_cost=1e-4)) is None
    assert standing(one, other, dear).best(problem(max_seconds=0.1)) is None
    assert standing(one, failed=True).best(problem()) is None


def test_a_large_n_that_was_read_on_a_lucky_few_does_not_stand_for_the_trial() -> None:
    whole, few = reading([0.5] * 40), reading([1.0] * 5, n=5, aggregate="vote")
    assert standing(whole, few).best(problem()) == whole


def test_a_limit_is_not_held_against_a_trial_while_more_examples_may_clear_it() -> None:
    one = Reading(
        **{**vars(reading([1.0] * 4)), "costs": np.array([0.2, 1.0, 1.8, 1.4]) * 1e-3}
    )
    limited = problem(max_cost=1e-3)
    assert limited.limit_use(one) > 1
    assert standing(one).best(limited) == one
    assert standing(one).best(limited, errors=0.0) is None


def test_what_a_config_costs_that_could_answer_nothing_is_beyond_any_limit() -> None:
    spoiled = Reading(**{**vars(reading([0.0] * 4)), "costs": np.full(4, np.nan)})
    assert problem(max_cost=1.0).limit_use(spoiled) == math.inf
    assert problem().limit_use(spoiled) == 0.0
    assert standing(spoiled).best(problem()) == spoiled


def test_quality_is_a_share_of_the_range_and_turned_where_smaller_is_better() -> None:
    metric = problem(low=-1.0, high=3.0)
    assert metric.quality([-1.0, 0.0, 3.0]).tolist() == [0.0, 0.25, 1.0]
    assert problem(low=-1.0, high=3.0, larger_is_better=False).quality(
        [0.0]
    ).tolist() == [0.75]
