"""Alpha spending: interim analyses of one holdout share one error rate of 5 %.

A study that is continued until its holdout says "better" would be wrong more often than 5 %, if
each analysis allowed itself 5 %. So each analysis spends a part of the 5 % (Lan and DeMets 1983),
and its intervals have the confidence that this part leaves. The first analysis spends nearly all,
since most studies have only one. Each later analysis spends half of the rest. The parts add up to
less than 5 %, so all analyses together are wrong at most that often, whatever the user did after
each of them.

A study analyses its holdout when it first meets it, and again when it is continued. Reading the
study again with other prices or limits is an analysis too, if it compares another choice; the
journal of the study records it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

TOTAL_ALPHA = 0.05
"""Error probability of all analyses of a holdout together."""

FIRST_ALPHA = 0.04
"""The part of it that the first analysis spends."""

ANALYSES = ("holdout", "look")
"""The events of a journal that are analyses: the holdout bought, and looked at again later."""

Compared: TypeAlias = frozenset[tuple[str, int]]
"""The pairs that an analysis compared: (config as JSON, position of an example)."""


def analysis_confidence(look: int) -> float:
    """Return the confidence of the intervals of an interim analysis, 0 to 1.

    Args:
        look: the number of the analysis, from 1.

    Raises:
        ValueError: the number is below 1.
    """
    if look < 1:
        raise ValueError(f"`look >= 1` must hold, but got {look}")
    if look == 1:
        return 1 - FIRST_ALPHA
    # Each later analysis spends half of the rest, so the parts never add up to more than it.
    rest = TOTAL_ALPHA - FIRST_ALPHA
    return 1 - rest / float(2 ** (look - 1))


def count_analyses(
    events: Sequence[Mapping[str, Any]], baseline: Mapping[str, Any]
) -> int:
    """Return the number of a journal's latest analysis; 1 also if there is none yet.

    An analysis counts only if it compares something new: another choice, or more examples.

    Args:
        events: the journal's.
        baseline: the config that every choice is compared with.
    """
    analyses: list[Compared] = []
    number = 1
    for event in events:
        if event["event"] not in ANALYSES:
            continue
        compared = _compared(event, baseline)
        if not compared:
            continue
        number = _number(compared, analyses)
        if number > len(analyses):
            analyses.append(compared)
    return number


def another_analysis(
    events: Sequence[Mapping[str, Any]],
    choice: Mapping[str, Any],
    baseline: Mapping[str, Any],
) -> dict[str, Any] | None:
    """Return the event that compares a choice with the baseline on a holdout already met.

    Args:
        events: the journal's.
        choice: a config; if it did not meet the holdout, only the baseline's numbers are seen.
        baseline: the config that every choice is compared with.

    Returns:
        None if the study has not met its holdout.
    """
    held = _last_holdout(events)
    if held is None:
        return None
    chosen = _text(choice)
    both = (chosen, _text(baseline))
    steps = [step for step in held["steps"] if _text(step[1]) in both]
    # `_compared` takes the first step for the choice.
    steps.sort(key=lambda step: _text(step[1]) != chosen)
    return {"event": "look", "steps": steps, "unanswered": held["unanswered"]}


def is_new_analysis(
    events: Sequence[Mapping[str, Any]],
    look: Mapping[str, Any],
    baseline: Mapping[str, Any],
) -> bool:
    """Tell whether an event compares something that the journal does not have yet."""
    compared = _compared(look, baseline)
    if not compared:
        return False
    for event in events:
        if event["event"] in ANALYSES and compared <= _compared(event, baseline):
            return False
    return True


def _number(compared: Compared, analyses: Sequence[Compared]) -> int:
    """Return the number of the first analysis that compared all of this; the next one if none."""
    for number, earlier in enumerate(analyses, 1):
        if compared <= earlier:
            return number
    return len(analyses) + 1


def _last_holdout(events: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the last event that bought the holdout; None without any."""
    bought = [event for event in events if event["event"] == "holdout"]
    if not bought:
        return None
    return bought[-1]


def _compared(event: Mapping[str, Any], baseline: Mapping[str, Any]) -> Compared:
    """Return (config, position) pairs of the choice (the first step) and the baseline."""
    steps = event["steps"]
    if not steps:
        return frozenset()
    chosen = steps[0][0]
    theirs = _text(baseline)
    # An example without an answer was not compared.
    unanswered = {(trial, position) for trial, position, _ in event["unanswered"]}
    found: set[tuple[str, int]] = set()
    for trial, point, positions, _, _ in steps:
        config = _text(point)
        if config != theirs and trial != chosen:
            continue
        for position in positions:
            if (trial, position) not in unanswered:
                found.add((config, position))
    return frozenset(found)


def _text(config: Mapping[str, Any]) -> str:
    return json.dumps(dict(config), sort_keys=True)
