"""Strategies: which trial gets which examples and draws next, and which trials stop."""

from __future__ import annotations

from tune.strategies.final_comparison import final_comparison
from tune.strategies.full import Full
from tune.strategies.halving import Halving
from tune.strategies.knowledge_gradient import KnowledgeGradient
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

STRATEGIES: dict[str, KnowledgeGradient | Halving | Full] = {
    "knowledge_gradient": KnowledgeGradient(),
    "halving": Halving(),
    "full": Full(),
}
"""Strategies by name. The final comparison follows each, with the money that it left."""
