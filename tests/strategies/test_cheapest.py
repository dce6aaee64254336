"""The goal "cheapest": what counts as good enough, what is bought to show it, and how the verdict
is worded.
"""

from __future__ import annotations

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
from tests.support.reports import whole
from tune.errors import InputError
from tune.fakes.race import World, play, reading, standing
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.followup.reprice import reprice
from tune.plan.make import make_plan
from tune.plan.read_options import read_options
from tune.readout import Reading
from tune.report import answer, markdown, result_json
from tune.report.json import difference_record
from tune.search import SEARCHERS
from tune.space import Config, Point
from tune.stats.intervals import Interval
from tune.strategies import STRATEGIES, Problem
from tune.strategies.cheapest import (
    baseline_reading,
    cheapest_good_enough,
    good_enough,
    prove_good_enough,
    undecided,
)
from tune.strategies.race import Race
from tune.strategies.select import select_config


@dataclass
class GoalWorld(World):
    """A world whose goal is the cheapest that is good enough."""

    least: float | None = None
    margin: float | None = None

    def problem(self) -> Problem:
        own = (
            None
            if self.baseline is None
            else Config({**self.baseline, "n": 1, "max_tokens": 64})
        )
        least = 1 - self.least if self.flip and self.least is not None else self.least
        return replace(
            super().problem(),
            goal="cheapest",
            min_quality=least,
            margin=self.margin,
            baseline_config=own,
        )


def problem(**changes: Any) -> Problem:
    return replace(GoalWorld(least=0.7).problem(), **changes)


def shares(right: int, of: int) -> list[float]:
    return [1.0] * right + [0.0] * (of - right)


def chosen(asked: Problem, *readings: Reading) -> Any:
    return select_config(asked, {r.trial: standing(r) for r in readings})


# --- what is good enough


def test_the_cheapest_that_has_the_quality_with_confidence_is_chosen() -> None:
    best = reading(shares(95, 100), trial=0, cost=5e-3, temperature=0.1)
    good = reading(shares(85, 100), trial=1, cost=1e-3, temperature=0.2)
    poor = reading(shares(50, 100), trial=2, cost=1e-4, temperature=0.3)
    choice = chosen(problem(), best, good, poor)
    assert choice.reading is good
    assert choice.reached
    assert choice.runners_up[0] is best


def test_a_mean_above_the_quality_is_not_enough() -> None:
    lucky = reading(shares(15, 20), trial=0, cost=1e-4, temperature=0.1)
    sure = reading(shares(80, 100), trial=1, cost=1e-3, temperature=0.2)
    assert chosen(problem(), lucky, sure).reading is sure


def test_where_none_is_shown_to_be_good_enough_the_best_is_chosen_and_that_is_said() -> (
    None
):
    low, high = (
        reading(shares(40, 100), trial=0),
        reading(shares(60, 100), trial=1, cost=1e-2, temperature=0.1),
    )
    choice = chosen(problem(), low, high)
    assert choice.reading is high
    assert not choice.reached


def test_limits_are_kept_besides() -> None:
    dear = reading(shares(95, 100), trial=0, cost=5e-3, temperature=0.1)
    assert not chosen(problem(max_cost=1e-3), dear).reached
    assert chosen(problem(max_cost=1e-2), dear).reached


def test_where_smaller_is_better_the_quality_is_a_score_not_to_be_above() -> None:
    few = reading(shares(5, 100), trial=0, cost=1e-3, temperature=0.1)
    many = reading(shares(50, 100), trial=1, cost=1e-4, temperature=0.2)
    choice = chosen(problem(larger_is_better=False, min_quality=0.2), few, many)
    assert choice.reading is few
    assert choice.reached


def with_margin(**changes: Any) -> Problem:
    own = reading([1.0], temperature=0.5).config
    point = Point(
        {k: v for k, v in own.items() if k in ("model", "prompt", "temperature")}
    )
    return problem(
        min_quality=None, margin=0.1, baseline=point, baseline_config=own, **changes
    )


def test_a_margin_is_a_paired_test_against_the_baseline() -> None:
    rng = np.random.default_rng(0)
    hard = (rng.random(120) < 0.7).astype(float)
    almost = hard.copy()
    almost[:2] = 1 - almost[:2]
    base = reading(hard, trial=0, cost=5e-3)
    near = reading(almost, trial=1, cost=1e-3, temperature=0.2)
    far = reading(
        rng.permutation(hard), trial=2, cost=1e-4, temperature=0.3
    )  # as good on average, but who knows
    choice = chosen(replace(with_margin(), margin=0.05), base, near, far)
    assert choice.reading is near
    assert choice.reached


def test_the_baseline_is_never_worse_than_itself() -> None:
    base = reading(shares(5, 10), trial=0, cost=5e-3)
    choice = chosen(
        with_margin(), base, reading(shares(1, 10), trial=1, cost=1e-4, temperature=0.2)
    )
    assert choice.reading is base
    assert choice.reached


