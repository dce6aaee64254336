"""The loop around a strategy, for the simulated ledgers of the tests and the benchmarks."""

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
    """Run a strategy to its end, and return its result.

    Args:
        strategy: a strategy that has not started.
        buy: buys a wave as far as the money goes, and returns the outcome.
    """
    # A generator that has not started takes only None.
    outcome: Outcome | None = None
    while True:
        try:
            steps = strategy.send(outcome)  # type: ignore[arg-type]
        except StopIteration as stop:
            return stop.value
        outcome = buy(steps)


def max_extrapolated_cost(dollars: float) -> float:
    """Return the dollars per request that an extrapolated selection may cost.

    Args:
        dollars: the money of the search.
    """
    # A simulated search has no holdout. A study keeps at most this share of its budget for the
    # holdout, and asks at least so many examples there: see `tune.study.budget`.
    return MOST_HOLDOUT_SHARE / (1.0 - MOST_HOLDOUT_SHARE) * dollars / LEAST_HOLDOUT
