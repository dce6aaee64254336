"""What is believed of trials, from readings whose scores are made up."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from tune.fakes.race import PRICES, PROMPTS, World
from tune.readout import Reading
from tune.space import FREE, Config, Point
from tune.strategies.posterior import (
    Posterior,
    read_evidence,
    share_of_gain,
)
from tune.strategies.problem import Problem, Standing

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


# --- more answers


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
