"""Settings that a model refused, and that no failed trial of the report tells of.

A smaller max_tokens and stop strings are read off draws that were bought without them. So a model
may refuse them only when a selected configuration is tried. A trial whose max_tokens is refused in
the search goes on with another one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tune.space import Space
from tune.space.domain import grid_values
from tune.space.values import Value, is_within
from tune.study.record import RunRecord


@dataclass(frozen=True, slots=True)
class RefusedSetting:
    """A setting that a model refused.

    Attributes:
        in_search: it was refused in the search, not after it.
        model: by its name in the space.
        parameter: "stop" or "max_tokens".
        value: the stop strings, where others may be taken; else ().
        caps: each max_tokens that was refused by a model that stated no bound.
        low: the smallest max_tokens that is left, or None.
        high: the largest max_tokens, or the most stop strings, that is left; None where no bound is
            known.
        words: of the model.
    """

    in_search: bool
    model: str
    parameter: str
    value: tuple[str, ...]
    caps: tuple[int, ...]
    low: float | None
    high: float | None
    words: str

    def leaves(self, value: Value) -> bool:
        """Return True if a value may still be selected."""
        if self.parameter == "max_tokens":
            return is_within(value, self.low, self.high)
        if not isinstance(value, tuple) or not value:
            return True
        if value == self.value or not (self.value or self.high):
            return False
        # Of stop strings, the bound is about their number.
        return self.high is None or len(value) <= self.high


def refusal_notices(record: RunRecord) -> list[str]:
    """Say which settings models refused, and what could not be selected then."""
    found = []
    for refused in _refused(record.events):
        # The space of the run has lost what was refused. This is the one that the user gave.
        space = Space.from_mapping(record.plan.identity["space"])
        if _was_searched(space, refused):
            found.append(_sentence(refused))
    return found


def single_call_notices(record: RunRecord) -> list[str]:
    """Say which models give fewer answers for one call than the space asks for.

    A service may refuse n, or a large one, or answer once whatever it is asked for.
    """
    space = Space.from_mapping(record.plan.identity["space"])
    found = []
    for name in dict.fromkeys(str(t.point["model"]) for t in record.trials.values()):
        most = record.models[name].most_n
        if record.plan.entries[name].local or most >= _largest_n(space, name):
            continue
        answers = "one answer" if most == 1 else f"at most {most} answers"
        found.append(
            f"{name} gives {answers} for each call: more answers take more calls, and each call "
            "pays for the prompt again."
        )
    return found


def _largest_n(space: Space, model: str) -> int:
    """Return the largest n that a space has for a model; 1 where it has none."""
    largest = 1
    for prompt in ("", *space.prompts):
        domain = space.domain("n", model, prompt)
        if domain is not None:
            numbers = [n for n in grid_values(domain) if isinstance(n, int)]
            largest = max(largest, *numbers)
    return largest


def why_no_baseline(record: RunRecord) -> str:
    """Return the reason why the baseline could not be run; "" where it was, or was not tried."""
    plan = record.plan
    if plan.baseline in record.holdout:
        return ""
    for trial in record.trials.values():
        if trial.point == plan.baseline_point and trial.state == "failed":
            return trial.reason
    met = record.holdout_trials.get(plan.baseline)
    if met is None or met.state != "failed":
        return ""
    return met.reason


def _refused(events: Sequence[Mapping[str, Any]]) -> list[RefusedSetting]:
    """Return what the journal says of refusals that no trial tells of, the last word on each."""
    found: dict[tuple[object, ...], RefusedSetting] = {}
    phase = "search"
    for event in events:
        kind = event["event"]
        if kind == "phase":
            phase = event["name"]
        elif kind == "continue":
            phase = "search"
        elif kind in ("learned", "narrowed"):
            model, parameter = event["model"], event["parameter"]
            value: tuple[str, ...] = ()
            if parameter == "stop":
                value = tuple(event.get("value") or ())
            low, high = event.get("low"), event.get("high")
            in_search = phase == "search"
            if parameter == "max_tokens" or (parameter == "stop" and not in_search):
                # A smallest and a largest value are two things that it refused.
                key = (model, parameter, value, low is not None)
                caps: tuple[int, ...] = ()
                if parameter == "max_tokens" and event.get("value") is not None:
                    before = found[key].caps if key in found else ()
                    caps = (*before, event["value"])
                refused = RefusedSetting(
                    in_search, model, parameter, value, caps, low, high, event["words"]
                )
                found[key] = refused
    return list(found.values())


def _was_searched(space: Space, refused: RefusedSetting) -> bool:
    """Return True if the space had configurations that the refusal takes away.

    Args:
        space: as the user gave it.
        refused: the setting.
    """
    # The baseline may have other values than the space.
    for prompt in ("", *space.prompts):
        domain = space.domain(refused.parameter, refused.model, prompt)
        if domain is not None and not all(map(refused.leaves, grid_values(domain))):
            return True
    return False


def _sentence(refused: RefusedSetting) -> str:
    setting, lost = "stop strings", "stop strings"
    if refused.parameter == "max_tokens":
        setting, lost = f"a max_tokens above {refused.high or 0:.0f}", "a larger one"
        if refused.low is not None:
            setting, lost = f"a max_tokens below {refused.low:.0f}", "a smaller one"
        # The smallest one that is left is the next of the space, and no word of the model.
        if refused.caps and refused.low is not None:
            *before, last = map(str, refused.caps)
            each = f"{', '.join(before)} and {last}" if before else last
            setting, lost = f"a max_tokens of {each}", f"less than {refused.low:.0f}"
    elif refused.high is not None and refused.high < len(refused.value):
        setting, lost = f"more than {refused.high:.0f} stop strings", "more"
    elif refused.value:
        shown = json.dumps(refused.value, ensure_ascii=False)
        setting, lost = f"the stop strings {shown}", "these"
    when = "In" if refused.in_search else "After"
    return (
        f"{when} the search, {refused.model} refused {setting}, so none of its configurations with "
        f"{lost} could be selected. In its words: {refused.words}"
    )
