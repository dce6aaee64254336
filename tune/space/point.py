"""Points and configs: a value for each paid dimension, and one for every dimension."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from tune.errors import SpaceError
from tune.space.domain import Value, check_value, parse_stop

FREE = ("n", "max_tokens", "stop", "aggregate")
"""The dimensions whose every value can be read off draws already bought."""


class Point(Mapping[str, Value]):
    """Values by dimension name: immutable, hashable, equal when the values are.

    A *paid point* has a value for each paid dimension of a space; a `Config` has one for the free
    ones too. Dimensions that a model does not take are absent.
    """

    __slots__ = ("_values", "key")

    key: str
    """The point as canonical JSON: 1 and 1.0 are the same there."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        # JSON has no tuples: a point that comes back from a file has lists.
        self._values = {
            n: tuple(v) if isinstance(v, list) else v for n, v in sorted(values.items())
        }
        same = {name: _whole(value) for name, value in self._values.items()}
        self.key = json.dumps(same, ensure_ascii=False, separators=(",", ":"))

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and self.key == other.key

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.key})"


def _whole(value: Value) -> Value:
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Config(Point):
    """A complete configuration: what a user would deploy.

    Raises:
        SpaceError: there is no model, prompt or max_tokens, or a value that its dimension cannot
        take.
    """

    __slots__ = ()

    def __init__(self, values: Mapping[str, Value]) -> None:
        defaults: dict[str, Value] = {"n": 1, "stop": (), "aggregate": "first"}
        whole = defaults | dict(values)
        for name in ("model", "prompt", "max_tokens"):
            if whole.get(name) is None:
                raise SpaceError(f"a config needs a value for {name!r}, but got {dict(values)}")
        whole["stop"] = parse_stop(whole["stop"])
        for name, value in whole.items():
            check_value(name, value)
        super().__init__(whole)

    @property
    def model(self) -> str:
        """The model, by the name it has in the space."""
        return str(self["model"])

    @property
    def prompt(self) -> str:
        """The prompt, by the name it has in the space."""
        return str(self["prompt"])

    @property
    def n(self) -> int:
        """Answers per request."""
        return int(self["n"])  # type: ignore[arg-type]

    @property
    def max_tokens(self) -> int:
        """The cap of one answer, in tokens."""
        return int(self["max_tokens"])  # type: ignore[arg-type]

    @property
    def stop(self) -> tuple[str, ...]:
        """Strings that end an answer."""
        return self["stop"]  # type: ignore[return-value]

    @property
    def aggregate(self) -> str:
        """How n answers become one."""
        return str(self["aggregate"])

    @property
    def settings(self) -> dict[str, Value]:
        """What is passed to the model by name: temperature, top_p, reasoning_effort, ...

        A setting that is None is left to the service, and not among them.
        """
        return {
            k: v for k, v in self.items() if k not in ("model", "prompt", *FREE) and v is not None
        }
