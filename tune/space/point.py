"""Points and configs: a value for each paid dimension, and one for every dimension."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from tune.errors import SpaceError
from tune.space.values import Value, check_value, parse_stop

FREE = ("n", "max_tokens", "stop", "aggregate")
"""The dimensions whose every value can be read off draws that are already bought."""

_DEFAULTS: dict[str, Value] = {
    "n": 1,
    "stop": (),
    "aggregate": "first",
}


# `json.dumps` makes an encoder for each call, and that takes longer than a point.
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Point(Mapping[str, Value]):
    """Values by dimension name: immutable, hashable, equal when the values are.

    A *paid point* has a value for each paid dimension of a space; a `Config` has one for the free
    ones too. Dimensions that a model does not take are absent.
    """

    __slots__ = ("_values", "key")

    key: str
    """The point as canonical JSON: 1 and 1.0 are the same there."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values: dict[str, Value] = {}
        compared: dict[str, Value] = {}
        for name, value in sorted(values.items()):
            # JSON has no tuples: a point that comes back from a file has lists.
            self._values[name] = tuple(value) if isinstance(value, list) else value
            compared[name] = _as_integer(self._values[name])
        self.key = _to_json(compared)

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        # That of `Mapping` catches a KeyError, which takes several times as long.
        return name in self._values

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and self.key == other.key

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.key})"


def _as_integer(value: Value) -> Value:
    """Turn 1.0 into 1, and leave every other value alone."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


class Config(Point):
    """A complete configuration: the values that a user would deploy.

    Raises:
        SpaceError: model, prompt or max_tokens is missing, or a dimension cannot take its value.
    """

    # Kept beside the values: a search asks for them a hundred thousand times.
    __slots__ = ("aggregate", "max_tokens", "model", "n", "prompt", "stop")

    model: str
    """The model, by the name it has in the space."""

    prompt: str
    """The prompt, by the name it has in the space."""

    n: int
    """Answers per request."""

    max_tokens: int
    """The cap of one answer, in tokens."""

    stop: tuple[str, ...]
    """Strings that end an answer."""

    aggregate: str
    """The rule that makes one answer of n."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        complete = _DEFAULTS | dict(values)
        for name in ("model", "prompt", "max_tokens"):
            if complete.get(name) is None:
                raise SpaceError(
                    f"a config needs a value for {name!r}, but got {dict(values)}"
                )
        # A stop string written alone and in a list are one config.
        complete["stop"] = parse_stop(complete["stop"])
        for name, value in complete.items():
            check_value(name, value)
        super().__init__(complete)
        self.model = str(self["model"])
        self.prompt = str(self["prompt"])
        self.n = int(self["n"])  # type: ignore[arg-type]
        self.max_tokens = int(self["max_tokens"])  # type: ignore[arg-type]
        self.stop = self["stop"]  # type: ignore[assignment]
        self.aggregate = str(self["aggregate"])

    @property
    def settings(self) -> dict[str, Value]:
        """The settings passed to the model by name: temperature, top_p, reasoning_effort, ...

        A setting that is None is left to the service, and is not in the result.
        """
        return settings_of(self)


def settings_of(point: Mapping[str, Value]) -> dict[str, Value]:
    """Return the settings of a point that are passed to the model, by name."""
    found: dict[str, Value] = {}
    for name, value in point.items():
        # n and the like are read off draws; they have no place in a request.
        if name not in ("model", "prompt", *FREE) and value is not None:
            found[name] = value
    return found
