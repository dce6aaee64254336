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
"""How often all looks at a holdout together may be wrong."""

FIRST_ALPHA = 0.04
"""What the first look spends of it."""

ANALYSES = ("holdout", "look")
"""The events of a journal that are looks: what a study bought of its holdout, and what was read of
it later.
"""

Compared: TypeAlias = frozenset[tuple[str, int]]
"""What a look compared: (config as JSON, position of an example)."""


def analysis_confidence(look: int) -> float:
    """Return the confidence of the intervals of an interim analysis, 0 to 1.

    Args:
        look: the number of the analysis, from 1.

    Raises:
        ValueError: the number is below 1.
    """
    # Counted from 1, as people do.
    if look < 1:
        raise ValueError(f"`look >= 1` must hold, but got {look}")
    return 1 - (
        FIRST_ALPHA if look == 1 else (TOTAL_ALPHA - FIRST_ALPHA) / 2 ** (look - 1)
    )


def count_analyses(
    events: Sequence[Mapping[str, Any]], baseline: Mapping[str, Any]
) -> int:
    """Return the number of a journal's latest analysis; 1 also if there is none yet.

    An analysis counts only if it compares something new: another choice, or more examples.

    Args:
        events: the journal's.
        baseline: the config that every choice is compared with.
    """
    looks: list[Compared] = []
    number = 1
    for event in events:
        if event["event"] in ANALYSES and (seen := _seen(event, baseline)):
            number = next(
                (k for k, earlier in enumerate(looks, 1) if seen <= earlier),
                len(looks) + 1,
            )
            looks += [seen] if number > len(looks) else []
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
    held = next(
        (event for event in reversed(events) if event["event"] == "holdout"), None
    )
    if held is None:
        return None
    chosen, theirs = _text(choice), _text(baseline)
    steps = [step for step in held["steps"] if _text(step[1]) in (chosen, theirs)]
    # `_seen` takes the first step for the choice.
    steps.sort(key=lambda step: _text(step[1]) != chosen)
    return {"event": "look", "steps": steps, "unanswered": held["unanswered"]}


def is_new_analysis(
    events: Sequence[Mapping[str, Any]],
    look: Mapping[str, Any],
    baseline: Mapping[str, Any],
) -> bool:
    """Tell whether an event compares something that the journal does not have yet."""
    seen = _seen(look, baseline)
    return bool(seen) and not any(
        seen <= _seen(event, baseline) for event in events if event["event"] in ANALYSES
    )


def _seen(event: Mapping[str, Any], baseline: Mapping[str, Any]) -> Compared:
    """Return (config, position) pairs of the choice (the first step) and the baseline."""
    # An example without an answer was not compared.
    missing = {(trial, position) for trial, position, _ in event["unanswered"]}
    chosen, theirs = (event["steps"][0][0] if event["steps"] else None), _text(baseline)
    return frozenset(
        (config, position)
        for trial, point, positions, _, _ in event["steps"]
        if (config := _text(point)) == theirs or trial == chosen
        for position in positions
        if (trial, position) not in missing
    )


def _text(config: Mapping[str, Any]) -> str:
    return json.dumps(dict(config), sort_keys=True)
