"""What is selected: the problem of a study, its single answer, and the leader that people see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.support.house import POINT, House
from tune.readout import Reading
from tune.space import Config
from tune.strategies import Selection, Standing
from tune.study.selector import Selector
from tune.study.standings import Standings

EXAMPLES = 8


def reading(
    mean: float, cost: float, seconds: float = 1.0, **config: object
) -> Reading:
    values = {"model": "m", "prompt": "p", "max_tokens": 8, **config}
    known = np.zeros(EXAMPLES)
    return Reading(
        Config(values),  # type: ignore[arg-type]
        0,
        tuple(range(EXAMPLES)),
        known + mean,
        known,
        known + cost,
        known + seconds,
        approximate=False,
    )


class Fixed(Standings):
    """Standings of one trial with known readings."""

    def __init__(self, *readings: Reading) -> None:
        self.standing = Standing(
            0, POINT, EXAMPLES, readings, failed=False, spent_per_draw=1e-6
        )

    def current(self) -> dict[int, Standing]:
        return {0: self.standing}

    def weighed(self) -> dict[int, Standing]:
        return {0: self.standing}

    def known(self) -> list[Standing]:
        return [self.standing]


def selector(house: House, *readings: Reading, **plan: object) -> Selector:
    changed = replace(house.plan, **plan)  # type: ignore[arg-type]
    return Selector(changed, house.run.budget, Fixed(*readings))


def chosen(reading: Reading) -> Selection:
    return Selection(reading, (), feasible=True)


def test_the_problem_is_the_study_as_the_plan_says_it(
    build: Callable[..., House],
) -> None:
    house = build(max_cost_per_request=0.5)
    problem = house.run.selector.problem()
    assert (problem.examples, problem.seed) == (
        len(house.plan.split.tuning),
        house.plan.seed,
    )
    assert problem.max_cost == 0.5
    assert problem.baseline_config == house.plan.baseline


def test_a_selected_single_answer_is_its_own(build: Callable[..., House]) -> None:
    one = reading(0.5, 1e-6)
    assert selector(build(), one, reading(0.9, 1e-6)).single_answer(chosen(one)) is one
    assert selector(build()).single_answer(None) is None


def test_beside_a_vote_the_best_single_answer_is_handed_on(
    build: Callable[..., House],
) -> None:
    vote = reading(0.9, 3e-6, n=3, aggregate="vote")
    good, poor = reading(0.7, 1e-6), reading(0.2, 1e-6, max_tokens=2)
    found = selector(build(), vote, poor, good).single_answer(chosen(vote))
    assert found is not None
    assert found.config == good.config


@pytest.mark.parametrize("limit", [{"max_cost": 0.5e-6}, {"max_seconds": 0.5}])
def test_a_single_answer_that_breaks_a_limit_is_not_handed_on(
    build: Callable[..., House], limit: dict[str, float]
) -> None:
    vote = reading(0.9, 3e-6, n=3, aggregate="vote")
    only = reading(0.7, 1e-6)
    assert selector(build(), vote, only).single_answer(chosen(vote)) is not None
    assert selector(build(), vote, only, **limit).single_answer(chosen(vote)) is None


def test_only_single_answers_stand_in_their_comparison(
    build: Callable[..., House],
) -> None:
    vote, one = reading(0.9, 3e-6, n=3, aggregate="vote"), reading(0.7, 1e-6)
    made = selector(build(), vote, one)
    assert made.single_answer_standings()[0].readings == (one,)


@pytest.mark.parametrize("larger", [True, False])
def test_the_leader_is_the_best_by_the_metric(
    build: Callable[..., House], larger: bool
) -> None:
    house = build()
    low, middle, high = (
        reading(mean, 1e-6, n=n) for n, mean in enumerate((0.1, 0.5, 0.9), 1)
    )
    metric = replace(house.plan.metric, larger_is_better=larger)
    made = selector(house, low, high, middle, metric=metric)
    assert made.leader() is (high if larger else low)


def test_among_equals_the_cheaper_leads(build: Callable[..., House]) -> None:
    dear, cheap = reading(0.5, 2e-6, n=2), reading(0.5, 1e-6)
    assert selector(build(), dear, cheap).leader() is cheap


def test_what_breaks_a_limit_or_met_few_examples_does_not_lead(
    build: Callable[..., House],
) -> None:
    over, within = reading(0.9, 2e-6, n=2), reading(0.5, 1e-6)
    assert selector(build(), over, within, max_cost=1e-6).leader() is within
    few = replace(over, examples=over.examples[:7], scores=over.scores[:7])
    assert selector(build(), few, within).leader() is within
    assert selector(build()).leader() is None
