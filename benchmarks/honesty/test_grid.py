"""The parts of `benchmarks/honesty/` on checks from the recorded scores on, and on a grid of
distributions.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.honesty import grid as honesty_grid
from benchmarks.honesty import samples as honesty_samples
from benchmarks.honesty.grid import WORLDS, Cell, Found
from benchmarks.honesty.samples import Row


def test_a_check_of_a_model_that_is_far_worse_regresses_and_of_the_same_one_does_not() -> (
    None
):
    rng = np.random.default_rng(0)
    then = (rng.random(240) < 0.9).astype(float)
    worse, same = ((rng.random(600) < truth).astype(float) for truth in (0.5, 0.9))
    assert honesty_samples.one(then, worse) == (True, True, False)
    assert not honesty_samples.one(then, same).regressed


def test_scores_as_they_are_on_average_keep_the_mean_of_many() -> None:
    assert honesty_samples._even(np.arange(100.0), 4) == [12.0, 37.0, 62.0, 87.0]


def row(kind: str, recorded: int, place: str, regressed: float, holds: float) -> Row:
    return Row(kind, recorded, place, 0.2, regressed, holds, 0.04)


def test_a_check_is_held_to_five_per_cent_at_the_worst_number_of_recorded_scores() -> (
    None
):
    rows = [
        row("0/1", 15, "no change", 0.01, 0.0),
        row("0/1", 1000, "no change", 0.0, 0.9),
        row("0/1", 15, "on the line", 0.02, 0.03),
    ]
    assert [claim.holds for claim in honesty_samples.claims(rows, 1000)] == [
        True,
        True,
        True,
    ]
    rows.append(row("graded", 40, "no change", 0.06, 0.5))
    assert [claim.holds for claim in honesty_samples.claims(rows, 1000)] == [
        False,
        True,
        True,
    ]
    assert rows[0].cells()[3:] == ["20.0%", "1.0%", "0.0%", "0.040"]
    assert Row("paired", 60, "no change", math.nan, 0.0, 1.0, math.inf).cells()[3:] == [
        "",
        "0.0%",
        "100.0%",
        "none",
    ]


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_every_world_has_scores_between_0_and_1(world: honesty_grid.World) -> None:
    first, second = world.draw(np.random.default_rng(1), 200)
    assert first.shape == second.shape == (200,)
    assert min(first.min(), second.min()) >= 0
    assert max(first.max(), second.max()) <= 1


def test_other_methods_are_what_their_names_say() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.beta(19, 1, (2, 40))
    widths = {
        name: high - low
        for name, (low, high) in (
            (name, method(first, second))
            for name, method in honesty_grid.OTHERS.items()
        )
    }
    low, high = honesty_grid.ours(first, second)
    assert widths["empirical Bernstein"] > widths["betting"] > high - low
    assert widths["studentised bootstrap"] == pytest.approx(high - low, rel=0.4)


def test_the_grid_is_judged_by_its_worst_promised_row_and_says_where_it_loses() -> None:
    good, lost = Found(0.95, 0.1), Found(0.6, 0.1)
    promised, other = (
        next(w for w in WORLDS if w.promised),
        next(w for w in WORLDS if not w.promised),
    )
    cells = [Cell(promised, 40, good, good, {}), Cell(other, 40, lost, lost, {})]
    together = [("5 of 4", "copies", good, 0.08)]
    found = honesty_grid.claims(cells, together, 1000)
    assert [claim.holds for claim in found] == [True] * 4
    assert "40 pairs cover 60.0%" in honesty_grid.beneath(cells)
    wide = [Cell(promised, 40, Found(0.9, 0.2), good, {}), *cells]
    found = honesty_grid.claims(wide, together, 1000)
    assert [claim.holds for claim in found][:2] == [False, False]
