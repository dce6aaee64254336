"""Try the settings of the selected config, before the holdout meets it.

A smaller max_tokens and stop strings are read off draws that were bought without them. So a search
may select what the model refuses when it is sent: some take no stop strings, some no max_tokens
under 16. One call shows that. What is refused leaves the space, and another config is selected.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import TypeAlias

from tune.readout.trial import Reason, Step
from tune.space import Config
from tune.strategies.problem import Outcome, Problem, Standing

PHASES = ("settings", "settings again")
"""Phases in which settings are tried: before the final comparison, and after it."""

FIRST_NUMBER = 2_000_000
"""Number of the first trial that tries settings. No other trial has such a number."""

Settings: TypeAlias = tuple[str, int, tuple[str, ...]]
"""A model, a max_tokens and stop strings."""


def try_settings(
    problem: Problem,
    choices: Callable[[], Iterable[Config]],
    view: Callable[[], Mapping[int, Standing]],
    tried: set[Settings],
    number: int,
    left: float,
) -> Generator[list[Step], Outcome, None]:
    """Send one call with the settings of each config that may meet the holdout.

    Args:
        problem: what is searched.
        choices: returns these configs, as they would be selected now.
        view: returns all trials of the search, as they are read now.
        tried: what was tried before; what is tried now is added.
        number: of the first trial that tries settings.
        left: dollars that may still be spent.
    """
    while True:
        standings = view()
        steps: list[Step] = []
        for config in choices():
            settings = config.model, config.max_tokens, config.stop
            price = problem.ceiling(config, 1, config.max_tokens)
            if settings in tried or _was_sent(problem, config, standings.values()):
                continue
            if price > left:
                continue
            tried.add(settings)
            left -= price
            reason = Reason(
                purpose=f"to see whether {config.model} takes {_named(config)}"
            )
            example = _answered_example(config, standings.values())
            steps.append(Step(number, config, (example,), 1, config.max_tokens, reason))
            number += 1
        if not steps:
            return
        outcome = yield steps
        left = outcome.left
        if not outcome.complete:
            return


def _was_sent(problem: Problem, config: Config, standings: Iterable[Standing]) -> bool:
    """Return whether the model was seen to take these settings before.

    A max_tokens between two that it takes is taken, too. Some were sent to see where they cut.
    """
    paid = {name: value for name, value in config.items() if name != "stop"}
    if "stop" in problem.free and config.stop != problem.space.common_stop(paid):
        return False
    caps: list[int] = []
    for standing in standings:
        if standing.point["model"] == config.model and standing.readings:
            least = standing.cap if standing.least_cap is None else standing.least_cap
            caps += [standing.cap, least, *standing.measured]
    return bool(caps) and min(caps) <= config.max_tokens <= max(caps)


def _answered_example(config: Config, standings: Iterable[Standing]) -> int:
    """Return an example that the model has answered, with the same prompt if there is one.

    A model may refuse the first example for what it says, and then it shows nothing of settings.
    """
    found = 0
    for standing in standings:
        is_same_model = standing.point["model"] == config.model
        if not is_same_model or not standing.readings:
            continue
        found = standing.readings[0].examples[0]
        if standing.point["prompt"] == config.prompt:
            return found
    return found


def _named(config: Config) -> str:
    named = f"max_tokens {config.max_tokens}"
    return f"{named} with stop strings" if config.stop else named
