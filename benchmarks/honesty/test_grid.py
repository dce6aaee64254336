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
    together, costs = (
        [("5 of 4", "copies", good, 0.08)],
        [(0.0, 15, good, 0.01, good), (0.05, 15, good, 0.08, lost)],
    )
    assert [
        claim.holds for claim in honesty_grid.claims(cells, together, costs, 1000)
    ] == [True] * 6
    assert "40 pairs cover 60.0%" in honesty_grid.beneath(cells, costs)
    assert "up to 10.0 times as wide" in honesty_grid.beneath(cells, costs)
    assert (
        "Where 5% of 15 requests run on it is 1.25 times as wide"
        in honesty_grid.beneath(cells, costs)
    )
    assert "at a share of 16% none of 15 requests" in honesty_grid.beneath(cells, costs)
    wide = [Cell(promised, 40, Found(0.9, 0.2), good, {}), *cells]
    assert [claim.holds for claim in honesty_grid.claims(wide, together, costs, 1000)][
        :2
    ] == [
        False,
        False,
    ]


def test_no_interval_for_a_share_is_narrower_than_the_least_there_can_be() -> None:
    """One request that did not run on does so in over 7 % of cases up to a share of 0.93."""
    assert honesty_grid.least_width(1, 0.0) == pytest.approx(0.93, abs=0.001)
    assert honesty_grid.least_width(1, 0.5) == pytest.approx(0.93, abs=0.001)
    assert honesty_grid.least_width(15, 0.0) == pytest.approx(
        1 - 0.07 ** (1 / 15), abs=0.001
    )
    assert honesty_grid.least_width(15, 0.0, level=0.95) > honesty_grid.least_width(
        15, 0.0
    )
    wide = [honesty_grid.least_width(15, often) for often in (0.01, 0.03, 0.1)]
    assert wide == sorted(wide)


def test_costs_are_covered_also_where_more_requests_run_on_than_is_rare() -> None:
    """The page has such a row, so that no interval can pass by trusting that the share is small."""
    rows = honesty_grid.runaways(np.random.default_rng(4), 200)
    assert max(often for often, *_ in rows) > 0.1
    assert min(found.coverage for often, _, found, *_ in rows if often > 0.1) >= 0.93
