"""Grid search from coarse to fine."""

from __future__ import annotations

from tests.support.searching import (
    play,
)
from tune.search import SEARCHERS
from tune.space import FREE, Space, Uniform


def test_a_grid_begins_with_the_ends_and_the_middle_and_then_halves_the_gaps() -> None:
    space = Space(model=["a", "b"], prompt="{text}", temperature=Uniform(0, 1, 0.125))
    temperatures = [
        t.point["temperature"] for t in play(SEARCHERS["grid"](space, FREE, 0), 18)
    ]
    assert set(temperatures[:6]) == {0.0, 0.5, 1.0}
    assert set(temperatures[6:10]) == {0.25, 0.75}
    assert set(temperatures[10:]) == {0.125, 0.375, 0.625, 0.875}
