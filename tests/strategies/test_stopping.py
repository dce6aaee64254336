"""Stopping while there is money: what new points and more examples are expected to gain, against
known truth.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tune
from tests.support.fixtures import MODELS, PRICES
from tune.errors import InputError
from tune.fakes.race import World, reading, some_space, standing
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.plan.make import make_plan
from tune.plan.read_options import read_options
from tune.store.journal import read_events
from tune.strategies import Problem, Standing
from tune.strategies.blocks import rung_sizes
from tune.strategies.cheapest import good_enough
from tune.strategies.frontier import cost_limits
from tune.strategies.prospect import UNKNOWN, Prospect
from tune.strategies.race import Race
from tune.strategies.settings import FrontierSettings
from tune.strategies.stopping import (
    chance_of_change,
    final_comparison_prospect,
    search_prospect,
)

LARGE = some_space(temperature=tune.Uniform(0, 1.2, 0.001), n=1)


def problem(examples: int = 200, **changes: Any) -> Problem:
    return replace(World(space=LARGE, examples=examples).problem(), **changes)


def race(
    qualities: Any, examples: int = 200, seed: int = 0, met: int | None = None
) -> dict[int, Standing]:
    """One trial for each quality, all on the same examples."""
    rng = np.random.default_rng(seed)
    found = {}
    for trial, quality in enumerate(qualities):
        scores = (rng.random(met or examples) < quality).astype(float)
        found[trial] = standing(
            reading(list(scores), trial=trial, temperature=trial / 1000)
        )
    return found


# --- new points


def test_nothing_is_said_before_there_are_a_few_points() -> None:
    assert search_prospect(problem(), race([0.5] * 7), 1.0) == UNKNOWN
    assert search_prospect(problem(), {}, 1.0) == UNKNOWN
    assert chance_of_change(problem(), race([0.5] * 7), 1.0) is None
    assert search_prospect(problem(), race([0.5] * 8), 1.0) != UNKNOWN


def test_more_money_is_expected_to_gain_more_and_more_points_seen_leave_less_to_gain() -> (
    None
):
    few, many = race(np.linspace(0.3, 0.7, 10)), race(np.linspace(0.3, 0.7, 60))
    gains = [
        search_prospect(problem(), few, dollars).gain
        for dollars in (0.0, 0.01, 0.1, 1.0)
    ]
    assert gains == sorted(gains)
    assert gains[0] == 0
    assert (
        search_prospect(problem(), many, 0.1).gain
        < search_prospect(problem(), few, 0.1).gain
    )


def test_a_few_examples_all_right_are_no_plateau_and_many_are() -> None:
    few = search_prospect(problem(), race([1.0] * 10, met=8), 0.1)
    many = search_prospect(problem(2000), race([1.0] * 100, examples=2000), 0.01)
    assert few.gain > 0.01
    assert many.gain < 0.001


def test_where_every_point_was_tried_nothing_is_left_to_gain() -> None:
    small = replace(
        World(
            space=some_space(model="tiny", prompt="{text}", temperature=[0.1, 0.2])
        ).problem(),
        examples=50,
    )
    tried = race([0.2 + i / 100 for i in range(8)], examples=50)
    assert search_prospect(small, tried, 100.0) == Prospect(0.0, 0.0)


@settings(max_examples=40)
@given(
    st.lists(st.floats(0, 1), min_size=8, max_size=30),
    st.floats(0, 10),
    st.sampled_from([8, 40]),
    st.booleans(),
)
def test_a_prospect_is_a_gain_within_the_range_and_a_probability(
    qualities: list[float], dollars: float, met: int, flip: bool
) -> None:
    asked = problem(60, larger_is_better=not flip)
    for expect in (search_prospect, final_comparison_prospect):
        found = expect(asked, race(qualities, examples=60, met=met), dollars)
        assert 0 <= found.gain <= 1.2
        assert 0 <= found.chance <= 1
    chance = chance_of_change(asked, race(qualities, examples=60, met=met), dollars)
    assert chance is not None
    assert 0 <= chance <= 1


@pytest.mark.parametrize("shape", ["uniform", "normal", "skewed"])
def test_the_expected_gain_of_new_points_is_not_below_the_true_one(shape: str) -> None:
    rng = np.random.default_rng(3)
    draw = {
        "uniform": lambda k: rng.uniform(0.3, 0.8, k),
        "normal": lambda k: np.clip(rng.normal(0.5, 0.1, k), 0, 1),
        "skewed": lambda k: rng.beta(2, 6, k),
    }[shape]
    said, true = [], []
    for world in range(30):
        old, new = draw(25), draw(25)
        block = rung_sizes(500)[0] * 1e-4  # at what every draw costs
        said.append(
            search_prospect(
                problem(500), race(old, examples=500, seed=world), 25 * block
            ).gain
        )
        true.append(max(0.0, new.max() - old.max()))
    assert np.mean(said) > np.mean(true) - 2 * np.std(true) / math.sqrt(len(true))
    # A tail that ends is taken for one that thins out: that errs on the side of going on.
    assert np.mean(said) < (10 if shape == "uniform" else 4) * np.mean(true)


# --- the cheapest that is good enough


def priced(
    *trials: tuple[float, float], examples: int = 200, met: int | None = None
) -> dict[int, Standing]:
    """One trial for each (quality, cost per request), all on the same examples, as even as can be."""
    found = {}
    for trial, (quality, cost) in enumerate(trials):
        count = met or examples
        scores = [float(i % 20 < round(20 * quality)) for i in range(count)]
        found[trial] = standing(
            reading(scores, trial=trial, cost=cost, temperature=trial / 1000)
        )
    return found


def cheapest(**changes: Any) -> Problem:
    return problem(**{"goal": "cheapest", "min_quality": 0.6, **changes})


EIGHT = [(0.5, 1e-3 * 1.1**i) for i in range(8)]


def test_nothing_is_said_of_the_cheapest_before_one_is_known_to_be_good_enough() -> (
    None
):
    assert search_prospect(cheapest(), priced(*EIGHT), 1.0) == UNKNOWN
    assert final_comparison_prospect(cheapest(), priced(*EIGHT), 1.0) == UNKNOWN
    assert final_comparison_prospect(cheapest(), {}, 1.0) == UNKNOWN
    few = priced((0.9, 1e-3), (0.5, 1e-3))
    assert search_prospect(cheapest(), few, 1.0) == UNKNOWN


def test_new_points_save_little_where_the_cheapest_of_all_is_good_enough_and_much_where_it_is_the_dearest() -> (
    None
):
    low, high = priced((0.9, 9e-4), *EIGHT), priced((0.9, 1e-2), *EIGHT)
    little, much = (search_prospect(cheapest(), found, 0.01) for found in (low, high))
    assert 0 < little.gain < 0.2
    assert much.gain > 3 * little.gain
    assert little.chance == much.chance
    assert search_prospect(cheapest(), low, 0.001).gain < little.gain


def test_points_that_all_cost_the_same_leave_next_to_nothing_to_save_but_not_nothing() -> (
    None
):
    found = search_prospect(cheapest(), priced(*[(0.9, 1e-3)] * 9), 0.1)
    assert 0 < found.gain < 1e-4


def test_a_choice_that_costs_nothing_cannot_be_cheaper() -> None:
    free = priced((0.9, 0.0), *EIGHT)
    assert search_prospect(cheapest(), free, 0.1).gain == 0
    assert final_comparison_prospect(cheapest(), free, 0.1) == Prospect(0.0, 0.0)


def test_whoever_is_cheaper_and_undecided_may_save_what_it_is_cheaper_by() -> None:
    half, tenth = (
        priced((0.9, 1e-3), (0.65, cost), examples=100) for cost in (5e-4, 1e-4)
    )
    few, many = (
        final_comparison_prospect(cheapest(examples=400), found, 1.0)
        for found in (half, tenth)
    )
    assert few.chance == many.chance
    assert few.gain == pytest.approx(0.5 * few.chance)
    assert many.gain == pytest.approx(0.9 * many.chance)
    assert 0.3 < few.chance < 0.9


def test_nobody_is_waited_for_who_is_dearer_ruled_out_or_has_met_all_examples() -> None:
    for other in ((0.9, 2e-3), (0.2, 1e-4)):
        assert final_comparison_prospect(
            cheapest(), priced((0.9, 1e-3), other, met=100), 1.0
        ) == Prospect(0.0, 0.0)
    over = priced((0.9, 1e-3), (0.6, 1e-4), examples=200)
    assert final_comparison_prospect(cheapest(), over, 1.0).gain == 0


def test_the_chance_that_one_is_shown_to_be_good_enough_is_what_it_is_in_the_world() -> (
    None
):
    rng = np.random.default_rng(11)
    asked, said, shown = cheapest(examples=400), [], []
    for _ in range(120):
        scores = (rng.random(400) < rng.uniform(0.5, 0.8)).astype(float)
        sure = standing(reading([1.0] * 400, trial=0, cost=1e-3))
        seen, whole = (
            {
                0: sure,
                1: standing(
                    reading(list(scores[:count]), trial=1, cost=1e-4, temperature=0.2)
                ),
            }
            for count in (60, 400)
        )
        if good_enough(asked, list(seen.values()))[-1].trial:
            continue  # shown already
        said.append(final_comparison_prospect(asked, seen, 1.0).chance)
        shown.append(len(good_enough(asked, list(whole.values()))) == 2)
    assert len(said) > 40
    assert abs(np.mean(said) - np.mean(shown)) < 0.12


def test_where_a_margin_cannot_be_compared_yet_nothing_is_said() -> None:
    known = standing(reading([1.0] * 40, trial=0, cost=1e-3, temperature=0.5))
    apart = standing(reading([1.0] * 40, trial=1, cost=1e-4, start=40, temperature=0.2))
    asked = cheapest(
        min_quality=None,
        margin=0.1,
        baseline=known.point,
        baseline_config=known.readings[0].config,
        examples=200,
    )
    assert final_comparison_prospect(asked, {0: known, 1: apart}, 1.0) == UNKNOWN


# --- the frontier


def frontier(**changes: Any) -> Problem:
    return problem(**{"goal": "frontier", **changes})


def rows(
    points: Iterable[tuple[float, float]], examples: int = 400, seed: int = 0
) -> dict[int, Standing]:
    """One trial for each (quality, cost per request), on random scores."""
    rng = np.random.default_rng(seed)
    return {
        trial: standing(
            reading(
                list((rng.random(examples) < q).astype(float)),
                trial=trial,
                cost=cost,
                temperature=trial / 1000,
            )
        )
        for trial, (q, cost) in enumerate(points)
    }


def test_nothing_is_said_of_the_frontier_before_there_are_a_few_points() -> None:
    for found in (priced(*EIGHT[:7]), {}):
        assert search_prospect(frontier(), found, 1.0) == UNKNOWN
        assert chance_of_change(frontier(), found, 1.0) is None
    assert final_comparison_prospect(frontier(), {}, 1.0) == UNKNOWN
    assert search_prospect(frontier(), priced(*EIGHT), 0.0) == Prospect(0.0, 0.0)


def test_a_frontier_of_points_that_all_cost_the_same_is_the_best_of_them() -> None:
    same = priced(*[(q, 1e-3) for q in np.linspace(0.2, 0.8, 20)])
    ours, theirs = (
        search_prospect(asked, same, 0.01) for asked in (frontier(), problem())
    )
    assert ours.gain == theirs.gain
    assert ours.chance >= theirs.chance  # by what may be cheaper than all
    assert final_comparison_prospect(
        frontier(), same, 0.01
    ) == final_comparison_prospect(problem(), same, 0.01)


def test_a_frontier_has_less_to_gain_the_more_points_were_seen_and_more_the_more_money_there_is() -> (
    None
):
    rng = np.random.default_rng(1)
    points = [(rng.uniform(0.2, 0.8), 10 ** rng.uniform(-5, -3)) for _ in range(120)]
    few, many = rows(points[:15]), rows(points)
    asked = frontier(examples=400)
    gains = [
        search_prospect(asked, few, dollars).gain for dollars in (0.0, 0.01, 0.1, 1.0)
    ]
    assert gains == sorted(gains)
    assert (
        search_prospect(asked, many, 0.05).gain < search_prospect(asked, few, 0.05).gain
    )


def heights(
    points: Sequence[tuple[float, float]], ceilings: Sequence[float]
) -> np.ndarray:
    """The best quality under each limit on cost."""
    return np.array(
        [
            max((q for q, cost in points if cost <= ceiling), default=0.0)
            for ceiling in ceilings
        ]
    )


def point_of(cloud: str, rng: np.random.Generator) -> tuple[float, float]:
    """A random point: its quality and its cost."""
    exponent = rng.uniform(-5, -3)
    if cloud == "two models":
        weak = rng.random() < 0.4
        quality, exponent = (
            (rng.beta(2, 5), exponent / 4 - 3.75)
            if weak
            else (rng.beta(8, 2), exponent / 4 - 2.25)
        )
    else:
        quality = {
            "quality and cost apart": rng.uniform(0.3, 0.8),
            "the dearer the better": np.clip(
                rng.normal(1.3 + 0.2 * exponent, 0.1), 0, 1
            ),
            "few that are good": rng.beta(1.5, 8),
        }[cloud]
    return float(quality), 10**exponent


CLOUDS = (
    "quality and cost apart",
    "the dearer the better",
    "few that are good",
    "two models",
)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_frontier_is_not_expected_to_rise_less_than_it_does(cloud: str) -> None:
    rng = np.random.default_rng(5)
    asked, said, true, changed, chance = frontier(examples=400), [], [], [], []
    for world in range(25):
        old, new = ([point_of(cloud, rng) for _ in range(25)] for _ in range(2))
        found = rows(old, seed=world)
        block = rung_sizes(400)[0] * 1e-4  # at what every draw costs
        prospect = search_prospect(asked, found, 25 * block)
        ceilings = cost_limits(Race(asked, 0.0, found), FrontierSettings().limits)
        gained = heights([*old, *new], ceilings) - heights(old, ceilings)
        said.append(prospect.gain)
        true.append(gained.mean())
        changed.append(
            gained.max() > 0
            or min(cost for _, cost in new) < min(cost for _, cost in old)
        )
        chance.append(prospect.chance)
    assert np.mean(said) > np.mean(true) - 2 * np.std(true) / math.sqrt(len(true))
    assert np.mean(said) < 10 * np.mean(true)  # it errs on the side of going on
    assert np.mean(chance) > np.mean(changed) - 0.1


def test_a_lone_cheap_point_leaves_as_much_to_hope_for_as_all_points_spread() -> None:
    spread_out = priced((0.5, 1e-5), *[(q, 1e-3) for q in np.linspace(0.1, 0.9, 20)])
    alike = priced((0.5, 1e-5), *[(0.5, 1e-3)] * 20)
    wide, narrow = (
        search_prospect(frontier(), found, 0.05) for found in (spread_out, alike)
    )
    assert wide.gain > narrow.gain > 0


def test_telling_apart_what_is_on_the_frontier_gains_about_what_it_does_in_the_world() -> (
    None
):
    rng = np.random.default_rng(17)
    asked, said, true = frontier(examples=400), [], []
    for _ in range(40):
        costs = 10 ** rng.uniform(-5, -3, 6)
        rates = np.clip(0.6 + 0.05 * rng.standard_normal(6), 0, 1)
        scores = (rng.random((6, 400)) < rates[:, None]).astype(float)
        seen = {
            i: standing(
                reading(
                    list(scores[i, :100]), trial=i, cost=costs[i], temperature=i / 10
                )
            )
            for i in range(6)
        }
        found = final_comparison_prospect(asked, seen, 100.0)
        assert 0 <= found.chance <= 1
        said.append(found.gain)
        lifts = []
        for ceiling in cost_limits(Race(asked, 0.0, seen), FrontierSettings().limits):
            there = [i for i in range(6) if costs[i] <= ceiling * (1 + 1e-9)]
            now = max(there, key=lambda i: scores[i, :100].mean())
            lifts.append(max(scores[i].mean() for i in there) - scores[now].mean())
        true.append(np.mean(lifts))
    assert np.mean(said) > np.mean(true) - 2 * np.std(true) / math.sqrt(len(true))
    assert np.mean(said) < 4 * np.mean(true)


def test_a_frontier_that_is_known_on_all_examples_stands_and_one_that_more_answers_may_lift_is_open() -> (
    None
):
    points = [(0.4, 1e-5), (0.5, 1e-4), (0.9, 1e-3)]
    assert final_comparison_prospect(frontier(), priced(*points), 10.0) == Prospect(
        0.0, 0.0
    )
    voting = frontier(
        space=some_space(temperature=tune.Uniform(0, 1.2, 0.001), n=[1, 3, 5])
    )
    assert final_comparison_prospect(voting, priced(*points), 10.0) == UNKNOWN


def test_an_n_whose_answers_are_there_already_is_not_hoped_for_under_a_limit_that_it_is_too_dear_for() -> (
    None
):
    space = some_space(
        temperature=tune.Uniform(0, 1.2, 0.001), n=[1, 3], aggregate=["first", "vote"]
    )
    held = {
        trial: standing(
            *(
                reading(
                    list(np.tile([1.0, 0.0], 100)),
                    trial=trial,
                    cost=n * cost,
                    n=n,
                    temperature=trial / 10,
                )
                for n in (1, 3)
            )
        )
        for trial, cost in enumerate((1e-5, 1e-4))
    }
    assert final_comparison_prospect(frontier(space=space), held, 1.0) != UNKNOWN


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.floats(1e-6, 1e-2)), min_size=8, max_size=20
    ),
    st.floats(0, 10),
    st.sampled_from([8, 40]),
)
def test_a_prospect_of_the_frontier_is_a_gain_within_the_range_and_a_probability(
    points: list[tuple[float, float]], dollars: float, met: int
) -> None:
    asked = frontier(examples=60)
    for expect in (search_prospect, final_comparison_prospect):
        found = expect(asked, rows(points, examples=met), dollars)
        assert 0 <= found.gain <= 1.2
        assert 0 <= found.chance <= 1
    chance = chance_of_change(asked, rows(points, examples=met), dollars)
    assert chance is not None
    assert 0 <= chance <= 1


# --- in a run

WORLD = LabelledWorld(
    models={"small": 0.98, "large": 0.98}, templates={}, heat=0.0, spread=0.0
)
SPACE: dict[str, Any] = {
    "model": ["small", "large"],
    "prompt": {
        "a": "Label this ticket: {text}",
        "b": "Give this ticket a label: {text}",
    },
    "temperature": tune.Uniform(0.1, 1.0, step=0.1),
    "max_tokens": 16,
    "answer": {"labels": list(WORLD.labels)},
}


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(models=MODELS, world=WORLD) as started:
        yield started


def run(server: Server, folder: Path, **more: Any) -> tune.Study:
    return tune.tune(
        WORLD.examples(60),
        tune.Space(**SPACE),
        target="label",
        base_url=server.base_url,
        results=folder / "study",
        price=PRICES,
        **{"budget": 0.05, "searcher": "random", **more},
    )


def test_a_search_that_can_gain_little_keeps_its_money_says_so_and_goes_on_when_asked(
    server: Server, tmp_path: Path
) -> None:
    study = run(server, tmp_path, min_gain=5.0)
    assert study.stopped == "gain"
    assert study.record.money.left > 0.005
    assert "so it was kept: another $1 has a chance of" in study.record.stopped
    assert "chance of" in (tmp_path / "study" / "report.md").read_text()
    outcomes = [
        e
        for e in read_events(tmp_path / "study" / "study.jsonl")
        if e["event"] == "outcome"
    ]
    assert "gain" in [e["stopped"] for e in outcomes]
    calls = len(server.posts)
    again = run(server, tmp_path, min_gain=5.0)
    assert len(server.posts) == calls
    assert again.record.stopped == study.record.stopped
    more = run(server, tmp_path, min_gain=0)
    assert more.record.money.spent > study.record.money.spent
    assert more.stopped != "gain"


def test_the_goal_of_the_cheapest_keeps_its_money_too_and_says_what_it_would_save(
    server: Server, tmp_path: Path
) -> None:
    study = run(server, tmp_path, min_gain=60.0, goal="cheapest", min_quality=0.5)
    assert study.stopped == "gain"
    assert study.best.config.model == "small"
    assert "expected to save less than 60 %, so it was kept" in study.record.stopped


def test_the_goal_of_the_frontier_keeps_its_money_too_and_says_so(
    server: Server, tmp_path: Path
) -> None:
    study = run(server, tmp_path, min_gain=8.0, goal="frontier")
    assert study.stopped == "gain"
    assert study.record.money.left > 0.005
    assert "gain less than 8 points (of 100), so it was kept" in study.record.stopped
    assert "another $1 has a chance of" in study.record.stopped
    assert study.record.stopped.endswith("to change a choice on the frontier")
    assert any(
        e.get("stopped") == "gain"
        for e in read_events(tmp_path / "study" / "study.jsonl")
    )


def test_at_0_the_whole_budget_is_used(server: Server, tmp_path: Path) -> None:
    assert run(server, tmp_path, min_gain=0, budget=0.01).stopped != "gain"


def test_a_gain_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="min_gain"):
        make_plan(
            read_options(
                data=WORLD.examples(40),
                space=tune.Space(**SPACE),
                budget=1.0,
                min_gain=-1.0,
                target="label",
            )
        )
