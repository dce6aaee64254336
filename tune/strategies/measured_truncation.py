"""Measure where a smaller max_tokens cuts, before it is selected.

Where services return no token boundaries, a text is cut by estimates: how many tokens each kind of
characters takes (`tune.readout.token_rates`). Whole answers say little about how they begin. So a
few draws are bought at the max_tokens that would be selected. All draws of that model and prompt
are then cut again by what these show, and only then may it be selected.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import replace

from tune.completion import Completion
from tune.readout import Reading
from tune.readout.trial import Reason, Step, Trial
from tune.space import Point
from tune.strategies.problem import Outcome, Problem, Selection, Standing
from tune.strategies.select import select_config

PHASES = ("caps", "caps again")
"""Phases in which caps are measured: before the final comparison, and after it."""

FIRST_NUMBER = 1_000_000
"""Number of the first trial that measures. No trial of a search has such a number."""


def is_guessed(standing: Standing, reading: Reading) -> bool:
    """Return whether a reading rests on cuts whose place was not measured."""
    cap = reading.config.max_tokens
    return reading.approximate and cap < standing.cap and cap not in standing.measured


def measure_caps(
    problem: Problem,
    view: Callable[[], Mapping[int, Standing]],
    number: int,
    left: float,
) -> Generator[list[Step], Outcome, None]:
    """Buy a few draws at the max_tokens that would be selected, until that is a measured one.

    Args:
        problem: what is searched.
        view: returns all trials of the search, as they are read now.
        number: of the first trial that measures.
        left: dollars that may still be spent.
    """
    settings = problem.settings.caps
    for trial in range(number, number + settings.most_caps):
        standings = view()
        choice = select_config(problem, standings)
        if choice is None:
            return
        standing = standings[choice.reading.trial]
        if not is_guessed(standing, choice.reading):
            return
        point = standing.point
        cap = choice.reading.config.max_tokens
        each = problem.ceiling(point, 1, cap)
        count = settings.measured_examples
        if each > 0:
            count = min(count, int(left / each))
        # Examples that the choice has met, so that cut and whole answers can be compared.
        examples = choice.reading.examples[:count]
        if len(examples) < min(settings.least_measured, choice.reading.n_examples):
            return
        reason = Reason(purpose=f"at max_tokens {cap}, to see where it cuts")
        outcome = yield [Step(trial, point, examples, 1, cap, reason)]
        left = outcome.left
        if not outcome.complete:
            return


def record_measured_caps(
    trials: Mapping[int, Trial], measuring: Mapping[int, Trial]
) -> list[int]:
    """Write into trials what was measured for their model and prompt.

    Returns:
        Numbers of the trials that changed.
    """
    changed = []
    for measured in measuring.values():
        draws: tuple[Completion, ...] = ()
        for position in sorted(measured.draws):
            draws += tuple(measured.draws[position])
        for trial in trials.values():
            new = draws and trial.measured.get(measured.cap) != draws
            if new and _is_same_pair(trial.point, measured.point):
                trial.measured[measured.cap] = draws
                changed.append(trial.number)
    return changed


def _is_same_pair(one: Point, other: Point) -> bool:
    """Return whether two points have the same model and prompt."""
    return one["model"] == other["model"] and one["prompt"] == other["prompt"]


def select_measured(
    problem: Problem, standings: Mapping[int, Standing]
) -> Selection | None:
    """Select the config; one that rests on an unmeasured cut gives way to the best that does not.

    It stays where every other one breaks a limit that it keeps.
    """
    choice = select_config(problem, standings)
    if choice is None:
        return None
    chosen = standings[choice.reading.trial]
    if not is_guessed(chosen, choice.reading):
        return choice
    known: dict[int, Standing] = {}
    for number, standing in standings.items():
        sure: list[Reading] = []
        # Readings with guessed cuts are left out as if they had never been read.
        for reading in standing.readings:
            if not is_guessed(standing, reading):
                sure.append(reading)
        known[number] = replace(standing, readings=tuple(sure))
    other = select_config(problem, known)
    if other is None or (choice.feasible and not other.feasible):
        return choice
    return other
