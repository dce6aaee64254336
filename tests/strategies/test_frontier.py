"""The goal "frontier": which trials go on, what is bought for them, and what frontier is recovered
in known worlds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tune
from tests.support.fixtures import MODELS, PRICES
from tune.fakes.race import World, play, reading, some_space, standing
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.readout import Reading
from tune.search import SEARCHERS
from tune.strategies import STRATEGIES, Problem, Selection, Standing
from tune.strategies.frontier import (
    contenders,
    cost_limits,
    frontier_trials,
    trace_frontier,
)
from tune.strategies.race import Race
from tune.strategies.settings import FrontierSettings

SETTINGS = FrontierSettings()


@dataclass
class GoalWorld(World):
    """A world with a goal."""

    goal: str = "frontier"

    def problem(self) -> Problem:
        return replace(super().problem(), goal=self.goal)


def shares(right: int, of: int = 40) -> list[float]:
    return [1.0] * right + [0.0] * (of - right)


def race(*readings: Reading, left: float = 1e9, **changes: Any) -> Race:
    asked = replace(GoalWorld().problem(), **changes)
    by_trial: dict[int, list[Reading]] = {}
    for one in readings:
        by_trial.setdefault(one.trial, []).append(one)
    return Race(
        asked, left, {trial: standing(*held) for trial, held in by_trial.items()}
    )


def one(trial: int, right: int, cost: float, of: int = 40) -> Reading:
    return reading(shares(right, of), trial=trial, cost=cost, temperature=trial / 100)


def numbers(states: Sequence[Any]) -> list[int]:
    return [state.trial for state in states]


DEAR, MIDDLE, CHEAP, POOR = (
    one(0, 38, 1e-2),
    one(1, 25, 1e-3),
    one(2, 12, 1e-4),
    one(3, 2, 9e-3),
)


# --- limits


def test_limits_are_spaced_by_equal_factors_from_the_best_down_to_the_cheapest() -> (
    None
):
    first, *others = cost_limits(race(DEAR, MIDDLE, CHEAP, POOR), 5)
    assert first == math.inf
    assert others[-1] == 1e-4
    assert np.diff(np.log([1e-2, *others])) == pytest.approx(math.log(1e-2) / 4)


def test_nothing_dearer_than_the_best_makes_a_limit_and_one_limit_is_none_at_all() -> (
    None
):
    best, dearer = one(0, 38, 1e-4), one(1, 20, 1e-2)
    assert cost_limits(race(best, dearer), 5) == [math.inf]
    assert cost_limits(race(DEAR, CHEAP), 1) == [math.inf]
    assert cost_limits(race(), 5) == []


def test_costs_that_nobody_knows_and_costs_of_nothing_make_no_limit() -> None:
    found = cost_limits(race(DEAR, one(1, 20, math.nan), one(2, 20, 0.0), MIDDLE), 3)
    assert found[-1] == 1e-3
    assert all(limit > 0 for limit in found)


# --- who goes on


def test_the_best_under_each_limit_go_on_and_one_that_is_beaten_in_both_does_not() -> (
    None
):
    made = race(DEAR, MIDDLE, CHEAP, POOR)
    assert set(numbers(frontier_trials(made, list(made.states.values()), 4))) == {
        0,
        1,
        2,
    }
    assert numbers(frontier_trials(made, list(made.states.values()), 1)) == [0]


def test_a_cheap_trial_goes_on_however_far_it_is_behind_the_best() -> None:
    made = race(DEAR, CHEAP)
    assert numbers(contenders(made, math.inf)) == [0]
    assert numbers(contenders(made, 1e-3)) == [2]
    assert set(numbers(frontier_trials(made, list(made.states.values()), 2))) == {0, 2}


def test_the_best_come_first_and_the_second_best_under_every_limit_after_them() -> None:
    made = race(one(0, 38, 1e-2), one(1, 37, 1e-2), one(2, 20, 1e-4), one(3, 19, 1e-4))
    assert numbers(frontier_trials(made, list(made.states.values()), 4)) == [0, 2, 1, 3]


def test_who_is_behind_a_trial_of_another_bracket_goes_no_further() -> None:
    made = race(DEAR, CHEAP, POOR)
    assert frontier_trials(made, [made.states[3]], 2) == []


def test_a_trial_is_read_at_the_n_that_the_limit_pays_for() -> None:
    many = reading(shares(38), trial=0, cost=5e-3, n=5)
    single = reading(shares(24), trial=0, cost=1e-3)
    rival = one(1, 30, 1.1e-3)
    made = race(many, single, rival)
    assert numbers(contenders(made, 1e-2))[0] == 0
    assert numbers(contenders(made, 2e-3))[0] == 1
    assert numbers(contenders(made, 1e-3)) == [0]


def test_limits_on_cost_and_failures_are_kept_besides() -> None:
    made = race(DEAR, MIDDLE, CHEAP, max_cost=2e-3)
    assert set(numbers(frontier_trials(made, list(made.states.values()), 5))) == {1, 2}
    made.standings[1] = replace(made.standings[1], failed=True)
    assert set(numbers(frontier_trials(made, list(made.states.values()), 5))) == {2}


@settings(max_examples=60)
@given(
    rights=st.lists(st.integers(0, 20), min_size=1, max_size=12),
    costs=st.lists(st.floats(1e-6, 1e-1), min_size=12, max_size=12),
    count=st.integers(1, 12),
)
def test_no_more_go_on_than_may_each_once_and_the_best_always_does(
    rights: list[int], costs: list[float], count: int
) -> None:
    made = race(
        *(
            one(i, right, cost, of=20)
            for i, (right, cost) in enumerate(zip(rights, costs, strict=False))
        )
    )
    kept = numbers(frontier_trials(made, list(made.states.values()), count))
    assert 1 <= len(kept) <= count
    assert len(set(kept)) == len(kept)
    assert rights[kept[0]] == max(rights)
    assert len(cost_limits(made, SETTINGS.limits)) <= SETTINGS.limits


# --- what is bought


def test_examples_go_to_who_met_the_fewest_of_those_on_the_frontier() -> None:
    made = race(DEAR, one(1, 13, 1e-3, of=20), CHEAP, POOR, examples=120)
    (step,) = next(trace_frontier(made))
    assert step.trial == 1
    assert (step.examples[0], step.examples[-1]) == (20, made.states[1].examples - 1)


def test_nothing_is_bought_for_who_is_beaten_nor_without_money_nor_when_all_is_met() -> (
    None
):
    wave = next(trace_frontier(race(DEAR, CHEAP, POOR, examples=120)))
    assert {step.trial for step in wave} == {0, 2}
    assert list(trace_frontier(race(DEAR, CHEAP, left=0.0, examples=120))) == []
    assert (
        list(trace_frontier(race(DEAR, CHEAP, examples=40, space=some_space(n=1))))
        == []
    )
    assert list(trace_frontier(race(examples=40))) == []


def test_when_all_examples_are_met_more_draws_show_whether_a_larger_n_is_better() -> (
    None
):
    wave = next(trace_frontier(race(MIDDLE, CHEAP, examples=40)))
    assert {(step.trial, step.draws) for step in wave} == {(1, 3), (2, 3)}


def test_at_most_so_many_go_on_side_by_side() -> None:
    many = [one(i, 20 + i, 1e-4 * 1.5**i) for i in range(20)]
    assert len(next(trace_frontier(race(*many, examples=120)))) <= SETTINGS.most_at_once


# --- in worlds whose truth is known


def recovered(standings: Sequence[Standing], choice: Selection) -> list[Reading]:
    """The frontier as the report has it."""
    every = [
        r
        for s in standings
        for r in s.readings
        if r.n_examples >= choice.reading.n_examples / 2
    ]
    found: list[Reading] = []
    for one in sorted(every, key=lambda r: (r.cost, -r.mean)):
        if not found or one.mean > found[-1].mean:
            found.append(one)
    return found


def regret(world: World, found: Sequence[Reading]) -> float:
    """How far what is recommended under a limit is below the best under it, the mean over limits.

    Nothing is recommended, and nothing gained, under a limit that is below the cheapest of all.
    """
    configs = [
        c
        for p in world.space.points(world.free)
        for c in world.space.configs_of(p, world.free)
    ]
    costs = np.array([world.cost(c, c.n) for c in configs])
    truth = np.array([world.truth(c) for c in configs])
    gaps = []
    for limit in np.geomspace(costs.min(), costs.max(), 25) * (1 + 1e-9):
        mine = [r.config for r in found if r.cost <= limit]
        gaps.append(
            truth[costs <= limit].max() - (world.truth(mine[-1]) if mine else 0.0)
        )
    return float(np.mean(gaps))


def gaps(strategy: str, goal: str, seeds: int = 20) -> np.ndarray:
    """The regret of the frontier that is recovered, in so many worlds."""
    found = []
    for seed in range(seeds):
        world = GoalWorld(seed=seed, examples=80, goal=goal)
        searcher = SEARCHERS["random"](world.space, world.free, seed)
        choice, ledger = play(world, STRATEGIES[strategy], searcher, 5 * world.unit())
        assert choice is not None
        found.append(regret(world, recovered(list(ledger.standings.values()), choice)))
    return np.array(found)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["halving", "knowledge_gradient"])
def test_the_frontier_that_is_recovered_is_nearer_to_the_true_one_than_that_of_the_goal_quality(
    strategy: str,
) -> None:
    frontier = gaps(strategy, "frontier")
    lead = gaps(strategy, "quality") - frontier
    assert lead.mean() > 2 * lead.std() / math.sqrt(len(lead))
    assert frontier.mean() < 0.08


def test_waves_take_turns_over_limits_on_cost_so_that_every_model_is_looked_at_more_closely() -> (
    None
):
    met: dict[str, list[float]] = {"quality": [], "frontier": []}
    for goal, found in met.items():
        for seed in range(4):
            world = GoalWorld(
                space=some_space(temperature=tune.Uniform(0, 1.2, 0.4)),
                seed=seed,
                examples=60,
                goal=goal,
            )
            searcher = SEARCHERS["random"](world.space, world.free, seed)
            _, ledger = play(
                world, STRATEGIES["knowledge_gradient"], searcher, 8 * world.unit()
            )
            most: dict[Any, int] = {}
            for held in ledger.standings.values():
                most[held.point["model"]] = max(
                    held.examples, most.get(held.point["model"], 0)
                )
            found.append(float(np.mean(list(most.values()))))
    assert np.mean(met["frontier"]) > 1.2 * np.mean(met["quality"])


# --- in a run

WORLD = LabelledWorld(models={"small": 0.5, "large": 0.9}, templates={})
SPACE: dict[str, Any] = {
    "model": ["small", "large"],
    "prompt": "Label this ticket: {text}",
    "temperature": [0.1, 0.2, 0.3],
    "max_tokens": 16,
    "answer": {"labels": list(WORLD.labels)},
}


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(models=MODELS, world=WORLD) as started:
        yield started


def test_a_run_reports_both_ends_of_the_frontier_and_its_best_quality_as_the_winner(
    server: Server, tmp_path: Path
) -> None:
    study = tune.tune(
        WORLD.examples(120),
        tune.Space(**SPACE),
        target="label",
        base_url=server.base_url,
        budget=0.05,
        price=PRICES,
        results=tmp_path / "study",
        goal="frontier",
    )
    rows = study.record.frontier
    assert rows[0].config.model == "small"
    assert rows[-1].config.model == "large"
    assert min(row.tuning.n for row in rows if row.tuning is not None) >= 36
    assert study.best.config.model == "large"
    assert study.best.config in [row.config for row in rows]
    assert study.record.provenance.goal == "the best quality at every cost"
    assert any("at every cost" in notice for notice in study.record.notices)


def test_a_winner_on_few_examples_is_a_row_of_the_frontier(tmp_path: Path) -> None:
    world = LabelledWorld(models={"small": 0.6, "large": 0.8})
    with Server(models=MODELS, world=world) as server:
        study = tune.tune(
            world.examples(60),
            target="label",
            model=["small", "large"],
            base_url=server.base_url,
            budget=0.02,
            price=PRICES,
            results=tmp_path / "study",
            goal="frontier",
        )
    winner = study.record.winner
    assert winner is not None
    assert winner.tuning is not None
    assert winner.tuning.n < 17, "the cheap ones met all 34"
    assert winner.config in [row.config for row in study.record.frontier]
