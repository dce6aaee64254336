"""Optuna's samplers as searchers."""

from __future__ import annotations

import itertools
import sys

import pytest

from tests.support.searching import (
    plain,
    play,
    quality,
    tiny,
)
from tune.errors import InputError
from tune.search import SEARCHERS, Observation
from tune.search.lattice import Lattice
from tune.search.optuna_search import POPULATION, STARTUP, nsga2, tpe
from tune.search.random_search import spread_points
from tune.space import FREE


def test_the_gaussian_process_names_torch_where_it_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match="'gp' needs the package torch"):
        SEARCHERS["gp"](tiny(), FREE, 0)


def test_the_first_points_are_dealt_before_the_sampler_is_asked() -> None:
    space = plain()
    dealt = list(itertools.islice(spread_points(Lattice(space, FREE), 0), STARTUP))
    assert [one.point for one in play(tpe(space, FREE, 0), STARTUP)] == dealt


def test_the_samplers_of_two_goals_take_costs_in_and_others_do_not() -> None:
    """Histories that differ in costs alone lead NSGA-II, not TPE, to other points."""
    space, turns = plain(), 3 * POPULATION
    for make, differs in ((nsga2, True), (tpe, False)):
        found = []
        for factor in (1.0, -1.0):
            searcher, history = make(space, FREE, 0), list[Observation]()
            for number in range(turns):
                point = searcher(history)
                assert point is not None
                history.append(
                    Observation(point, quality(point), 1.0 + factor * number / turns)
                )
            found.append([one.point for one in history])
        assert (found[0] != found[1]) == differs
