"""The loop around a strategy, for whoever sells to it: the tills of the benchmarks, and those of
the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from tune.plan.purchase import MOST_HOLDOUT_SHARE
from tune.readout.trial import Step
from tune.strategies import Outcome
from tune.study.budget import LEAST_HOLDOUT


def drive(
    strategy: Generator[list[Step], Outcome, Any], buy: Callable[[list[Step]], Outcome]
) -> Any:
    """Run a strategy to its end; what it returns.

    Args:
        strategy: one that was not begun.
        buy: buys a wave, as far as the money goes, and says what became of it.
    """
    outcome: Outcome | None = None
    while True:
        try:
            steps = strategy.send(outcome)  # type: ignore[arg-type]
        except StopIteration as stop:
            return stop.value
        outcome = buy(steps)


def max_extrapolated_cost(dollars: float) -> float:
    """What a study whose search has so many dollars lets a choice cost that it did not buy, see
    `tune.study.budget`.

    There is no holdout here. A study keeps a share of its budget for it at most, and the rest is
    its search's.
    """
    return MOST_HOLDOUT_SHARE / (1.0 - MOST_HOLDOUT_SHARE) * dollars / LEAST_HOLDOUT
