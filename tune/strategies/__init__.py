"""Strategies: which trial gets which examples and draws next, and which trials stop."""

from __future__ import annotations

from tune.strategies.final_comparison import final_comparison
from tune.strategies.full import full
from tune.strategies.halving import halving
from tune.strategies.knowledge_gradient import knowledge_gradient
from tune.strategies.problem import Outcome, Problem, Selection, Standing, Strategy

__all__ = [
    "STRATEGIES",
    "Outcome",
    "Problem",
    "Selection",
    "Standing",
    "Strategy",
    "final_comparison",
]

STRATEGIES: dict[str, Strategy] = {
    "knowledge_gradient": knowledge_gradient,
    "halving": halving,
    "full": full,
}
"""By name. Every search is followed by the endgame, with the money that its strategy left."""
