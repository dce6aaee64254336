"""Prospects that are taken together."""

from __future__ import annotations

import pytest

from tune.strategies.prospect import (
    NOTHING,
    UNKNOWN,
    Prospect,
    any_change,
    mean_prospect,
)


def test_the_mean_of_gains_has_the_chance_of_any_change() -> None:
    found = mean_prospect([Prospect(0.1, 0.5), Prospect(0.3, 0.2)])
    assert found.gain == pytest.approx(0.2)
    assert found.chance == pytest.approx(1 - 0.5 * 0.8)


def test_one_unknown_prospect_makes_the_mean_unknown() -> None:
    assert mean_prospect([NOTHING, UNKNOWN]) == UNKNOWN
    assert mean_prospect([]) == UNKNOWN


def test_where_nothing_can_change_there_is_no_chance_and_a_sure_change_makes_one() -> (
    None
):
    assert any_change([]) == 0
    assert any_change([NOTHING, NOTHING]) == 0
    assert any_change([NOTHING, Prospect(0.1, 1.0)]) == 1
