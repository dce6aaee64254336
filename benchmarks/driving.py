"""The loop around a strategy, for whoever sells to it: the tills of the benchmarks, and those of the tests."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from tune.racing import Outcome
from tune.trial import Step


def drive(strategy: Generator[list[Step], Outcome, Any], buy: Callable[[list[Step]], Outcome]) -> Any:
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
