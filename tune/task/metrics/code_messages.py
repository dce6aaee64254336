"""Data and messages between a test and the answer that it tests, which run in two processes: a part
of the program.

Numbers, texts, lists and the like cross as data, in JSON; of everything else only its number in a
list of its side. No module imports this file: `tune.task.metrics.code` puts several together, and
they are one program there.
"""

from __future__ import annotations

import builtins
import json
import os

TYPE_CHECKING = False  # `typing` takes a while to be imported, and this starts for every answer
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, BinaryIO

LONGEST = 2**26
"""Bytes of one message."""


def packed(value: Any, other: Callable[[Any], Any]) -> Any:  # noqa: PLR0912  (a table reads no better)
    """A value in JSON's types; what is no data is given to `other`."""
    kind = type(value)
    if value is None or kind in (bool, float, str):
        return value
    if kind is int:
        return value if -(2**53) < value < 2**53 else ["int", hex(value)]
    if kind in (list, tuple, set, frozenset):
        return [kind.__name__, [packed(each, other) for each in value]]
    if kind is dict:
        return ["dict", [[packed(k, other), packed(v, other)] for k, v in value.items()]]
    if kind in (bytes, bytearray):
        return [kind.__name__, value.hex()]
    if kind is complex:
        return ["complex", value.real, value.imag]
    if kind is range:
        return ["range", *(packed(each, other) for each in (value.start, value.stop, value.step))]
    name = f"{kind.__module__}.{kind.__name__}"
    if name in ("collections.Counter", "collections.OrderedDict", "collections.defaultdict"):
        return [kind.__name__, [[packed(k, other), packed(v, other)] for k, v in dict.items(value)]]
    if name == "collections.deque":
        return ["deque", [packed(each, other) for each in value], value.maxlen]
    if name in ("decimal.Decimal", "fractions.Fraction"):
        return [kind.__name__, str(value)]
    if (
        name in ("datetime.date", "datetime.datetime", "datetime.time")
        and getattr(value, "tzinfo", None) is None
    ):
        return [kind.__name__, value.isoformat()]
    if name == "datetime.timedelta":
        return ["timedelta", value.days, value.seconds, value.microseconds]
    if name == "numpy.ndarray" and value.dtype.kind in "biufcU":
        return ["ndarray", packed(value.tolist(), other), str(value.dtype)]
    if kind.__module__ == "numpy" and hasattr(value, "item"):
        return packed(value.item(), other)
    return other(value)


def unpacked(record: Any, other: Callable[[list[Any]], Any]) -> Any:
    """The value of a record; what is no data is given to `other`."""
    if not isinstance(record, list):
        return record
    kind, *rest = record
    if kind in ("list", "tuple", "set", "frozenset"):
        return getattr(builtins, kind)([unpacked(each, other) for each in rest[0]])
    if kind == "int":
        return int(rest[0], 16)
    if kind == "dict":
        return {unpacked(k, other): unpacked(v, other) for k, v in rest[0]}
    if kind in ("bytes", "bytearray"):
        return getattr(builtins, kind).fromhex(rest[0])
    if kind == "complex":
        return complex(*rest)
    if kind == "range":
        return range(*(unpacked(each, other) for each in rest))
    if kind in ("Counter", "OrderedDict", "defaultdict", "deque"):
        import collections

        if kind == "deque":
            return collections.deque([unpacked(each, other) for each in rest[0]], rest[1])
        pairs = {unpacked(k, other): unpacked(v, other) for k, v in rest[0]}
        return pairs if kind == "defaultdict" else getattr(collections, kind)(pairs)
    if kind in ("Decimal", "Fraction"):
        module = __import__("decimal" if kind == "Decimal" else "fractions")
        return getattr(module, kind)(rest[0])
    if kind in ("date", "datetime", "time", "timedelta"):
        import datetime

        made = getattr(datetime, kind)
        return made(*rest) if kind == "timedelta" else made.fromisoformat(rest[0])
    if kind == "ndarray":
        import numpy

        return numpy.array(unpacked(rest[0], other), dtype=rest[1])
    return other(record)


def plain_of(value: Any) -> Any:
    """What an object of a class that extends a kind of data holds as data, whatever the class says
    of itself.
    """
    kinds: dict[type, Callable[[Any], Any]] = {
        str: str.__str__,
        int: int.__int__,
        float: float.__float__,
        complex: complex.__complex__,
        bytes: bytes.__bytes__,
        list: lambda v: list(list.__iter__(v)),
        tuple: lambda v: tuple(tuple.__iter__(v)),
        set: lambda v: set(set.__iter__(v)),
        frozenset: lambda v: frozenset(frozenset.__iter__(v)),
        dict: lambda v: dict(dict.items(v)),
    }
    return next(
        (plain(value) for kind, plain in kinds.items() if kind in type(value).__mro__), None
    )


class Channel:
    """Messages to and from the other process, one on a line."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading: BinaryIO = open(reading, "rb")  # noqa: SIM115  (it lasts as long as the process)
        self._writing = writing

    def send(self, message: Any) -> None:
        """Send one."""
        line = json.dumps(message).encode() + b"\n"
        while line:
            line = line[os.write(self._writing, line) :]

    def receive(self) -> Any:
        """Wait for one.

        Raises:
            EOFError: there is nobody any more.
        """
        line = self._reading.readline(LONGEST)
        if not line.endswith(b"\n"):
            raise EOFError("the answer ended its process")
        return json.loads(line)
