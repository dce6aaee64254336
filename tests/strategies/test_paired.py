"""Comparisons on the same examples, on tables whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.fakes.race import problem, reading
from tune.strategies.paired import (
    SHRINKAGE,
    adjusted_means,
    paired_difference,
    quality_table,
    score_list,
)


def test_levels_take_out_which_examples_a_trial_has_met() -> None:
    rng = np.random.default_rng(0)
    ease, skill = rng.normal(0, 0.3, 60), np.array([0.7, 0.5, 0.3])
    values = skill[:, None] + ease
    easy = np.argsort(ease)
    values[0, easy[30:]] = np.nan  # the best has met the hard half only
    plain = np.nanmean(values, axis=1)
    assert plain[0] < plain[1]
    assert np.argsort(-adjusted_means(values)).tolist() == [0, 1, 2]


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 30))
def test_adjusted_means_are_those_of_the_additive_model_row_by_row(
    seed: int, rows: int, columns: int
) -> None:
    """The model is fitted here as it is defined, with an effect for every example."""
    rng = np.random.default_rng(seed)
    values = rng.random((rows, columns))
    values[rng.random(values.shape) < 0.4] = np.nan
    there = ~np.isnan(values)
    known = there.any(axis=1)
    if not known.any():
        assert np.isnan(adjusted_means(values)).all()
        return
    filled = np.where(there, values, 0.0)
    means = filled.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    for _ in range(30):
        centre = means[known].mean()
        effects = np.where(there, values - means[:, None], 0.0).sum(axis=0)
        effects /= there.sum(axis=0) + 1.0
        above = np.where(there, values - effects, 0.0).sum(axis=1)
        means = (above + SHRINKAGE * centre) / (there.sum(axis=1) + SHRINKAGE)
    found = adjusted_means(values)
    assert found[known] == pytest.approx(means[known], abs=1e-9)
    assert np.isnan(found[~known]).all()


def test_a_table_is_as_wide_as_the_examples_that_were_met() -> None:
    few, more = reading([1.0, 0.0]), reading([1.0, 1.0], start=3)
    assert quality_table(problem(), [few, more]).shape == (2, 5)
    assert quality_table(problem(), [few], 9).shape == (1, 9)
    assert quality_table(problem(), []).shape == (0, 0)


def test_levels_draw_those_with_few_examples_to_the_rest_and_leave_the_unknown_unknown() -> (
    None
):
    values = np.full((3, 40), np.nan)
    values[0, :] = 0.6
    values[1, :2] = 1.0
    found = adjusted_means(values)
    assert found[0] < found[1] < 0.95
    assert math.isnan(found[2])
    assert np.isnan(adjusted_means(np.full((2, 3), np.nan))).all()


@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 0.5, 1.0, math.nan]), min_size=5, max_size=5),
        min_size=1,
        max_size=6,
    )
)
def test_levels_stay_within_the_range_of_what_was_scored(
    rows: list[list[float]],
) -> None:
    values = np.array(rows)
    found = adjusted_means(values)
    known = found[~np.isnan(found)]
    assert ((known >= -0.51) & (known <= 1.51)).all()
    assert (np.isnan(found) == np.isnan(values).all(axis=1)).all()


def test_a_difference_is_paired_and_a_few_equal_scores_are_no_certainty() -> None:
    rows = quality_table(
        problem(), [reading([0.0, 1.0, 1.0]), reading([1.0, 1.0], start=1)]
    )
    assert paired_difference(*rows) == (0.0, pytest.approx(math.sqrt(0.5 / 3 / 2)), 2)
    assert not paired_difference(*rows).clearly_worse
    assert paired_difference(rows[0][:1], rows[1][:1]).standard_error == math.inf
    far = quality_table(problem(), [reading([0.0] * 40), reading([1.0] * 40)])
    assert paired_difference(*far).clearly_worse
    assert not paired_difference(*far[:, :2]).clearly_worse


def test_the_list_of_scores_is_the_table_without_its_gaps() -> None:
    readings = [reading([0.25, 1.0]), reading([0.0, math.nan, 0.5], start=2)]
    found = score_list(problem(), readings)
    rows = quality_table(problem(), readings)
    row, example = np.nonzero(~np.isnan(rows))
    assert found.row.tolist() == row.tolist()
    assert found.example.tolist() == example.tolist()
    assert found.quality.tolist() == rows[row, example].tolist()
    assert found.rows == 2
    assert score_list(problem(), []).rows == 0
