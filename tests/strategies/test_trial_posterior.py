"""Posterior means of trials: by their own scores and by those of similar points."""

from __future__ import annotations

import gc
import random
import weakref
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies.test_posterior import family, problem, reading, standing
from tune.fakes.race import PROMPTS
from tune.space import Point
from tune.strategies.posterior import share_of_gain
from tune.strategies.problem import Standing
from tune.strategies.select import select_config
from tune.strategies.trial_posterior import (
    TrialPosterior,
    _posterior,
    trial_posteriors,
)


def trials(found: Sequence[TrialPosterior]) -> list[int]:
    return [one.standing.trial for one in found]


def level(found: Sequence[TrialPosterior], trial: int) -> float:
    return next(one.level for one in found if one.standing.trial == trial)


def test_nothing_is_believed_where_nothing_was_scored() -> None:
    assert trial_posteriors(problem(), []) == []
    assert trial_posteriors(problem(), [standing(reading(0, [1.0]), failed=True)]) == []


def test_one_trial_alone_is_believed_between_what_it_scored_and_what_is_usual() -> None:
    few, many = (
        trial_posteriors(problem(), [standing(reading(0, [1.0] * count))])[0].level
        for count in (2, 100)
    )
    assert 0.5 < few < many < 1.0


def test_what_was_scored_on_many_examples_is_believed_nearly_as_it_stands() -> None:
    scores = [[float(e % 10 < tens) for e in range(120)] for tens in range(1, 10)]
    found = trial_posteriors(
        problem(), [standing(reading(i, row)) for i, row in enumerate(scores)]
    )
    assert trials(found) == list(range(8, -1, -1))
    for i, row in enumerate(scores):
        assert level(found, i) == pytest.approx(np.mean(row), abs=0.06)


def test_who_met_the_easy_examples_is_not_believed_better_than_who_was_good_at_hard_ones() -> (
    None
):
    easy, hard = range(12), range(12, 24)
    rng = np.random.default_rng(0)

    def scores(examples: Sequence[int], mean: float) -> dict[int, float]:
        return {
            e: float(np.clip(mean + 0.05 * rng.standard_normal(), 0, 1))
            for e in examples
        }

    others = [
        standing(reading(i, scores(easy, 0.95) | scores(hard, 0.2))) for i in range(8)
    ]
    lucky, good = (
        standing(reading(8, scores(easy, 0.85))),
        standing(reading(9, scores(hard, 0.5))),
    )
    found = trial_posteriors(problem(examples=24), [*others, lucky, good])
    assert level(found, 9) > level(found, 0) > level(found, 8)


def test_the_same_question_again_is_answered_from_memory_and_any_other_is_not() -> None:
    asked = [standing(reading(i, [1.0, 0.0, float(i > 1)])) for i in range(4)]
    _posterior.cache_clear()
    first = trial_posteriors(problem(), asked)
    assert trial_posteriors(problem(), asked) == first
    assert _posterior.cache_info().misses == 1
    # The same scores upside down, and scores that were read anew.
    trial_posteriors(problem(larger_is_better=False), asked)
    trial_posteriors(problem(), [*asked[1:], standing(reading(0, [1.0, 1.0, 1.0]))])
    assert _posterior.cache_info().misses == 3


def test_what_is_remembered_does_not_hold_on_to_the_run() -> None:
    class Run:
        def ceiling(self, point: Point, draws: int, cap: int) -> float:
            return 1.0

    run = Run()
    asked = replace(problem(), ceiling=run.ceiling)
    trial_posteriors(asked, [standing(reading(0, [1.0, 0.0]))])
    there = weakref.ref(run)
    del run, asked
    gc.collect()
    assert there() is None


def test_luck_on_a_few_examples_is_believed_less_than_a_good_record_on_many() -> None:
    rest = [standing(reading(i, [1.0, 0.0] * 20)) for i in range(6)]
    lucky = standing(reading(6, [1.0] * 4))
    good = standing(reading(7, ([1.0] * 9 + [0.0]) * 10))
    assert trials(trial_posteriors(problem(), [*rest, lucky, good]))[0] == 7


def test_of_two_points_with_the_same_few_scores_the_one_whose_model_is_good_elsewhere_leads() -> (
    None
):
    def of(trial: int, model: str, prompt: str, scores: Sequence[float]) -> Standing:
        return standing(reading(trial, scores, model=model, prompt=prompt))

    rng = np.random.default_rng(0)
    mostly = [(rng.random(40) < 0.8).astype(float).tolist() for _ in range(4)]
    known = [
        of(i, "large", prompt, mostly[i]) for i, prompt in enumerate(("plain", "brief"))
    ]
    known += [
        of(2 + i, "tiny", prompt, [1 - x for x in mostly[2 + i]])
        for i, prompt in enumerate(("plain", "brief"))
    ]
    half = [1.0, 0.0] * 4
    found = trial_posteriors(
        problem(), [*known, of(4, "large", "shots", half), of(5, "tiny", "shots", half)]
    )
    assert level(found, 4) > level(found, 5) + 0.05


