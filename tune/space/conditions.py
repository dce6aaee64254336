"""Conditions between the settings of a model: what goes together, and what must be bought."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tune.space.domain import Choice, Domain, Integers
from tune.space.values import Value


class _OnlyWith(NamedTuple):
    """Settings that a model takes only beside certain values of another setting."""

    names: tuple[str, ...]
    setting: str
    values: tuple[Value, ...]


class Conditions:
    """Conditions that hold for the points of single models, by the model's name in the space."""

    def __init__(self) -> None:
        self._only_with: dict[str, tuple[_OnlyWith, ...]] = {}
        self._one_of: dict[str, tuple[str, ...]] = {}
        self._paid_caps: frozenset[str] = frozenset()
        self._firm: frozenset[tuple[str, str]] = frozenset()
        self._caps: dict[str, tuple[int, int | None]] = {}

    def copied(self) -> Conditions:
        """Return equal conditions: what is added to one of them does not change the other."""
        other = copy.copy(self)
        other._only_with = dict(self._only_with)
        other._one_of = dict(self._one_of)
        other._caps = dict(self._caps)
        return other

    def allow_only_with(
        self,
        model: str,
        names: Sequence[str],
        setting: str,
        values: Sequence[Value],
    ) -> None:
        """Learn that a model takes some settings only beside certain values of another one.

        Points with another value have none of these settings.

        Args:
            model: by its name in the space.
            names: the settings.
            setting: the other one; without a value it counts as None.
            values: those beside which the model takes them.
        """
        found = _OnlyWith(tuple(names), setting, tuple(values))
        self._only_with[model] = (*self._only_with.get(model, ()), found)

    def allow_one_of(self, model: str, names: Sequence[str]) -> None:
        """Learn that a model takes only one of these settings; points keep the first they have."""
        self._one_of[model] = tuple(names)

    def pay_for_caps(self, model: str) -> None:
        """Make max_tokens of a model a paid dimension.

        A model that reasons in hidden tokens answers otherwise under a smaller cap. So a smaller
        cap cannot be read off draws of a larger one.
        """
        self._paid_caps |= {model}

    def limit_caps(self, model: str, low: float | None, high: float | None) -> None:
        """Learn the smallest and the largest max_tokens of a model; None where it is not known."""
        least, most = self._caps.get(model, (1, None))
        if low is not None:
            least = max(least, math.ceil(low))
        if high is not None:
            most = int(high) if most is None else min(most, int(high))
        self._caps[model] = (least, most)

    def within_caps(self, model: str, domain: Domain | None) -> Domain | None:
        """Return a domain of max_tokens with each value moved to the nearest one inside."""
        if model not in self._caps or domain is None:
            return domain
        least, most = self._caps[model]

        def inside(cap: int) -> int:
            bounded = max(cap, least)
            return bounded if most is None else min(bounded, most)

        if isinstance(domain, Integers):
            return Integers(inside(domain.low), inside(domain.high), domain.log)
        moved = [inside(int(value)) for value in domain.values]  # type: ignore[arg-type]
        # No call goes out without a cap, so a domain outside is moved and never dropped.
        return Choice(tuple(dict.fromkeys(moved)))

    def state(self) -> object:
        """Return a value that is equal as long as nothing is learned of caps."""
        return self._paid_caps, dict(self._caps)

    def put_before_prompts(self, model: str, name: str) -> None:
        """Let a model's own domain of a dimension go before those of prompts."""
        self._firm |= {(model, name)}

    def is_before_prompts(self, model: str, name: str) -> bool:
        """Tell whether a model's own domain of a dimension goes before those of prompts."""
        return (model, name) in self._firm

    def free_of(self, model: str, free: Sequence[str]) -> tuple[str, ...]:
        """Return the dimensions that are read off draws of a model."""
        if model in self._paid_caps:
            return tuple(name for name in free if name != "max_tokens")
        return tuple(free)

    def kept(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return the values of a point that go together; the others are left out."""
        point = dict(values)
        model = str(values.get("model"))
        for condition in self._only_with.get(model, ()):
            if point.get(condition.setting) in condition.values:
                continue
            for name in condition.names:
                point.pop(name, None)
        one_of = self._one_of.get(model, ())
        given = [name for name in one_of if point.get(name) is not None]
        for name in given[1:]:
            point.pop(name)
        return point
