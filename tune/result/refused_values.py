"""Values of sampling settings that a model refused, such as a temperature or a reasoning effort.

Each refusal costs a trial of the search, and the trials of the report tell of it. But a reader who
misses a value in the result should not have to look for it there. `tune.result.refused` tells of
stop strings and max_tokens, and of n.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tune.report.text import describe_value
from tune.space import Space
from tune.space.domain import grid_values
from tune.space.values import Value, is_within
from tune.study.record import RunRecord

_TOLD_ELSEWHERE = frozenset({"max_tokens", "n", "stop"})
"""Settings that `tune.result.refused` tells of."""


@dataclass(slots=True)
class _Refused:
    """What a model refused of one setting.

    Attributes:
        model: by its name in the space.
        parameter: the setting.
        whole: it refuses the setting with any value.
        values: the values that it refused, each by its text.
        low: the smallest value that it takes, or None.
        high: the largest value that it takes, or None.
        words: of the model, where it last refused the setting.
    """

    model: str
    parameter: str
    whole: bool = False
    values: dict[str, Value] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    words: str = ""


def refused_value_notices(record: RunRecord) -> list[str]:
    """Say which values of settings models refused, in the order in which they did first."""
    # The space of the run has lost what was refused. This is the one that the user gave.
    space = Space.from_mapping(record.plan.identity["space"])
    found: list[str] = []
    for refused in _refused(record.events):
        # The baseline may have other values than the space.
        parts = _parts(refused, _searched(space, refused.model, refused.parameter))
        if parts:
            found.append(_sentence(refused, parts))
    found += _conditions(record.events, space)
    return found


def _refused(events: Iterable[Mapping[str, Any]]) -> list[_Refused]:
    """Return what the journal says, one record for each setting of a model."""
    found: dict[tuple[str, str], _Refused] = {}
    for event in events:
        if event["event"] not in ("learned", "narrowed"):
            continue
        model, parameter = event["model"], event["parameter"]
        if parameter in _TOLD_ELSEWHERE:
            continue
        refused = found.setdefault((model, parameter), _Refused(model, parameter))
        refused.words = event["words"]
        low, high = event.get("low"), event.get("high")
        if event["event"] == "learned":
            refused.whole = True
        else:
            value = event["value"]
            # Bounds say more than one value outside them.
            if value is not None and is_within(value, low, high):
                refused.values[describe_value(value)] = value
            refused.low = refused.low if low is None else low
            refused.high = refused.high if high is None else high
    return list(found.values())


def _searched(space: Space, model: str, name: str) -> list[Value]:
    """Return the values of a setting that the user's space has for a model, of all prompts."""
    found: list[Value] = []
    for prompt in ("", *space.prompts):
        domain = space.domain(name, model, prompt)
        if domain is not None:
            found += grid_values(domain)
    return found


def _sentence(refused: _Refused, parts: Sequence[str]) -> str:
    which = "that" if len(parts) == 1 else "those"
    return (
        f"{refused.model} refused {' and '.join(parts)}, so no configuration of it with {which} "
        f"could be selected. In its words: {refused.words}"
    )


def _parts(refused: _Refused, searched: Iterable[Value]) -> list[str]:
    """Return what was refused of the searched values, each in a few words."""
    name = refused.parameter
    # The service's own value is not sent.
    sent = [value for value in searched if value is not None]
    if refused.whole:
        return [name] if sent else []
    parts = []
    for shown, value in refused.values.items():
        if value in sent:
            parts.append(f"{name} {shown}")
    # A bound that takes nothing away is none.
    if not all(is_within(value, refused.low, None) for value in sent):
        parts.append(f"{name} below {refused.low:g}")
    if not all(is_within(value, None, refused.high) for value in sent):
        parts.append(f"{name} above {refused.high:g}")
    return parts


def _conditions(events: Iterable[Mapping[str, Any]], space: Space) -> list[str]:
    """Say which settings a model takes only under a condition."""
    # A study that was resumed may have learned a condition twice.
    found: dict[str, None] = {}
    for event in events:
        if event["event"] == "one_of":
            first, *others = event["parameters"]
            if _has(space, event["model"], event["parameters"]):
                found[
                    f"{event['model']} does not take {' or '.join(others)} beside {first}, so no "
                    "configuration of it with both could be selected."
                ] = None
        elif event["event"] == "only_with":
            name, setting = event["parameter"], event["setting"]
            if _has(space, event["model"], [name, setting]):
                values = " or ".join(map(describe_value, event["values"]))
                found[
                    f"{event['model']} takes {name} only with {setting} {values}, so no other "
                    "configuration of it with both could be selected."
                ] = None
    return list(found)


def _has(space: Space, model: str, names: Sequence[str]) -> bool:
    """Return True if the user's space has all of these settings for a model."""
    for name in names:
        values = _searched(space, model, name)
        if all(value is None for value in values):
            return False
    return True
