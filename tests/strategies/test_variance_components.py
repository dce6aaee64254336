"""What scores differ by beside what their trials are worth, learned from scores made of parts that
are known.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tune.strategies.paired import ScoreList
from tune.strategies.settings import VarianceSettings
from tune.strategies.variance_components import (
    VarianceComponents,
    estimate_components,
    prior_components,
    residual_share,
)

SETTINGS = VarianceSettings()


def made(
    families: int,
    each: int,
    examples: int,
    example_effect: float,
    interaction: float,
    noise: float,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of so many trials of so many families, trials x examples, and whose they are."""
    rng = np.random.default_rng(seed)
    hard = rng.normal(0, example_effect**0.5, examples)
    own = np.repeat(rng.normal(0, interaction**0.5, (families, examples)), each, axis=0)
    rows = 0.5 + hard + own + rng.normal(0, noise**0.5, own.shape)
    return rows, np.repeat(np.arange(families), each)


def learned(rows: np.ndarray, family: np.ndarray, draws: int = 1) -> VarianceComponents:
    return estimate_components(listed(rows), [draws] * len(rows), family)


def listed(rows: np.ndarray) -> ScoreList:
    """The scores of a table, NaN where there is none."""
    row, example = np.nonzero(~np.isnan(rows))
    return ScoreList(row, example, rows[row, example], len(rows))


@pytest.mark.parametrize(
    ("families", "each", "examples", "parts"),
    [
        (6, 3, 200, (0.05, 0.05, 0.10)),
        (6, 3, 200, (0.05, 0.0, 0.15)),
        (4, 12, 100, (0.02, 0.08, 0.03)),
        (9, 8, 40, (0.05, 0.04, 0.06)),
        (2, 30, 120, (0.03, 0.06, 0.05)),
    ],
)
def test_each_part_is_found_again(
    families: int, each: int, examples: int, parts: tuple[float, float, float]
) -> None:
    found = np.mean(
        [
            learned(*made(families, each, examples, *parts, seed=seed))
            for seed in range(40)
        ],
        axis=0,
    )
    assert found == pytest.approx(parts, abs=0.012)


def test_where_one_family_has_most_trials_what_it_has_to_itself_is_not_taken_for_hardness() -> (
    None
):
    """Sixty trials of one model and prompt beside five of others, and no example is harder than
    another for all.
    """
    found = []
    for seed in range(20):
        rows, _ = made(6, 60, 80, 0.0, 0.1, 0.02, seed=seed)
        few = np.r_[0:60, 60, 120, 180, 240, 300]
        found.append(learned(rows[few], np.r_[np.zeros(60, int), 1:6]))
    example_effect, interaction, _ = np.mean(found, axis=0)
    assert example_effect < 0.03  # by trials, whoever's they are: 0.09
    assert interaction > 0.06


@settings(max_examples=60)
@given(
    families=st.integers(1, 6),
    each=st.integers(1, 5),
    examples=st.integers(1, 30),
    interaction=st.sampled_from([0, 0.05]),
    missing=st.floats(0, 0.9),
    draws=st.integers(1, 9),
    seed=st.integers(0, 999),
)
@example(families=1, each=1, examples=1, interaction=0, missing=0.0, draws=1, seed=0)
def test_no_variance_is_below_zero_whatever_was_scored(
    families: int,
    each: int,
    examples: int,
    interaction: float,
    missing: float,
    draws: int,
    seed: int,
) -> None:
    rows, family = made(families, each, examples, 0.05, interaction, 0.1, seed)
    rows[np.random.default_rng(seed).random(rows.shape) < missing] = np.nan
    found = learned(rows, family, draws)
    assert np.isfinite(found).all()
    assert found.example_effect > 0
    assert found.residual > 0
    assert (
        0
        <= found.interaction
        <= SETTINGS.max_interaction * (found.interaction + found.residual) * (1 + 1e-9)
    )


@settings(max_examples=30)
@given(copies=st.integers(2, 9), seed=st.integers(0, 99))
def test_copies_of_a_familys_trials_tell_nothing_new_of_how_hard_examples_are(
    copies: int, seed: int
) -> None:
    rows, family = made(4, 2, 30, 0.05, 0.03, 0.1, seed)
    again = np.r_[
        np.arange(len(rows)), np.repeat(np.flatnonzero(family == 0), copies - 1)
    ]
    assert learned(rows[again], family[again]).example_effect == pytest.approx(
        learned(rows, family).example_effect
    )


def test_from_no_scores_and_from_one_that_has_nothing_beside_it_nothing_is_learned() -> (
    None
):
    assert estimate_components(
        listed(np.zeros((0, 5))), [], np.zeros(0, int)
    ) == prior_components(SETTINGS)
    only = learned(np.full((1, 5), np.nan), np.zeros(1, int))
    assert only == pytest.approx(prior_components(SETTINGS))


def test_more_draws_take_away_a_part_of_the_noise_and_scores_of_many_draws_tell_of_that_of_one() -> (
    None
):
    shares = [residual_share(draws) for draws in (1, 2, 8, 1000)]
    assert shares[0] == 1.0
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == pytest.approx(0.5, abs=0.01)
    rows, family = made(6, 3, 200, 0.05, 0.0, 0.05)
    one, many = (learned(rows, family, draws).residual for draws in (1, 1000))
    assert many == pytest.approx(2 * one, rel=0.15)
