"""What is believed of trials, from readings whose scores are made up."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune.fakes.race import PRICES, PROMPTS, World
from tune.readout import Reading
from tune.space import FREE, Config, Point
from tune.strategies.posterior import (
    Posterior,
    TrialPosterior,
    read_evidence,
    share_of_gain,
    trial_posteriors,
)
from tune.strategies.problem import Problem, Standing
from tune.strategies.select import select_config

PAIRS = list(itertools.product(PRICES, PROMPTS))
PLAIN = Point({"model": "small", "prompt": "plain", "temperature": 0.5})


def problem(**changes: object) -> Problem:
    return Problem(**(vars(World().problem()) | changes))


def reading(
    trial: int,
    scores: Mapping[int, float] | Sequence[float],
    *,
    n: int = 1,
    cost: float = 1e-3,
    seconds: float = 0.5,
    **values: object,
) -> Reading:
    """A reading of these scores: by example, or of the first ones."""
    known = dict(scores) if isinstance(scores, Mapping) else dict(enumerate(scores))
    model, prompt = PAIRS[trial % len(PAIRS)]
    answers = {"n": n, "aggregate": "vote" if n > 1 else "first"}
    point = {
        "model": model,
        "prompt": prompt,
        "max_tokens": 64,
        "temperature": 0.5,
        **answers,
        **values,
    }
    return Reading(
        config=Config(point),  # type: ignore[arg-type]
        trial=trial,
        examples=tuple(known),
        scores=np.array(list(known.values()), dtype=float),
        variances=np.full(len(known), np.nan),
        costs=np.full(len(known), cost),
        seconds=np.full(len(known), seconds),
        approximate=False,
    )


def standing(*readings: Reading, failed: bool = False) -> Standing:
    point = Point({k: v for k, v in readings[0].config.items() if k not in FREE})
    return Standing(
        readings[0].trial, point, len(readings[0].examples), readings, failed, 1e-4
    )


def trials(found: Sequence[TrialPosterior]) -> list[int]:
    return [one.standing.trial for one in found]


def level(found: Sequence[TrialPosterior], trial: int) -> float:
    return next(one.level for one in found if one.standing.trial == trial)


# --- what a trial shows


def test_a_trial_shows_its_best_reading_with_the_fewest_answers_and_that_with_the_most() -> (
    None
):
    single, other = reading(0, [0.5] * 8), reading(0, [0.25] * 8, max_tokens=32)
    three, five = reading(0, [0.9] * 8, n=3), reading(0, [0.6] * 8, n=5)
    shown = read_evidence(problem(), standing(five, single, three, other))
    assert shown is not None
    assert (shown.base, shown.top) == (single, five)
    assert (shown.least, shown.most, shown.draws, shown.feasible) == (1, 5, 5, True)


def test_the_best_of_readings_is_the_smallest_where_scores_are_errors() -> None:
    one, other = reading(0, [0.5] * 8), reading(0, [0.25] * 8, max_tokens=32)
    shown = read_evidence(problem(larger_is_better=False), standing(one, other))
    assert shown is not None
    assert shown.base == other


def test_a_trial_that_has_one_answer_of_each_shows_nothing_of_more() -> None:
    shown = read_evidence(problem(), standing(reading(0, [1.0] * 4)))
    assert shown is not None
    assert (shown.top, shown.least, shown.most, shown.draws) == (None, 1, 1, 1)


def test_a_trial_that_has_five_answers_and_no_single_one_is_told_by_five() -> None:
    shown = read_evidence(problem(), standing(reading(0, [1.0] * 4, n=5)))
    assert shown is not None
    assert (shown.top, shown.least, shown.most, shown.draws) == (None, 5, 5, 5)


def test_answers_that_cost_more_than_allowed_are_not_what_a_trial_shows() -> None:
    dear, cheap = (
        reading(0, [0.9] * 8, n=5, cost=5e-3),
        reading(0, [0.5] * 8, cost=1e-3),
    )
    shown = read_evidence(problem(max_cost=2e-3), standing(dear, cheap))
    assert shown is not None
    assert (shown.base, shown.top, shown.draws, shown.feasible) == (
        cheap,
        None,
        5,
        True,
    )
    slow = reading(0, [0.9] * 8, n=5, seconds=9.0)
    shown = read_evidence(problem(max_seconds=1.0), standing(slow, cheap))
    assert shown is not None
    assert shown.top is None


def test_a_trial_beyond_the_limits_still_shows_its_quality_but_may_not_be_chosen() -> (
    None
):
    shown = read_evidence(problem(max_cost=1e-4), standing(reading(0, [0.5] * 8)))
    assert shown is not None
    assert not shown.feasible
    assert shown.base.mean == 0.5


def test_a_limit_is_doubted_while_the_search_is_on_and_held_to_in_the_end() -> None:
    one = reading(0, [1.0] * 4)
    border = Reading(**{**vars(one), "costs": np.array([0.2, 1.0, 1.8, 1.4]) * 1e-3})
    feasible = [
        shown.feasible
        for errors in (-1.0, 1.645)
        if (shown := read_evidence(problem(max_cost=1e-3), standing(border), errors))
        is not None
    ]
    assert feasible == [True, False]


def test_a_failed_trial_and_one_without_scores_show_nothing() -> None:
    assert (
        read_evidence(problem(), standing(reading(0, [1.0] * 8), failed=True)) is None
    )
    assert read_evidence(problem(), standing(reading(0, []))) is None
    assert read_evidence(problem(), Standing(0, PLAIN, 0, (), False, 0.0)) is None


def test_many_answers_that_were_read_on_a_lucky_few_examples_show_nothing() -> None:
    shown = read_evidence(
        problem(), standing(reading(0, [0.5] * 20), reading(0, [1.0] * 5, n=5))
    )
    assert shown is not None
    assert (shown.top, shown.draws) == (None, 1)


def test_more_answers_have_more_of_the_gain_and_never_all_of_it() -> None:
    shares = [share_of_gain(n) for n in (1, 2, 3, 5, 10, 100)]
    assert shares[0] == 0
    assert shares == sorted(set(shares))
    assert shares[-1] == pytest.approx(0.9)


# --- levels


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


@settings(max_examples=25, deadline=None)
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


@settings(max_examples=15, deadline=None)
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


# --- more answers


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


def test_more_draws_make_a_score_less_noisy_but_not_certain() -> None:
    beliefs = Posterior(problem(), [PLAIN])
    beliefs.update([])
    noise = [beliefs.noise(draws) for draws in (1, 2, 5, 100)]
    assert noise == sorted(noise, reverse=True)
    assert noise[-1] > 0.4 * noise[0]
    assert beliefs.gain_noise(1, 1) == beliefs.gain_noise(5, 5) == math.inf
    assert beliefs.gain_noise(3, 1) > beliefs.gain_noise(10, 1) > 0


def test_noise_is_learned_from_how_scores_scatter_around_their_examples() -> None:
    rng = np.random.default_rng(0)
    ease = rng.random(60)
    quiet = [
        standing(reading(i, np.clip(ease + i / 50, 0, 1).tolist())) for i in range(8)
    ]
    loud = [
        standing(reading(i, (rng.random(60) < 0.5).astype(float).tolist()))
        for i in range(8)
    ]
    noises = []
    for standings in (quiet, loud):
        shown = [read_evidence(problem(), one) for one in standings]
        beliefs = Posterior(problem(), [one.point for one in standings])
        beliefs.update(
            [(i, evidence) for i, evidence in enumerate(shown) if evidence is not None]
        )
        noises.append(beliefs.noise(1))
    assert noises[0] < 0.02
    assert noises[1] == pytest.approx(0.25, abs=0.05)


def family(heats: int, shared: bool, seed: int = 0) -> list[Standing]:
    """Trials of three families: within each, an example is got right by all or by none, or by as
    many others.
    """
    rng = np.random.default_rng(seed)
    found = []
    for pair in range(3):
        luck = rng.random(60) < 0.6
        for heat in range(heats):
            scores = luck if shared else rng.permutation(luck)
            found.append(
                standing(
                    reading(pair, scores.astype(float).tolist(), temperature=heat / 10)
                )
            )
    return [replace(one, trial=i) for i, one in enumerate(found)]


def test_what_examples_add_for_a_whole_family_is_learned_and_is_no_noise() -> None:
    noises = []
    for shared in (True, False):
        shown = [
            (i, e)
            for i, one in enumerate(family(4, shared))
            if (e := read_evidence(problem(), one))
        ]
        beliefs = Posterior(problem(), [one.point for one in family(4, shared)])
        beliefs.update(shown)
        noises.append(beliefs.noise(1))
    assert noises[0] < 0.06
    assert noises[1] == pytest.approx(0.24, abs=0.04)


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


def test_a_prompt_that_a_small_cap_cut_is_not_given_up_where_caps_are_paid_for() -> (
    None
):
    """One prompt is fine at every cap, one at a large cap alone, and one was only seen at a cap
    that is too small.
    """
    shown = {
        ("short", 8): 0.6,
        ("short", 96): 0.6,
        ("middle", 8): 0.1,
        ("middle", 96): 0.7,
        ("long", 8): 0.1,
    }
    seen = [
        standing(
            reading(
                0,
                [float(i < 40 * right) for i in range(40)],
                prompt=prompt,
                max_tokens=cap,
                temperature=heat,
            )
        )
        for (prompt, cap), right in shown.items()
        for heat in (0.0, 0.5)
    ]
    evidence = [
        (i, e)
        for i, one in enumerate(seen)
        if (e := read_evidence(problem(), one)) is not None
    ]
    whole = [
        Point({k: v for k, v in e.base.config.items() if k not in ("n", "aggregate")})
        for _, e in evidence
    ]
    hoped = Point({**whole[-1], "max_tokens": 96})
    beliefs = Posterior(problem(), [*whole, hoped])
    for _ in range(6):
        beliefs.update(evidence)
    mean, deviation = beliefs.quality.mean, beliefs.quality.deviation()
    assert mean[-1] > mean[-2] + 0.1
    assert mean[-1] + deviation[-1] > 0.5


def test_what_was_learned_of_the_parts_is_taken_over_by_the_next_beliefs() -> None:
    standings = [
        standing(reading(i, [float(i // 4 == 2)] * 24)) for i in range(12)
    ]  # the model is all that matters
    found = [
        (i, e)
        for i, one in enumerate(standings)
        if (e := read_evidence(problem(), one)) is not None
    ]
    points = [one.point for one in standings]
    first = Posterior(problem(), points)
    for _ in range(6):
        first.update(found)
    fresh = Point({"model": "large", "prompt": "other", "temperature": 0.5})
    means = []
    for before in (first, None):
        beliefs = Posterior(problem(), [*points[:4], points[8], fresh], before)
        beliefs.update([*found[:4], (4, found[8][1])])
        means.append(float(beliefs.quality.mean[-1]))
    assert means[0] > means[1] + 0.02
