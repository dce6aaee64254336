"""Ends of trials, and of phases whose rest of the money would gain too little."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.house import POINT, House, unsure
from tune.space import Point, Space
from tune.strategies.stopping import final_comparison_prospect, search_prospect
from tune.study.endings import end_trials, is_enough

HOT = Point({**POINT, "temperature": 0.9})


async def test_trials_end_by_how_much_they_met_and_what_the_config_failed_on_counts(
    build: Callable[..., House],
) -> None:
    house = build()
    whole = len(house.plan.split.tuning)
    await house.buy(examples=whole - 1, draws=1)
    await house.buy(HOT, examples=whole - 1, draws=1, trial=1)
    house.run.trials[0].config_failed[whole - 1] = "context_length"
    house.run.trials[1].unanswered[whole - 1] = "service: 503"
    end_trials(house.run.plan, house.run.trials)
    first, second = house.run.trials[0], house.run.trials[1]
    assert (first.state, first.reason) == ("complete", "")
    assert second.state == "stopped"
    assert (
        second.reason == f"after {whole - 1} of {whole} examples: others were preferred"
    )


async def test_a_trial_that_failed_keeps_its_reason(
    build: Callable[..., House],
) -> None:
    house = build()
    await house.buy()
    house.run.trials[0].state, house.run.trials[0].reason = (
        "failed",
        "it does not take top_p",
    )
    end_trials(house.run.plan, house.run.trials)
    assert house.run.trials[0].reason == "it does not take top_p"


@pytest.mark.parametrize("phase", ["search", "final comparison"])
async def test_a_phase_has_enough_where_it_is_expected_to_gain_less_than_is_asked_for(
    build: Callable[..., House], phase: str
) -> None:
    space = Space(
        model="m",
        prompt={"p": "{text}"},
        temperature=[step / 20 for step in range(20)],
        max_tokens=12,
    )
    house = build(unsure, space=space)
    # Of a few points alone, nothing is said of new ones.
    for trial in range(10):
        point = Point({**POINT, "temperature": trial / 10})
        await house.buy(point, examples=8, trial=trial)
    problem = house.run.selector.problem()
    standings = house.run.standings.weighed()
    prospect = search_prospect
    if phase != "search":
        prospect = final_comparison_prospect
    gain = prospect(problem, standings, 1.0).gain
    assert gain > 0

    def ends(min_gain: float) -> bool:
        plan = replace(house.plan, min_gain=min_gain)
        return is_enough(plan, problem, phase, standings, 1.0)

    assert ends(1.01 * gain)
    assert not ends(0.99 * gain)
    # The user wants all the money to be used.
    assert not ends(0.0)