def test_without_common_examples_nothing_is_shown() -> None:
    base = reading(shares(30, 40), trial=0, cost=5e-3)
    other = reading(shares(40, 40), trial=1, cost=1e-4, start=40, temperature=0.2)
    assert good_enough(with_margin(), [standing(base), standing(other)]) == [base]


def test_the_baseline_is_what_comes_nearest_to_it_among_what_was_read() -> None:
    asked = with_margin()
    several = [
        reading(shares(5, 10), n=n, max_tokens=cap)
        for n, cap in ((3, 64), (1, 16), (1, 48))
    ]
    found = baseline_reading(asked, [standing(*several)])
    assert found is several[2]
    assert (
        baseline_reading(asked, [standing(reading(shares(5, 10), temperature=0.9))])
        is None
    )


def test_scores_that_no_judge_gave_show_nothing() -> None:
    unknown = reading([np.nan] * 20, trial=0)
    assert cheapest_good_enough(problem(), [standing(unknown)]) is None


@settings(max_examples=60)
@given(
    rights=st.lists(st.integers(0, 60), min_size=1, max_size=6),
    costs=st.lists(st.floats(1e-5, 1e-2), min_size=6, max_size=6),
    least=st.floats(0.05, 0.95),
)
def test_no_reading_that_is_good_enough_is_cheaper_than_the_choice(
    rights: Sequence[int], costs: Sequence[float], least: float
) -> None:
    asked = problem(min_quality=least)
    readings = [
        reading(shares(right, 60), trial=i, cost=cost, temperature=i / 10)
        for i, (right, cost) in enumerate(zip(rights, costs, strict=False))
    ]
    choice = chosen(asked, *readings)
    good = good_enough(asked, [standing(r) for r in readings])
    assert choice.reached == bool(good)
    if good:
        assert choice.reading.cost == min(r.cost for r in good)
        assert choice.reading.mean > least


# --- what is bought to show it


def test_examples_go_to_cheap_trials_of_which_it_is_open_and_to_no_other() -> None:
    asked = problem(examples=120)
    known = reading(shares(38, 40), trial=0, cost=1e-3, temperature=0.1)
    cheap = reading(shares(30, 40), trial=1, cost=1e-4, temperature=0.2)
    hopeless = reading(shares(8, 40), trial=2, cost=5e-5, temperature=0.3)
    dear = reading(shares(30, 40), trial=3, cost=9e-3, temperature=0.4)
    race = Race(
        asked, 1e9, {r.trial: standing(r) for r in (known, cheap, hopeless, dear)}
    )
    assert [state.trial for state in undecided(race)] == [1]
    (step,) = next(prove_good_enough(race))
    assert step.trial == 1
    assert step.examples[0] == 40


def test_a_margin_brings_the_baseline_along() -> None:
    asked = with_margin(examples=120)
    base = reading(shares(30, 40), trial=0, cost=5e-3)
    cheap = reading(shares(29, 40)[::-1], trial=1, cost=1e-4, temperature=0.2)
    race = Race(asked, 1e9, {r.trial: standing(r) for r in (base, cheap)})
    wave = next(prove_good_enough(race))
    assert {step.trial for step in wave} == {0, 1}
    assert len({step.examples for step in wave}) == 1


def test_nothing_is_bought_when_it_is_decided_or_there_is_no_money() -> None:
    sure = reading(shares(120, 120), trial=0)
    race = Race(problem(examples=120), 1e9, {0: standing(sure)})
    assert list(prove_good_enough(race)) == []
    open_one = reading(shares(30, 40), trial=0)
    assert (
        list(
            prove_good_enough(Race(problem(examples=120), 0.0, {0: standing(open_one)}))
        )
        == []
    )


def test_what_is_said_to_be_good_enough_is_and_costs_little_more_than_need_be() -> None:
    ratios = []
    for seed in range(3):
        world = GoalWorld(seed=seed, examples=120, least=0.6)
        found, ledger = play(
            world,
            STRATEGIES["halving"],
            SEARCHERS["random"](world.space, world.free, seed),
            8 * world.unit(),
        )
        assert found is not None
        assert found.reached
        assert ledger.left >= -1e-12
        config = found.reading.config
        assert world.truth(config) >= 0.6
        everything = [
            c
            for p in world.space.points(world.free)
            for c in world.space.configs_of(p, world.free)
        ]
        ratios.append(
            world.cost(config, config.n)
            / min(world.cost(c, c.n) for c in everything if world.truth(c) >= 0.6)
        )
    assert sorted(ratios)[1] <= 2


# --- what is asked and said

