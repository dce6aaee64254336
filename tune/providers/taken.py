"""The settings that a model was seen to take, and what no call has shown of others yet."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from tune.completion import Request
from tune.providers.capabilities import Capabilities, Fact

Part: TypeAlias = tuple[str, str]
"""A setting of a call: its name, and its value as a text."""

_CONDITIONAL = frozenset(
    {
        "frequency_penalty",
        "logprobs",
        "min_p",
        "presence_penalty",
        "reasoning_effort",
        "temperature",
        "thinking",
        "top_k",
        "top_p",
    }
)
"""Settings that some models take alone, and refuse beside another one of these."""

_USUAL = {"max_tokens": 16.0, "n": 1.0, "temperature": 0.0}
"""Values that nearly all models take if they take a larger one, by setting. The highest lower limit
on max_tokens is 16; a call for one answer has no n at all.
"""

_FEW = 4.0
"""Answers that a service gives in one call if it gives several: the lowest upper limit is 4."""

_THINKING = frozenset({"reasoning_effort", "thinking"})
"""Settings of which one value may go together with another setting, and the next one not."""


class Taken:
    """Knows which settings a model has taken in calls that were answered.

    Args:
        service: the service, as in `Request.service`.
        model: the model's name as the service knows it.
        capabilities: what is known of models; what the model takes is noted there, so that a
            resumed study knows it, too.
    """

    def __init__(self, service: str, model: str, capabilities: Capabilities) -> None:
        self._service = service
        self._model = model
        self._capabilities = capabilities

    def __contains__(self, part: Part) -> bool:
        return self._fact(part) in self._capabilities

    def _fact(self, part: Part) -> Fact:
        return Fact(self._service, self._model, "takes", " ".join(part))

    def note(self, parts: Iterable[Part]) -> None:
        """Note that the model takes these settings together."""
        parts = frozenset(parts)
        for part in sorted(parts.union(_together(parts))):
            if part not in self:
                self._capabilities.learn(self._fact(part))

    def note_answer(self, parts: Iterable[Part]) -> None:
        """Note that the model has answered a call with these settings."""
        self._capabilities.learn(Fact(self._service, self._model, "answers"))
        self.note(parts)

    def share(self, other: Taken, parts: Iterable[Part]) -> None:
        """Note which of these settings the model takes, as another one of this class knows it."""
        parts = frozenset(parts)
        for part in sorted(parts.union(_together(parts))):
            if part in other:
                self._capabilities.learn(self._fact(part))

    def is_between(self, part: Part) -> bool:
        """Tell whether a setting is a number between two that the model takes.

        It does not count as unproven: a search tries many, and a wave must not wait for each.
        """
        name, value = part
        number = _number(value)
        if number is None:
            return False
        taken = [
            found for found in map(_number, self._values(name)) if found is not None
        ]
        if not taken:
            return False
        least, most = min(taken), max(taken)
        if name in _USUAL:
            least = min(least, _USUAL[name])
        if name == "n":
            most = max(most, _FEW)
        return least <= number <= most

    def largest_cap(self) -> int | None:
        """Return the largest max_tokens that the model has taken; None if it never answered."""
        return max(map(int, self._values("max_tokens")), default=None)

    def _values(self, name: str) -> Iterator[str]:
        """Yield the values of a setting that the model takes."""
        for fact in self._capabilities.facts:
            if (fact.service, fact.model, fact.kind) == (
                self._service,
                self._model,
                "takes",
            ):
                taken, _, value = fact.name.partition(" ")
                if taken == name:
                    yield value

    def unproven(self, parts: Iterable[Part]) -> frozenset[Part]:
        """Return what no answered call has shown of these settings; empty where all is proven.

        Besides the settings, it holds a part for each name of which no value was taken yet, for
        each two settings that never went together, and for a model that never answered. So two
        calls without a common part can be refused for different reasons only.
        """
        parts = frozenset(parts)
        found: set[Part] = set()
        if Fact(self._service, self._model, "answers") not in self._capabilities:
            found.add(("model", ""))
        for part in parts:
            if part in self or self.is_between(part):
                continue
            found.add(part)
            name, _ = part
            if not any(True for _ in self._values(name)):
                found.add((name, ""))
        found.update(pair for pair in _together(parts) if pair not in self)
        return frozenset(found)


def parts_of(request: Request, numbers: range) -> frozenset[Part]:
    """Return what a call asks for besides its prompt."""
    parts: list[Part] = [("max_tokens", str(request.max_tokens))]
    for name, value in request.settings:
        parts.append((name, repr(value)))
    if request.stop:
        parts.append(("stop", repr(request.stop)))
    if len(numbers) > 1:
        parts.append(("n", str(len(numbers))))
    return frozenset(parts)


def _together(parts: Iterable[Part]) -> Iterator[Part]:
    """Yield a part for each two of these settings that may not go together."""
    conditional = sorted(part for part in parts if part[0] in _CONDITIONAL)
    for (name, value), (other, others_value) in itertools.combinations(conditional, 2):
        # The value of an effort decides what goes beside it.
        one = f"{name}={value}" if name in _THINKING else name
        two = f"{other}={others_value}" if other in _THINKING else other
        yield f"{one}+{two}", "together"


def _number(value: str) -> float | None:
    """Return the number that a value is, or None."""
    try:
        return float(value)
    except ValueError:
        return None
