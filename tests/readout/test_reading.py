"""A reading: its standard errors and paired differences."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.draws import (
    answers,
    config,
    one,
    trial,
)
from tune.readout import Reading


def test_the_error_of_the_mean_holds_both_kinds_of_chance_and_the_draws_part_is_known() -> (
    None
):
    reading = one(
        trial(
            {
                0: answers("blue", "red"),
                1: answers("blue", "blue"),
                2: answers("red", "red"),
            }
        ),
        config(),
    )
    scores = np.array([0.5, 1.0, 0.0])
    assert reading.standard_error == pytest.approx(scores.std(ddof=1) / math.sqrt(3))
    assert reading.draw_error == pytest.approx(math.sqrt(0.25) / 3)
    assert reading.cost_standard_error == pytest.approx(0.0)
    assert math.isnan(one(trial({0: answers("blue")}), config()).standard_error)


def test_a_difference_is_paired_over_common_examples() -> None:
    more = one(trial({i: answers("blue") for i in range(4)}), config())
    less = one(
        trial(
            {
                1: answers("blue"),
                2: answers("red"),
                3: answers("blue"),
                9: answers("red"),
            }
        ),
        config(),
    )
    found = more.difference(less)
    assert found.n_examples == 3
    assert found.mean == pytest.approx(1 / 3)
    assert found.standard_error == pytest.approx(
        np.std([0, 1, 0], ddof=1) / math.sqrt(3)
    )
    assert less.difference(more).mean == pytest.approx(-1 / 3)
    nothing = more.difference(one(trial({9: answers("red")}), config()))
    assert nothing.n_examples == 0
    assert math.isnan(nothing.mean)
    assert math.isnan(nothing.standard_error)


def test_the_stated_error_of_a_mean_is_the_true_one() -> None:
    rng = random.Random(4)
    means, errors, within = [], [], []
    for _ in range(150):
        chances = [rng.betavariate(1, 1) for _ in range(30)]
        bought = {
            i: answers(*("blue" if rng.random() < c else "red" for _ in range(4)))
            for i, c in enumerate(chances)
        }
        reading = one(trial(bought), config(3, aggregate="vote"))
        means.append(reading.mean)
        errors.append(reading.standard_error)
        within.append(reading.draw_error)
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.15)
    assert np.mean(within) < np.mean(errors)


def test_a_reading_can_be_narrowed_to_some_examples() -> None:
    whole = one(
        trial({0: answers("blue"), 3: answers("red"), 7: answers("blue")}), config()
    )
    part = whole.among([7, 0, 99])
    assert part.examples == (0, 7)
    assert part.scores == pytest.approx([1.0, 1.0])
    assert (part.n_examples, len(part.costs), len(part.seconds)) == (2, 2, 2)


def test_weights_leave_the_mean_on_the_metrics_scale() -> None:
    plain = one(trial({0: answers("blue"), 1: answers("red")}), config())
    weights = np.array([3.0, 1.0])
    weighed = replace(plain, scores=plain.scores * weights, weights=weights)
    assert weighed.mean == pytest.approx(0.75)
    assert weighed.shares == pytest.approx([1.0, 0.0])
    assert plain.shares == pytest.approx([1.0, 0.0])


@given(st.sets(st.integers(0, 12)), st.sets(st.integers(0, 12)))
def test_shared_places_are_those_that_a_look_at_each_example_finds(
    mine: set[int], others: set[int]
) -> None:
    here, there = on(mine), on(others)
    found = [places.tolist() for places in here.places_shared(there)]
    both = sorted(mine & others)
    assert found == [
        [here.examples.index(one) for one in both],
        [there.examples.index(one) for one in both],
    ]


def on(examples: set[int]) -> Reading:
    """A reading of these examples, of which nothing else matters."""
    zeros = np.zeros(len(examples))
    return Reading(config(), 0, tuple(sorted(examples)), *[zeros] * 4, False)
