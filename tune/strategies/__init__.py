"""Strategies: which trial gets which examples and draws next, and which trials stop."""

from __future__ import annotations

from tune.strategies.finalists import endgame
from tune.strategies.full import full
from tune.strategies.halving import halving
from tune.strategies.knowledge_gradient import value
from tune.strategies.problem import Choice, Outcome, Problem, Standing, Strategy

__all__ = ["STRATEGIES", "Choice", "Outcome", "Problem", "Standing", "Strategy", "endgame"]

STRATEGIES: dict[str, Strategy] = {"value": value, "halving": halving, "full": full}
"""By name. Every search is followed by the endgame, with the money that its strategy left."""
