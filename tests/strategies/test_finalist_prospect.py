"""What telling finalists apart is expected to gain, against known truth."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tune
from tune.fakes.race import World, reading, some_space, standing
from tune.strategies import Problem, Standing
from tune.strategies.finalist_prospect import finalist_prospect, scored_readings
from tune.strategies.prospect import UNKNOWN, Prospect

LARGE = some_space(temperature=tune.Uniform(0, 1.2, 0.001), n=1)


def problem(examples: int = 200, **changes: Any) -> Problem:
    return replace(World(space=LARGE, examples=examples).problem(), **changes)


def prospect(
    asked: Problem, standings: dict[int, Standing], dollars: float
) -> Prospect:
    """Return the prospect where every reading may be selected."""
    return finalist_prospect(asked, standings, standings, dollars)


def two(ahead: float, met: int = 100) -> dict[int, Standing]:
    """Two finalists that differ by so much on as many examples as they have met."""
    first = [1.0] * int(met * 0.6) + [0.0] * (met - int(met * 0.6))
    second = list(first)
    for i in range(round(ahead * met)):
        second[i] = 0.0
    for i in range(10):  # and on ten others either way
        second[30 + i], second[met - 1 - i] = 0.0, 1.0
    return {
        0: standing(reading(first, trial=0)),
        1: standing(reading(second, trial=1, temperature=0.2)),
    }


def test_a_clear_lead_leaves_little_to_gain_and_a_tie_the_most() -> None:
    asked = problem(200)
    found = [prospect(asked, two(ahead), 1.0) for ahead in (0.0, 0.05, 0.1)]
    assert found[0].chance == pytest.approx(0.5, abs=0.1)
    assert found[0].gain > found[1].gain > found[2].gain
    assert found[0].chance > found[1].chance > found[2].chance


def test_where_all_examples_are_met_and_draws_tell_nothing_more_the_choice_stands() -> (
    None
):
    asked = problem(100)
    found = two(0.05)
    assert prospect(asked, found, 10.0) == Prospect(0.0, 0.0)
    noisy = {
        t: replace(
            s,
            readings=tuple(replace(r, variances=np.full(100, 0.2)) for r in s.readings),
        )
        for t, s in found.items()
    }
    assert prospect(asked, noisy, 10.0).chance > 0


def test_nothing_is_said_while_a_larger_n_may_be_better() -> None:
    asked = problem(
        200, space=some_space(temperature=tune.Uniform(0, 1.2, 0.001), n=[1, 3, 5])
    )
    assert prospect(asked, two(0.1), 1.0) == UNKNOWN


def test_less_money_turns_less() -> None:
    asked = problem(400)
    little, all_of_it = (
        prospect(asked, two(0.05), dollars) for dollars in (0.001, 10.0)
    )
    assert little.gain < all_of_it.gain
    assert little.chance < all_of_it.chance


def test_the_chance_that_the_choice_turns_is_what_it_is_in_the_world() -> None:
    rng = np.random.default_rng(7)
    said, turned, gains, true = [], [], [], []
    for _ in range(150):
        rates = np.clip(0.6 + 0.05 * rng.standard_normal(2), 0, 1)
        scores = (rng.random((2, 400)) < rates[:, None]).astype(float)
        order = np.argsort(-scores[:, :100].mean(axis=1), kind="stable")
        seen = {
            i: standing(reading(list(scores[j, :100]), trial=i, temperature=i / 10))
            for i, j in enumerate(order)
        }
        found = prospect(problem(400), seen, 100.0)
        said.append(found.chance)
        gains.append(found.gain)
        lead = scores[order[0]].mean() - scores[order[1]].mean()
        turned.append(lead < 0)
        true.append(max(0.0, -lead))
    assert abs(np.mean(said) - np.mean(turned)) < 0.1
    assert 0.5 < np.mean(gains) / np.mean(true) < 2


def test_nothing_is_known_where_nothing_was_scored() -> None:
    assert prospect(problem(), {}, 1.0) == UNKNOWN
    assert prospect(problem(), {0: standing(reading([]))}, 1.0) == UNKNOWN


def test_finalists_that_share_no_example_are_as_uncertain_as_scores_can_be() -> None:
    apart = {
        0: standing(reading([1.0] * 6 + [0.0] * 4, trial=0)),
        1: standing(reading([1.0] * 4 + [0.0] * 6, trial=1, start=10, temperature=0.2)),
    }
    # Their means are adjusted towards each other, with a standard error of half the range at most.
    assert 0 < prospect(problem(), apart, 100.0).chance < 0.5


def test_free_finalists_are_told_apart_without_money() -> None:
    free = {
        number: replace(one, spent_per_draw=0.0) for number, one in two(0.05).items()
    }
    assert prospect(problem(), free, 0.0) == prospect(problem(), two(0.05), math.inf)


def test_only_readings_within_the_limits_count_as_scored() -> None:
    cheap, dear = reading([1.0] * 9, trial=0), reading([1.0] * 9, trial=1, cost=0.1)
    standings = {0: standing(cheap), 1: standing(dear), 2: standing(cheap, failed=True)}
    assert scored_readings(problem(max_cost=0.01), standings) == [cheap]
