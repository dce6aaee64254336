"""The paid points of a space as whole numbers on axes: the form in which every library can search
them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tune.space import Choice, Domain, Point, Space, Value, grid_values

MODEL = "model"
"""The key of the axis that every point has: its number is the model's place in the space."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension as the numbers 0, 1, 2, ... of its values.

    Models whose domains for a dimension are equal share its axis, so that what is learned about the
    one helps with the other; a model with a domain of its own has an axis of its own.

    Attributes:
        key: unique in the lattice.
        name: the dimension's name.
        values: in rising order where they are numbers.
        ordered: whether neighbouring values are alike.
    """

    key: str
    name: str
    values: tuple[Value, ...]
    ordered: bool

    def index(self, value: Value) -> int | None:
        """The number of a value: of the nearest one on an ordered axis, None for a stranger on any
        other.
        """
        if value in self.values:
            return self.values.index(value)
        if not self.ordered or isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return min(range(len(self.values)), key=lambda i: abs(float(self.values[i]) - value))  # type: ignore[arg-type]


class Lattice:
    """Every paid point of a space, on the ladders of its domains.

    Attributes:
        models: the models, by name.
        axes: the axes of each model, without the model itself.
        keys: every axis that leaves a choice, by key, the model's first.
    """

    def __init__(self, space: Space, free: Sequence[str]) -> None:
        self._space = space
        self.models = space.models
        self.axes: dict[str, tuple[Axis, ...]] = {}
        found: dict[tuple[str, tuple[Value, ...], bool], Axis] = {}
        for model in self.models:
            own = []
            for name, domain in space.paid(model, free).items():
                if name == MODEL:
                    continue
                values, ordered = _values(domain)
                # The first model's axis has the dimension's plain name; others are told apart by
                # their model.
                key = (
                    f"{name}@{model}" if any(name == axis.name for axis in found.values()) else name
                )
                own.append(
                    found.setdefault((name, values, ordered), Axis(key, name, values, ordered))
                )
            self.axes[model] = tuple(own)
        every = [Axis(MODEL, MODEL, self.models, ordered=False), *found.values()]
        self.keys = {axis.key: axis for axis in every if len(axis.values) > 1}

    def complete(self, model: str, values: Mapping[str, Value]) -> Point:
        """The point of a model with these values, as far as they go together."""
        return self._space.point_of({MODEL: model, **values})

    def point(self, indexes: Mapping[str, int]) -> Point:
        """The point with these numbers by key, 0 for those not given."""
        model = self.models[indexes.get(MODEL, 0)]
        return self.complete(
            model, {axis.name: axis.values[indexes.get(axis.key, 0)] for axis in self.axes[model]}
        )

    def indexes(self, point: Point) -> dict[str, int] | None:
        """The numbers of a point, by key; None where the point has a value or a lack that the axes
        cannot say.
        """
        if point.get(MODEL) not in self.models:
            return None
        model = str(point[MODEL])
        found: dict[str, int] = {MODEL: self.models.index(model)}
        for axis in self.axes[model]:
            number = axis.index(point[axis.name]) if axis.name in point else None
            if number is None:
                return None
            found[axis.key] = number
        return found

    def points(self, model: str) -> Iterator[Point]:
        """Every point of a model once, in the order of its axes."""
        axes = self.axes[model]
        seen: set[Point] = set()
        for values in itertools.product(*(axis.values for axis in axes)):
            point = self.complete(
                model, {axis.name: value for axis, value in zip(axes, values, strict=True)}
            )
            if point not in seen:
                seen.add(point)
                yield point

    def neighbours(self, point: Point) -> Iterator[Point]:
        """The points that differ in one dimension, by one step where it is ordered."""
        here = self.indexes(point)
        if here is None:
            return
        for key, axis in self.keys.items():
            if key not in here:
                continue
            near = (here[key] - 1, here[key] + 1) if axis.ordered else range(len(axis.values))
            for number in near:
                if 0 <= number < len(axis.values) and number != here[key]:
                    yield self.point({**here, key: number})


def _values(domain: Domain) -> tuple[tuple[Value, ...], bool]:
    values = grid_values(domain)
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    if isinstance(domain, Choice) and numbers:
        return tuple(sorted(values, key=float)), True  # type: ignore[arg-type]
    return values, numbers
