"""Measure where a smaller max_tokens cuts, before it is chosen, where services tell no token
boundaries.

A text is cut by its characters then, by how many tokens each kind of them takes
(`tune.readout.token_rates`). Whole answers say little of how they begin. So a few draws are bought
at the cap that would be chosen: all draws of the model and prompt are cut again by what these show,
and only then the cap may be chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import replace

from tune.readout import Reading
from tune.readout.trial import Step, Trial
from tune.strategies import Outcome, Problem, Selection, Standing
from tune.strategies.select import select_config

PHASES = ("caps", "caps again")
"""Phases in which caps are measured: before the finalists are told apart, and after it."""

FIRST_NUMBER = 1_000_000
"""Of the trials that measure: no trial of a search has such a number."""

EXAMPLES = 16
"""Draws that are bought to measure a cap; one for each example."""

LEAST_EXAMPLES = 4
"""Draws by which a cap counts as measured, where the money does not pay for more."""

MOST_CAPS = 4
"""Caps that are measured in one phase: a measured cap may lose to another one."""


def is_guessed(standing: Standing, reading: Reading) -> bool:
    """Return whether a reading rests on cuts whose place nobody measured."""
    cap = reading.config.max_tokens
    return reading.approximate and cap < standing.cap and cap not in standing.measured


def measure_caps(
    problem: Problem, view: Callable[[], Mapping[int, Standing]], number: int, left: float
) -> Generator[list[Step], Outcome, None]:
    """Buy a few draws at the cap that would be chosen, until the choice rests on a measured one.

    Args:
        problem: what is searched.
        view: every trial of the search, as it is read now.
        number: of the first trial that measures.
        left: dollars that may still be spent.
    """
    for trial in range(number, number + MOST_CAPS):
        standings = view()
        choice = select_config(problem, standings)
        if choice is None or not is_guessed(standings[choice.reading.trial], choice.reading):
            return
        point, cap = standings[choice.reading.trial].point, choice.reading.config.max_tokens
        each = problem.ceiling(point, 1, cap)
        count = min(EXAMPLES, int(left / each)) if each > 0 else EXAMPLES
        examples = choice.reading.examples[:count]
        if len(examples) < min(LEAST_EXAMPLES, choice.reading.n_examples):
            return
        outcome = yield [Step(trial, point, examples, 1, cap)]
        left = outcome.left
        if not outcome.complete:
            return


def record_measured_caps(trials: Mapping[int, Trial], measuring: Mapping[int, Trial]) -> list[int]:
    """Write into trials what was measured for their model and prompt; returns the numbers of those
    that changed.
    """
    changed = []
    for measured in measuring.values():
        draws = tuple(
            draw for position in sorted(measured.draws) for draw in measured.draws[position]
        )
        for trial in trials.values():
            alike = all(
                trial.point.get(name) == measured.point.get(name) for name in ("model", "prompt")
            )
            if draws and alike and trial.measured.get(measured.cap) != draws:
                trial.measured[measured.cap] = draws
                changed.append(trial.number)
    return changed


def select_measured(problem: Problem, standings: Mapping[int, Standing]) -> Selection | None:
    """Freeze the choice; one that rests on an unmeasured cut gives way to the best that does not.

    It stays where every other one breaks a limit that it keeps.
    """
    choice = select_config(problem, standings)
    if choice is None or not is_guessed(standings[choice.reading.trial], choice.reading):
        return choice
    known = {
        number: replace(
            one, readings=tuple(reading for reading in one.readings if not is_guessed(one, reading))
        )
        for number, one in standings.items()
    }
    other = select_config(problem, known)
    return other if other is not None and (other.feasible or not choice.feasible) else choice
