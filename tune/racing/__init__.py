"""Strategies: which trial gets which examples and draws next, and which trials stop."""

from __future__ import annotations

from tune.racing.endgame import endgame
from tune.racing.full import full
from tune.racing.halving import halving
from tune.racing.problem import Choice, Outcome, Problem, Standing, Strategy
from tune.racing.value import value

__all__ = ["STRATEGIES", "Choice", "Outcome", "Problem", "Standing", "Strategy", "endgame"]

STRATEGIES: dict[str, Strategy] = {"value": value, "halving": halving, "full": full}
"""By name. Every search is followed by the endgame, with the money that its strategy left."""
