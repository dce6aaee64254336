"""Which cap draws are bought with: learned from trials of the same model and prompt, read at every
lower cap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tune.readout import Reading
from tune.space import FREE, Config, Point, Space
from tune.strategies.max_tokens import cap_to_buy, cap_to_go_on
from tune.strategies.problem import Outcome, Problem, Standing
from tune.strategies.race import Race
from tune.strategies.settings import CapSettings

SPACE = Space(
    model=["m", "other"],
    prompt={"p": "{text}", "q": "{text}?"},
    temperature=[0, 0.5, 1],
    max_tokens=[8, 32, 128],
)
POINT = Point({"model": "m", "prompt": "p", "temperature": 0.5})


def problem(**changes: Any) -> Problem:
    given: dict[str, Any] = {
        "space": SPACE,
        "free": FREE,
        "examples": 100,
        "seed": 0,
        "low": 0.0,
        "high": 1.0,
        "larger_is_better": True,
        "max_cost": None,
        "max_seconds": None,
        "ceiling": lambda point, draws, cap: 1e-6 * draws * cap,
    }
    return Problem(**(given | changes))


def standing(
    quality: Mapping[int, float],
    *,
    point: Point = POINT,
    examples: int = 40,
    **changes: Any,
) -> Standing:
    """A trial that was right so often at each cap."""
    readings = []
    for cap, share in quality.items():
        scores = (np.arange(examples) < round(share * examples)).astype(float)
        config = Config({**point, "max_tokens": cap})
        readings.append(
            Reading(
                config,
                0,
                tuple(range(examples)),
                scores,
                scores * 0,
                scores * 0 + 1e-3,
                scores * 0,
                False,
            )
        )
    given = {"failed": False, "spent_per_draw": 1e-4, "cap": max(quality), **changes}
    return Standing(0, point, examples, tuple(readings), **given)


def test_the_first_trial_is_bought_at_the_most_that_a_config_may_take() -> None:
    assert cap_to_buy(problem(), POINT, []) == 128


def test_a_lower_cap_that_scores_no_worse_is_enough_for_the_next() -> None:
    assert cap_to_buy(problem(), POINT, [standing({8: 0.2, 32: 0.7, 128: 0.7})]) == 32
    assert cap_to_buy(problem(), POINT, [standing({8: 0.7, 32: 0.7, 128: 0.7})]) == 8
    assert cap_to_buy(problem(), POINT, [standing({8: 0.9, 32: 0.7, 128: 0.6})]) == 8


def test_a_cap_that_costs_answers_is_not_lowered() -> None:
    assert (
        cap_to_buy(problem(), POINT, [standing({8: 0.2, 32: 0.675, 128: 0.7})]) == 128
    )


def test_errors_are_to_be_small() -> None:
    assert (
        cap_to_buy(
            problem(larger_is_better=False),
            POINT,
            [standing({8: 0.6, 32: 0.1, 128: 0.1})],
        )
        == 32
    )


def test_few_examples_are_not_believed() -> None:
    few = standing(
        {8: 0.5, 32: 0.5, 128: 0.5}, examples=CapSettings().least_examples // 2
    )
    assert cap_to_buy(problem(), POINT, [few]) == 128
    assert cap_to_buy(problem(), POINT, [few, few]) == 8


def test_only_trials_of_the_same_model_and_prompt_that_were_bought_at_the_top_count() -> (
    None
):
    low = {8: 0.7, 32: 0.7, 128: 0.7}
    for stranger in (
        standing(low, point=Point({**POINT, "model": "other"})),
        standing(low, point=Point({**POINT, "prompt": "q"})),
        standing({8: 0.7, 32: 0.7}),
        standing(low, failed=True),
    ):
        assert cap_to_buy(problem(), POINT, [stranger]) == 128
    assert (
        cap_to_buy(
            problem(), POINT, [standing(low, point=Point({**POINT, "temperature": 1}))]
        )
        == 8
    )


def test_trials_go_on_with_the_smallest_that_leaves_their_answers_room() -> None:
    short, long = (standing({128: 0.7}, longest=tokens) for tokens in (4, 17))
    assert cap_to_go_on(problem(), POINT, [short]) == 8
    assert cap_to_go_on(problem(), POINT, [short, long]) == 128
    assert cap_to_go_on(problem(), POINT, [standing({128: 0.7}, longest=65)]) is None


def test_trials_go_on_as_before_where_little_is_known_of_their_answers() -> None:
    few = CapSettings().least_lengths // 2
    begun = standing({128: 0.7}, longest=4, examples=few)
    other = standing({128: 0.7}, longest=4, point=Point({**POINT, "prompt": "q"}))
    assert cap_to_go_on(problem(), POINT, [begun]) is None
    assert cap_to_go_on(problem(), POINT, [begun, other]) is None
    assert cap_to_go_on(problem(), POINT, [begun, begun]) == 8
    assert cap_to_go_on(problem(), POINT, [standing({128: 0.7})]) is None, "no length"
    paid = Point({**POINT, "max_tokens": 32})
    assert cap_to_go_on(problem(), paid, [standing({128: 0.7}, longest=4)]) is None


def test_a_race_follows_the_length_of_the_answers() -> None:
    begun = standing({128: 0.7}, longest=4, spent_per_draw=6e-6)
    race = Race(problem(), 1.0, {0: begun})
    state = race.states[0]
    price = race.expected_price(state, 1)
    assert state.cap == 8
    race.update(Outcome({0: replace(begun, longest=9)}, 1.0, complete=True))
    assert state.cap == 32
    # A smaller max_tokens makes no answer cheaper that is shorter anyway.
    assert race.expected_price(state, 1) == pytest.approx(price)
    race.update(Outcome({0: replace(begun, longest=9, cap=8)}, 1.0, complete=True))
    assert state.cap == 8, "it was cut, so larger ones are not read any more"


def test_where_the_cap_is_paid_it_is_the_points_own() -> None:
    paid = Point({**POINT, "max_tokens": 32})
    free = ("n", "stop", "aggregate")
    assert (
        cap_to_buy(problem(free=free), paid, [standing({8: 0.7, 32: 0.7, 128: 0.7})])
        == 32
    )


def test_a_trial_keeps_its_cap_when_the_race_goes_on_in_the_final_comparison() -> None:
    begun = standing({8: 0.7, 32: 0.7, 128: 0.7})
    race = Race(problem(), 1.0, {0: begun})
    assert race.states[0].cap == 128
    assert race.add(Point({**POINT, "temperature": 1})).cap == 8
    assert race.ceiling(race.add(POINT, 7, 128), 1) > race.ceiling(
        race.add(POINT, 8, 8), 1
    )