@settings(max_examples=25)
@given(
    tables=st.lists(
        st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=24),
        min_size=1,
        max_size=8,
    ),
    gaps=st.integers(0, 99),
)
def test_any_scores_with_any_gaps_give_every_trial_one_level_near_the_range(
    tables: list[list[float]], gaps: int
) -> None:
    rng = random.Random(gaps)
    rows = [
        {e: score for e, score in enumerate(row) if e == 0 or rng.random() < 0.8}
        for row in tables
    ]
    found = trial_posteriors(
        problem(), [standing(reading(i, row)) for i, row in enumerate(rows)]
    )
    assert sorted(trials(found)) == list(range(len(rows)))
    assert all(-0.2 <= one.level <= 1.2 for one in found)
    assert [one.level for one in found] == sorted(
        (one.level for one in found), reverse=True
    )


@settings(max_examples=15)
@given(st.integers(0, 99))
def test_trials_in_another_order_are_believed_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    standings = []
    for i in range(10):
        chance, count = rng.random(), int(rng.choice([8, 16, 32]))
        one = reading(
            i,
            (rng.random(count) < chance).astype(float).tolist(),
            temperature=round(i / 10, 1),
        )
        vote = reading(
            i, rng.random(count).tolist(), n=3, temperature=round(i / 10, 1), cost=3e-3
        )
        standings.append(standing(one, vote) if i % 2 else standing(one))
    found = trial_posteriors(problem(), standings)
    rng.shuffle(standings)
    again = trial_posteriors(problem(), standings)
    assert trials(again) == trials(found)
    assert [one.reading for one in again] == [one.reading for one in found]
    assert [one.level for one in again] == pytest.approx(
        [one.level for one in found], abs=1e-6
    )


def test_asked_twice_the_same_is_answered() -> None:
    standings = [
        standing(reading(i, [float(e % (i + 2) > 0) for e in range(16)]))
        for i in range(6)
    ]
    assert trial_posteriors(problem(), standings) == trial_posteriors(
        problem(), standings
    )


def test_a_metric_of_another_range_or_direction_is_believed_as_shares_of_it() -> None:
    rows = [[(e * (i + 3) % 7) / 6 for e in range(20)] for i in range(6)]
    plain = trial_posteriors(
        problem(), [standing(reading(i, row)) for i, row in enumerate(rows)]
    )
    wide = [
        standing(reading(i, [4 * x - 1 for x in row])) for i, row in enumerate(rows)
    ]
    errors = [standing(reading(i, [1 - x for x in row])) for i, row in enumerate(rows)]
    for other in (
        trial_posteriors(problem(low=-1.0, high=3.0), wide),
        trial_posteriors(problem(larger_is_better=False), errors),
    ):
        assert trials(other) == trials(plain)
        assert [one.level for one in other] == pytest.approx(
            [one.level for one in plain], abs=1e-6
        )


def test_where_all_score_the_same_the_cheapest_is_chosen() -> None:
    for score in (0.0, 0.5, 1.0):
        standings = {
            i: standing(reading(i, [score] * 60, cost=(12 - i) * 1e-4))
            for i in range(12)
        }
        found = trial_posteriors(problem(), list(standings.values()))
        assert max(one.level for one in found) - min(one.level for one in found) < 0.005
        choice = select_config(problem(), standings)
        assert choice is not None
        assert choice.reading.trial == 11


def test_of_equally_believed_trials_the_cheaper_comes_first_then_the_earlier() -> None:
    def twin(trial: int, model: str, cost: float) -> Standing:
        return standing(
            reading(trial, [1.0, 0.0] * 10, model=model, prompt="plain", cost=cost)
        )

    found = trial_posteriors(
        problem(),
        [twin(0, "tiny", 3e-3), twin(1, "small", 1e-3), twin(2, "large", 1e-3)],
    )
    assert len({one.level for one in found}) == 1
    assert trials(found) == [1, 2, 0]


def test_trials_that_do_not_keep_the_limits_are_left_out() -> None:
    dear, cheap = (
        standing(reading(0, [1.0] * 20, cost=1e-2)),
        standing(reading(1, [0.5] * 20, cost=1e-3)),
    )
    assert trials(trial_posteriors(problem(max_cost=2e-3), [dear, cheap])) == [1]
    assert trials(trial_posteriors(problem(), [dear, cheap])) == [0, 1]
    assert trial_posteriors(problem(max_cost=1e-5), [dear, cheap]) == []


