"""Searchers: each proposes paid points from a history, and knows neither money nor examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tune.search.flaml_search import blendsearch, cfo
from tune.search.grid import grid
from tune.search.history import Observation, Searcher
from tune.search.optuna_search import gp, nsga2, tpe
from tune.search.random_search import random_search
from tune.space import Space

__all__ = ["SEARCHERS", "Observation", "Searcher"]

SEARCHERS: dict[str, Callable[[Space, Sequence[str], int], Searcher]] = {
    "random": random_search,
    "grid": grid,
    "blendsearch": blendsearch,
    "cfo": cfo,
    "tpe": tpe,
    "nsga2": nsga2,
    "gp": gp,
}
"""Functions that make a searcher from a space, the names of the free dimensions and a seed."""
