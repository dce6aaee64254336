"""Methods that a user could pick instead, as their authors publish them, for equal dollars.

A method is a strategy of the kind in `tune.strategies`, a searcher, and its own rule for the final
choice. For the goal "cheapest" a rival chooses the cheapest of what it measured as good enough. So all methods spend at one meter (`benchmarks/worlds/simulated_ledger.py`).

A method knows nothing of free dimensions. Of each example it buys as many draws as the largest n
takes (`most`), or as few as the smallest n takes. We chose what left less regret at 3, 10 and 30
units on twelve made-up worlds: few for TPE on full passes, many for all others. For SMAC3, which is
slow, it was three worlds at 3 and 10 units.

If dimensions can be read off draws (`tune.space.FREE`), the method is shown the best reading of
what it bought. If all dimensions are paid, a point holds n, max_tokens and the aggregate, and
exactly n draws are bought.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import TypeAlias

from benchmarks.rivals.bandits import best_filled_in, ucb_e_batches, ucb_e_low_rank
from benchmarks.rivals.contest import best_of_all, best_of_most
from benchmarks.rivals.full import ecooptigen, full, short_then_top, wilcoxon
from benchmarks.rivals.models import forest, gp
from benchmarks.rivals.racing import (
    elimination,
    hyperband,
    racing,
    successive_halving,
    ucb_e,
)
from benchmarks.rivals.smac import nothing, smac
from tune.readout import Reading
from tune.search import SEARCHERS
from tune.search.history import Searcher
from tune.space import Space
from tune.strategies import Problem, Standing, Strategy

Choose: TypeAlias = Callable[[Problem, Mapping[int, Standing]], Reading | None]


@dataclass(frozen=True)
class Method:
    """A way to search.

    Attributes:
        label: for people.
        strategy: decides what is bought.
        searcher: makes what proposes points; from (space, free dimensions, seed).
        choose: the final choice from what was bought; None for `tune`'s final comparison, which spends the
            money left.
        version: counted up when the method changes, so that its kept runs are made anew.
        needs: a package of the group `benchmarks` without which it does not run; "" where there is
            none.
        by_goal: other strategies, for goals other than "quality".
    """

    label: str
    strategy: Strategy
    searcher: Callable[[Space, Sequence[str], int], Searcher]
    choose: Choose | None
    version: int = 1
    needs: str = ""
    by_goal: Mapping[str, Strategy] = field(default_factory=dict)

    def strategy_for(self, goal: str) -> Strategy:
        """Return the strategy for a goal."""
        return self.by_goal.get(goal, self.strategy)

    @property
    def installed(self) -> bool:
        """Tell if the method can run here."""
        return not self.needs or find_spec(self.needs) is not None


METHODS: dict[str, Method] = {
    "random": Method(
        "random, full passes",
        partial(full, most=True),
        SEARCHERS["random"],
        best_of_most,
    ),
    "grid": Method(
        "grid, full passes", partial(full, most=True), SEARCHERS["grid"], best_of_most
    ),
    "blendsearch": Method(
        "EcoOptiGen: BlendSearch, cost pruning",
        partial(ecooptigen, most=True),
        SEARCHERS["blendsearch"],
        best_of_most,
    ),
    "cfo": Method(
        "CFO, cost pruning",
        partial(ecooptigen, most=True),
        SEARCHERS["cfo"],
        best_of_most,
    ),
    "tpe": Method(
        "TPE, full passes", partial(full, most=False), SEARCHERS["tpe"], best_of_most
    ),
    "wilcoxon": Method(
        "TPE, Wilcoxon pruner",
        partial(wilcoxon, most=True),
        SEARCHERS["tpe"],
        best_of_most,
    ),
    "short": Method(
        "TPE on 20 examples, then top 5",
        partial(short_then_top, most=True),
        SEARCHERS["tpe"],
        best_of_most,
    ),
    "gp": Method(
        "Gaussian process, full passes", partial(full, most=True), gp, best_of_most
    ),
    "halving": Method(
        "successive halving",
        partial(successive_halving, most=True),
        SEARCHERS["random"],
        best_of_most,
    ),
    "hyperband": Method(
        "Hyperband", partial(hyperband, most=True), SEARCHERS["random"], best_of_most
    ),
    "elimination": Method(
        "arm elimination",
        partial(elimination, most=True),
        SEARCHERS["random"],
        best_of_most,
    ),
    "ucb": Method("UCB-E", partial(ucb_e, most=True), SEARCHERS["random"], best_of_all),
    "ucb_batches": Method(
        "UCB-E of BanditEval, 32 examples a pull",
        partial(ucb_e_batches, most=True),
        SEARCHERS["random"],
        best_of_all,
    ),
    "ucb_pulls": Method(
        "UCB-E of BanditEval, fewest examples a pull",
        partial(ucb_e_batches, most=True, batch=None),
        SEARCHERS["random"],
        best_of_all,
    ),
    "ucb_lrf": Method(
        "UCB-E-LRF of BanditEval",
        partial(ucb_e_low_rank, most=True),
        SEARCHERS["random"],
        best_filled_in,
    ),
    "racing": Method(
        "racing as in SMAC", partial(racing, most=True), forest, best_of_most
    ),
    "smac": Method(
        "SMAC3", partial(smac, most=True), nothing, best_of_most, needs="smac"
    ),
}
"""By name."""