WORLD = LabelledWorld(models={"small": 0.75, "large": 0.8}, templates={})
SPACE: dict[str, Any] = {
    "model": ["small", "large"],
    "prompt": "Label this ticket: {text}",
    "temperature": [0.25, 0.5],
    "max_tokens": 16,
    "answer": {"labels": list(WORLD.labels)},
}


def order(**more: Any) -> dict[str, Any]:
    base = {"target": "label", "price": PRICES, "base_url": "http://127.0.0.1:9/v1"}
    return {**base, **more}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"goal": "fastest"}, "there is no goal 'fastest'"),
        ({"min_quality": 0.5}, 'but the goal is "quality"'),
        ({"goal": "frontier", "margin": 0.1}, 'but the goal is "frontier"'),
        ({"goal": "cheapest"}, "needs either"),
        ({"goal": "cheapest", "min_quality": 0.5, "margin": 0.1}, "needs either"),
        ({"goal": "cheapest", "min_quality": 1.5}, "0 to 1"),
        ({"goal": "cheapest", "margin": 0.0}, "above 0"),
    ],
)
def test_a_goal_that_cannot_be_is_refused_in_a_sentence(
    given: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        make_plan(
            read_options(
                data=WORLD.examples(40),
                space=tune.Space(**SPACE),
                budget=1.0,
                **order(**given),
            )
        )


def test_the_goal_makes_it_another_study_and_the_default_does_not() -> None:
    data, space = WORLD.examples(40), tune.Space(**SPACE)
    plain = make_plan(read_options(data=data, space=space, budget=1.0, **order()))
    asked = make_plan(
        read_options(
            data=data, space=space, budget=1.0, **order(goal="cheapest", margin=0.1)
        )
    )
    assert plain.identity["goal"] == "quality"
    assert (
        make_plan(
            read_options(data=data, space=space, budget=1.0, **order(goal="quality"))
        ).identity
        == plain.identity
    )
    assert (asked.identity["goal"], asked.identity["margin"]) == ("cheapest", 0.1)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(models=MODELS, world=WORLD) as started:
        yield started


def test_a_run_finds_the_cheap_model_that_is_not_worse_by_more_than_the_margin(
    server: Server, tmp_path: Path
) -> None:
    asked = order(
        base_url=server.base_url, data=WORLD.examples(300), space=tune.Space(**SPACE)
    )
    study = tune.tune(
        **asked,
        budget=0.1,
        results=tmp_path / "study",
        goal="cheapest",
        margin=0.25,
        baseline={"model": "large", "temperature": 0.5},
    )
    assert study.best.config.model == "small"
    assert study.record.non_inferior
    assert "non-inferiority is shown" in " ".join(answer(study.record)).lower()
    assert (
        study.record.provenance.goal
        == "the cheapest that is not worse than the baseline by more than 0.25"
    )
    again = reprice(
        tmp_path / "study",
        **asked,
        goal="cheapest",
        min_quality=0.99,
        baseline={"model": "large", "temperature": 0.5},
    )
    assert any("good enough" in notice for notice in again.record.notices)


@pytest.mark.parametrize(
    ("difference", "larger", "words"),
    [
        (
            Interval(-0.005, -0.015, 0.005, 120),
            True,
            "Non-inferiority is shown: it is not worse",
        ),
        (
            Interval(-0.005, -0.05, 0.04, 120),
            True,
            "Non-inferiority is not shown: it may be worse",
        ),
        (
            Interval(-0.1, -0.15, -0.05, 120),
            True,
            "It is worse than the baseline by more than the 0.020",
        ),
        (Interval(0.005, -0.005, 0.015, 120), False, "Non-inferiority is shown"),
        (
            Interval(0.1, 0.05, 0.15, 120),
            False,
            "It is worse than the baseline by more than",
        ),
    ],
)
def test_non_inferiority_is_said_in_those_words(
    difference: Interval, larger: bool, words: str
) -> None:
    report = whole(margin=0.02, difference=difference, larger_is_better=larger)
    assert answer(report)[1].startswith(words)
    assert report.non_inferior == ("is shown" in words)
    assert "non-inferiority by 0.020" in markdown(report)
    record = difference_record(report)
    assert record is not None
    assert record["non_inferior"] == report.non_inferior
    assert result_json(report, results="x")["difference"]["margin"] == 0.02


def test_a_quality_that_was_asked_for_is_shown_by_the_interval_or_said_not_to_be() -> (
    None
):
    assert (
        "its whole interval shows the at least 0.700"
        in answer(whole(min_quality=0.7))[0]
    )
    assert "is not shown by its interval" in answer(whole(min_quality=0.75))[0]
    assert "asked for" not in answer(whole())[0]


def test_without_a_margin_nothing_is_said_of_non_inferiority() -> None:
    assert whole().non_inferior is None
    assert "non-inferior" not in markdown(whole()).lower()
    assert whole(margin=0.1, difference=None).non_inferior is None
