"""Data and messages between a test and the answer that it tests, which run in two processes.

It is a part of the sandbox's program. Numbers, texts, lists and the like cross as data, in JSON; of
everything else only its number in a list of its side. This file is not imported:
`tune.task.metrics.code` puts several together, and they are one program there.
"""

from __future__ import annotations

import builtins
import json
import os

TYPE_CHECKING = (
    False  # `typing` takes a while to be imported, and this starts for every answer
)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, BinaryIO

    Packer = Callable[[Any, Callable[[Any], Any]], Any]
    Unpacker = Callable[[str, list[Any], Callable[[Any], Any]], Any]

LONGEST = 2**26
"""Bytes of one message."""

EXACT = 2**53
"""Whole numbers up to this are the same in every JSON reader."""


def packed(value: Any, other: Callable[[Any], Any]) -> Any:
    """Return a value in JSON's types; anything that is not data is given to `other`."""
    kind = type(value)
    if value is None or kind in (bool, float, str):
        return value
    if kind is int:
        return value if -EXACT < value < EXACT else ["int", hex(value)]
    pack = packer_of(kind)
    if pack is not None:
        record = pack(value, other)
        if record is not None:
            return record
    if kind.__module__ == "numpy" and hasattr(value, "item"):
        return packed(value.item(), other)
    return other(value)


def packer_of(kind: type) -> Packer | None:
    """Return the function that packs values of a class; None where there is none."""
    # By identity, since a class of the answer may say that it equals any other.
    for known, pack in BUILTIN_PACKERS:
        if kind is known:
            return pack
    # By name, so that nothing is imported that the answer does not use.
    return LIBRARY_PACKERS.get(f"{kind.__module__}.{kind.__name__}")


def packed_items(values: Any, other: Callable[[Any], Any]) -> list[Any]:
    """Return each of some values in JSON's types."""
    return [packed(each, other) for each in values]


def pack_items(value: Any, other: Callable[[Any], Any]) -> Any:
    """Pack a list, a tuple or a set."""
    return [type(value).__name__, packed_items(value, other)]


def pack_pairs(value: Any, other: Callable[[Any], Any]) -> Any:
    """Pack a dictionary, or one of a class of `collections`."""
    pairs = []
    for key, each in dict.items(value):
        pairs.append([packed(key, other), packed(each, other)])
    return [type(value).__name__, pairs]


def pack_bytes(value: Any, _: Callable[[Any], Any]) -> Any:
    """Pack bytes."""
    return [type(value).__name__, value.hex()]


def pack_complex(value: Any, _: Callable[[Any], Any]) -> Any:
    """Pack a complex number."""
    return ["complex", value.real, value.imag]


def pack_range(value: Any, other: Callable[[Any], Any]) -> Any:
    """Pack a range."""
    return ["range", *packed_items((value.start, value.stop, value.step), other)]


def pack_deque(value: Any, other: Callable[[Any], Any]) -> Any:
    """Pack a deque."""
    return ["deque", packed_items(value, other), value.maxlen]


def pack_text(value: Any, _: Callable[[Any], Any]) -> Any:
    """Pack a number that its text tells exactly."""
    return [type(value).__name__, str(value)]


def pack_moment(value: Any, _: Callable[[Any], Any]) -> Any:
    """Pack a date or a time; None where it has a time zone, which is another object."""
    if getattr(value, "tzinfo", None) is not None:
        return None
    return [type(value).__name__, value.isoformat()]


def pack_timedelta(value: Any, _: Callable[[Any], Any]) -> Any:
    """Pack a difference of times."""
    return ["timedelta", value.days, value.seconds, value.microseconds]


def pack_array(value: Any, other: Callable[[Any], Any]) -> Any:
    """Pack an array of numpy; None where it holds objects."""
    if value.dtype.kind not in "biufcU":
        return None
    return ["ndarray", packed(value.tolist(), other), str(value.dtype)]


BUILTIN_PACKERS: list[tuple[type, Packer]] = [
    (list, pack_items),
    (tuple, pack_items),
    (set, pack_items),
    (frozenset, pack_items),
    (dict, pack_pairs),
    (bytes, pack_bytes),
    (bytearray, pack_bytes),
    (complex, pack_complex),
    (range, pack_range),
]

LIBRARY_PACKERS: dict[str, Packer] = {
    "collections.Counter": pack_pairs,
    "collections.OrderedDict": pack_pairs,
    "collections.defaultdict": pack_pairs,
    "collections.deque": pack_deque,
    "decimal.Decimal": pack_text,
    "fractions.Fraction": pack_text,
    "datetime.date": pack_moment,
    "datetime.datetime": pack_moment,
    "datetime.time": pack_moment,
    "datetime.timedelta": pack_timedelta,
    "numpy.ndarray": pack_array,
}


