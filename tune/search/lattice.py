"""The paid points of a space as whole numbers on axes.

In this form every library can search them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tune.space import Choice, Domain, Point, Space, Value, grid_values

MODEL = "model"
"""Key of the axis that every point has: its number is the model's place in the space."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension as the numbers 0, 1, 2, ... of its values.

    Models whose domains for a dimension are equal share its axis, so that what is learned about one
    helps with the other. A model with a domain of its own has an axis of its own.

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
        """Return the number of a value.

        On an ordered axis it is that of the nearest one. On others a foreign value has none.
        """
        if value in self.values:
            return self.values.index(value)
        if not self.ordered or not _is_number(value):
            return None
        # A user's baseline may lie between two steps of a domain.
        distances = [abs(float(one) - float(value)) for one in self.values]  # type: ignore[arg-type]
        return distances.index(min(distances))


class Lattice:
    """All paid points of a space, on the ladders of its domains.

    Attributes:
        models: the models, by name.
        axes: the axes of each model, without the model itself.
        keys: all axes with more than one value, by key, the model's first.
    """

    def __init__(
        self,
        space: Space,
        free: Sequence[str],
    ) -> None:
        self._space = space
        self.models = space.models
        self.axes: dict[str, tuple[Axis, ...]] = {}
        found: dict[tuple[str, tuple[Value, ...], bool], Axis] = {}
        for model in self.models:
            own = []
            for name, domain in space.paid(model, free).items():
                if name != MODEL:
                    values, ordered = _values(domain)
                    key = _new_key(name, model, found.values())
                    axis = Axis(key, name, values, ordered)
                    # Models with equal domains share the axis of the first one.
                    own.append(found.setdefault((name, values, ordered), axis))
            self.axes[model] = tuple(own)
        # An axis with one value is no choice, and some libraries refuse it.
        every = [Axis(MODEL, MODEL, self.models, ordered=False), *found.values()]
        self.keys = {axis.key: axis for axis in every if len(axis.values) > 1}

    def complete(
        self,
        model: str,
        values: Mapping[str, Value],
    ) -> Point:
        """Return the point of a model with these values, as far as they go together."""
        return self._space.point_of({MODEL: model, **values})

    def point(self, indexes: Mapping[str, int]) -> Point:
        """Return the point with these numbers by key, 0 for those not given."""
        model = self.models[indexes.get(MODEL, 0)]
        values: dict[str, Value] = {}
        for axis in self.axes[model]:
            values[axis.name] = axis.values[indexes.get(axis.key, 0)]
        return self.complete(model, values)

    def indexes(self, point: Point) -> dict[str, int] | None:
        """Return the numbers of a point, by key; None where it does not fit the axes."""
        if point.get(MODEL) not in self.models:
            return None
        model = str(point[MODEL])
        found: dict[str, int] = {MODEL: self.models.index(model)}
        for axis in self.axes[model]:
            # A baseline may lack a dimension that the space has.
            if axis.name not in point:
                return None
            number = axis.index(point[axis.name])
            if axis.name == "aggregate" and point.get("n") == 1 and number is None:
                # Of one answer every rule makes the same, also one that the space lacks.
                number = 0
            if number is None:
                return None
            found[axis.key] = number
        return found

    def points(self, model: str) -> Iterator[Point]:
        """Yield every point of a model once, in the order of its axes."""
        axes = self.axes[model]
        names = [axis.name for axis in axes]
        seen: set[Point] = set()
        for values in itertools.product(*[axis.values for axis in axes]):
            point = self.complete(model, dict(zip(names, values, strict=True)))
            # Settings that exclude each other make several combinations one point.
            if point not in seen:
                seen.add(point)
                yield point

    def neighbours(self, point: Point) -> Iterator[Point]:
        """Yield the points that differ in one dimension, by one step where it is ordered."""
        here = self.indexes(point)
        if here is None:
            return
        for key, axis in self.keys.items():
            if key not in here:
                continue
            place = here[key]
            # Names have no order: every other name is a neighbour.
            near: Iterable[int] = range(len(axis.values))
            if axis.ordered:
                near = (place - 1, place + 1)
            for number in near:
                if 0 <= number < len(axis.values) and number != place:
                    yield self.point({**here, key: number})


def _new_key(
    name: str,
    model: str,
    axes: Iterable[Axis],
) -> str:
    """Return the dimension's plain name for its first axis; for others the model is added."""
    if any(axis.name == name for axis in axes):
        return f"{name}@{model}"
    return name


def _values(domain: Domain) -> tuple[tuple[Value, ...], bool]:
    """Return the values of a domain, and whether neighbouring ones are alike."""
    values = grid_values(domain)
    numbers = all(map(_is_number, values))
    # A user may list numbers in any order; those of other domains are sorted already.
    if isinstance(domain, Choice) and numbers:
        return tuple(sorted(values, key=float)), True  # type: ignore[arg-type]
    return values, numbers


def _is_number(value: Value) -> bool:
    """Return True for a number; in Python, True and False are numbers too."""
    return isinstance(value, int | float) and not isinstance(value, bool)