def voting(
    trial: int, model: str, single: float, five: float, prompt: str = "plain"
) -> Standing:
    return standing(
        reading(trial, [single] * 40, cost=1e-4, model=model, prompt=prompt),
        reading(trial, [five] * 40, n=5, cost=5e-4, model=model, prompt=prompt),
    )


def test_a_gain_that_a_model_showed_is_believed_of_its_other_points() -> None:
    shown = [
        voting(i, "large", 0.5, 0.8, prompt)
        for i, prompt in enumerate(PROMPTS)
        if prompt != "shots"
    ]
    shown += [
        voting(4 + i, "tiny", 0.5, 0.5, prompt)
        for i, prompt in enumerate(PROMPTS)
        if prompt != "shots"
    ]
    single = [
        standing(reading(8 + i, [0.5] * 40, model=m, prompt="shots"))
        for i, m in enumerate(("large", "tiny"))
    ]
    gain = {
        one.standing.trial: one.gain
        for one in trial_posteriors(problem(), [*shown, *single])
    }
    assert gain[8] > gain[9] + 0.1
    assert gain[0] == pytest.approx(0.3 / share_of_gain(5), abs=0.15)
    assert gain[4] == pytest.approx(0.0, abs=0.1)


def test_more_answers_are_the_reading_believed_in_where_they_gain_and_not_where_they_harm() -> (
    None
):
    found = {
        one.standing.trial: one
        for one in trial_posteriors(problem(), [voting(0, "large", 0.4, 0.8)])
    }
    assert found[0].reading.config.n == 5
    assert found[0].level == pytest.approx(
        found[0].base + share_of_gain(5) * found[0].gain
    )
    assert found[0].level_of(1) == pytest.approx(found[0].base)
    assert found[0].level_of(3) < found[0].level
    harmed = trial_posteriors(problem(), [voting(0, "large", 0.8, 0.3)])[0]
    assert harmed.reading.config.n == 1
    assert harmed.gain < 0
    assert harmed.level == pytest.approx(harmed.base)


def test_the_gain_of_more_answers_counts_from_the_fewest_that_a_point_has() -> None:
    three, ten = reading(0, [0.5] * 40, n=3), reading(0, [0.8] * 40, n=10)
    one = trial_posteriors(problem(), [standing(three, ten)])[0]
    assert one.least == 3
    assert one.level_of(3) == pytest.approx(one.base)
    assert one.level == pytest.approx(
        one.base + (share_of_gain(10) - share_of_gain(3)) * one.gain
    )
    assert one.level > 0.68


def test_within_a_family_that_shares_its_luck_a_few_more_right_are_believed() -> None:
    """Four of sixty more, on top of all that the others of its model and prompt got right."""
    leads = []
    for shared in (True, False):
        standings = family(4, shared)
        scores = standings[0].readings[0].scores.copy()
        scores[np.flatnonzero(scores == 0)[:4]] = 1.0
        best = replace(
            standings[0], readings=(replace(standings[0].readings[0], scores=scores),)
        )
        found = trial_posteriors(problem(), [best, *standings[1:]])
        others = [
            one.level
            for one in found
            if one.standing.point["prompt"] == best.point["prompt"]
        ]
        leads.append(level(found, 0) - float(np.mean(others)))
    assert leads[0] > 1.5 * leads[1] > 0


def test_a_trial_that_met_all_examples_is_judged_by_these_and_not_by_what_is_like_it() -> (
    None
):
    """It is far better than all that are like it, which is taken for luck as long as there are
    examples left.
    """
    rng = np.random.default_rng(0)
    alike = {"model": "small", "prompt": "plain"}
    others = [
        standing(
            reading(
                i,
                (rng.random(60) < 0.5).astype(float).tolist(),
                temperature=0.3 + i / 20,
                **alike,
            )
        )
        for i in range(1, 9)
    ]
    ahead = standing(
        reading(
            0,
            rng.permutation([1.0] * 48 + [0.0] * 12).tolist(),
            temperature=0.3,
            **alike,
        )
    )
    some, nearly, whole = (
        level(trial_posteriors(problem(examples=count), [ahead, *others]), 0)
        for count in (120, 64, 60)
    )  # of which 60 are met
    assert some == nearly < whole - 0.03
    assert whole == pytest.approx(0.77, abs=0.02)  # it scored 0.8


def test_what_all_examples_say_moves_the_level_of_every_number_of_answers_alike() -> (
    None
):
    two = [reading(0, [0.9] * 60), reading(0, [1.0] * 60, n=5)]
    some, whole = (
        trial_posteriors(problem(examples=count), [standing(*two)])[0]
        for count in (200, 60)
    )
    assert whole.gain == pytest.approx(some.gain)
    assert whole.level > some.level
    assert whole.level - some.level == pytest.approx(whole.base - some.base)
    assert whole.level == pytest.approx(whole.level_of(5))