def unpacked(record: Any, other: Callable[[list[Any]], Any]) -> Any:
    """Return the value of a record; anything that is not data is given to `other`."""
    if not isinstance(record, list):
        return record
    kind, *rest = record
    # The other side may send anything, as a list in place of a kind.
    unpack = UNPACKERS.get(kind) if isinstance(kind, str) else None
    if unpack is None:
        return other(record)
    return unpack(kind, rest, other)


def unpacked_items(
    records: Any,
    other: Callable[[list[Any]], Any],
) -> list[Any]:
    """Return the value of each of some records."""
    return [unpacked(each, other) for each in records]


def unpack_items(
    kind: str,
    rest: list[Any],
    other: Callable[[Any], Any],
) -> Any:
    """Unpack a list, a tuple or a set."""
    return getattr(builtins, kind)(unpacked_items(rest[0], other))


def unpack_pairs(
    kind: str,
    rest: list[Any],
    other: Callable[[Any], Any],
) -> Any:
    """Unpack a dictionary, or one of a class of `collections`."""
    pairs = {}
    for key, each in rest[0]:
        pairs[unpacked(key, other)] = unpacked(each, other)
    if kind not in ("Counter", "OrderedDict"):
        # The function of a defaultdict stays on its side.
        return pairs
    import collections

    return getattr(collections, kind)(pairs)


def unpack_int(
    _: str,
    rest: list[Any],
    __: Callable[[Any], Any],
) -> Any:
    """Unpack a large whole number."""
    return int(rest[0], 16)


def unpack_bytes(
    kind: str,
    rest: list[Any],
    _: Callable[[Any], Any],
) -> Any:
    """Unpack bytes."""
    return getattr(builtins, kind).fromhex(rest[0])


def unpack_complex(
    _: str,
    rest: list[Any],
    __: Callable[[Any], Any],
) -> Any:
    """Unpack a complex number."""
    return complex(*rest)


def unpack_range(
    _: str,
    rest: list[Any],
    other: Callable[[Any], Any],
) -> Any:
    """Unpack a range."""
    return range(*unpacked_items(rest, other))


def unpack_deque(
    _: str,
    rest: list[Any],
    other: Callable[[Any], Any],
) -> Any:
    """Unpack a deque."""
    import collections

    return collections.deque(unpacked_items(rest[0], other), rest[1])


def unpack_text(
    kind: str,
    rest: list[Any],
    _: Callable[[Any], Any],
) -> Any:
    """Unpack a number that its text tells exactly."""
    module = __import__("decimal" if kind == "Decimal" else "fractions")
    return getattr(module, kind)(rest[0])


def unpack_moment(
    kind: str,
    rest: list[Any],
    _: Callable[[Any], Any],
) -> Any:
    """Unpack a date or a time."""
    import datetime

    return getattr(datetime, kind).fromisoformat(rest[0])


def unpack_timedelta(
    _: str,
    rest: list[Any],
    __: Callable[[Any], Any],
) -> Any:
    """Unpack a difference of times."""
    import datetime

    return datetime.timedelta(*rest)


def unpack_array(
    _: str,
    rest: list[Any],
    other: Callable[[Any], Any],
) -> Any:
    """Unpack an array of numpy."""
    import numpy

    return numpy.array(unpacked(rest[0], other), dtype=rest[1])


UNPACKERS: dict[str, Unpacker] = {
    "list": unpack_items,
    "tuple": unpack_items,
    "set": unpack_items,
    "frozenset": unpack_items,
    "int": unpack_int,
    "dict": unpack_pairs,
    "bytes": unpack_bytes,
    "bytearray": unpack_bytes,
    "complex": unpack_complex,
    "range": unpack_range,
    "Counter": unpack_pairs,
    "OrderedDict": unpack_pairs,
    "defaultdict": unpack_pairs,
    "deque": unpack_deque,
    "Decimal": unpack_text,
    "Fraction": unpack_text,
    "date": unpack_moment,
    "datetime": unpack_moment,
    "time": unpack_moment,
    "timedelta": unpack_timedelta,
    "ndarray": unpack_array,
}


def builtin_data(value: Any) -> Any:
    """Return the data in an object whose class extends a builtin class; None where it does not.

    The class's own methods are not asked: they may say anything of the object.
    """
    readers: dict[type, Callable[[Any], Any]] = {
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
    for kind, read in readers.items():
        if kind in type(value).__mro__:
            return read(value)
    return None


class Channel:
    """Messages to and from the other process, one on a line."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading: BinaryIO = open(reading, "rb")  # noqa: SIM115  (it lasts as long as the process)
        self._writing = writing

    def send(self, message: Any) -> None:
        """Send one message."""
        line = json.dumps(message).encode() + b"\n"
        # A pipe may take a part of a long line only.
        while line:
            line = line[os.write(self._writing, line) :]

    def receive(self) -> Any:
        """Wait for one message.

        Raises:
            EOFError: the other process has ended.
        """
        line = self._reading.readline(LONGEST)
        if not line.endswith(b"\n"):
            raise EOFError("the answer ended its process")
        return json.loads(line)
