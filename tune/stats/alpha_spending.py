"""Looks at one holdout: each is paid for out of the 5 % of error that all of them together may
have.

Whoever continues a study until the holdout says "better" would, at 5 % a look, be wrong more often
than that. So every look spends a part of the 5 % (alpha spending: Lan and DeMets 1983), and its
intervals have the confidence that this part leaves: nearly all for the first, which is the only one
for most studies, half of what is left for each later one. The parts add up to less than 5 %, so
that all looks together are wrong at most that often, whatever they share, and whatever each made
the user do: an interval of any look is a 95 % interval over every look together.

A study looks when it meets its holdout, and again when it is continued. Reading it again under
other prices or limits is a look where another choice is compared by it; so that is noted in the
study's journal, too.
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
    """The confidence of the intervals of a look, 0 to 1.

    Args:
        look: from 1.

    Raises:
        ValueError: there is no such look.
    """
    if look < 1:
        raise ValueError(f"`look >= 1` must hold, but got {look}")
    return 1 - (FIRST_ALPHA if look == 1 else (TOTAL_ALPHA - FIRST_ALPHA) / 2 ** (look - 1))


def count_analyses(events: Sequence[Mapping[str, Any]], baseline: Mapping[str, Any]) -> int:
    """Which look at the holdout a journal's last one is: 1 is the first, also where there was none
    yet.

    Only a look that compares something that none of those before it did counts: another choice, or
    more examples.

    Args:
        events: the journal's.
        baseline: the config that every choice is compared with.
    """
    looks: list[Compared] = []
    number = 1
    for event in events:
        if event["event"] in ANALYSES and (seen := _seen(event, baseline)):
            number = next(
                (k for k, earlier in enumerate(looks, 1) if seen <= earlier), len(looks) + 1
            )
            looks += [seen] if number > len(looks) else []
    return number


def another_analysis(
    events: Sequence[Mapping[str, Any]], choice: Mapping[str, Any], baseline: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The event of comparing a choice with the baseline on the holdout that a study has met
    already.

    Args:
        events: the journal's.
        choice: a config; if it did not meet the holdout, only the baseline's numbers are seen.
        baseline: the config that every choice is compared with.

    Returns:
        None where the study has not met its holdout.
    """
    held = next((event for event in reversed(events) if event["event"] == "holdout"), None)
    if held is None:
        return None
    chosen, theirs = _text(choice), _text(baseline)
    steps = [step for step in held["steps"] if _text(step[1]) in (chosen, theirs)]
    steps.sort(key=lambda step: _text(step[1]) != chosen)
    return {"event": "look", "steps": steps, "unanswered": held["unanswered"]}


def is_new_analysis(
    events: Sequence[Mapping[str, Any]], look: Mapping[str, Any], baseline: Mapping[str, Any]
) -> bool:
    """Whether a look compares something that none of a journal's did."""
    seen = _seen(look, baseline)
    return bool(seen) and not any(
        seen <= _seen(event, baseline) for event in events if event["event"] in ANALYSES
    )


def _seen(event: Mapping[str, Any], baseline: Mapping[str, Any]) -> Compared:
    """What a look compared: the choice, which comes first, and the baseline, on the examples that
    were bought.
    """
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
