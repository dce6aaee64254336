"""A file of a record and of arrays of numbers, to be read whole and fast.

Equal arrays are kept once. The file begins with a line that names its kind; then come the record
as one line of JSON, and one compressed block for each type of number.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tune.store.files import write_private_bytes

Numbers: TypeAlias = npt.NDArray[Any]
"""Whole numbers or floating ones, of eight bytes each."""

_KIND = b"tune arrays 1\n"
"""The first line. It changes with the form of the file."""

_TYPES = ("<i8", "<f8")
"""The types of numbers, in the order of their blocks."""

_SPEED = 1
"""The level of compression: higher ones take ten times as long for a tenth of the size."""


class ArraysWriter:
    """Collects arrays for a file."""

    def __init__(self) -> None:
        self._parts: dict[str, list[bytes]] = {kind: [] for kind in _TYPES}
        self._places: dict[tuple[str, bytes], int] = {}
        # The type and the length of each array, in the order of their numbers.
        self._table: list[tuple[str, int]] = []

    def add(self, array: Numbers) -> int:
        """Take an array of whole or floating numbers, and return its number in the file."""
        kind = "<f8" if array.dtype.kind == "f" else "<i8"
        data = array.astype(kind).tobytes()
        place = self._places.get((kind, data))
        if place is None:
            place = len(self._table)
            self._places[kind, data] = place
            self._table.append((kind, array.size))
            self._parts[kind].append(data)
        return place

    def write(self, path: Path, record: Mapping[str, Any]) -> None:
        """Write the file, for its owner alone.

        Raises:
            OSError: the folder cannot be written, or the disk is full.
        """
        blocks = []
        for kind in _TYPES:
            blocks.append(zlib.compress(b"".join(self._parts[kind]), _SPEED))
        head = {
            "record": record,
            "arrays": self._table,
            "blocks": list(map(len, blocks)),
        }
        line = json.dumps(head, separators=(",", ":")).encode() + b"\n"
        write_private_bytes(path, b"".join([_KIND, line, *blocks]))


def read_arrays(path: Path) -> tuple[Any, list[Numbers]] | None:
    """Return the record and the arrays of a file; None if there is none, or if it is damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if not data.startswith(_KIND):
        return None
    end = data.find(b"\n", len(_KIND))
    try:
        head = json.loads(data[len(_KIND) : end])
        return head["record"], _arrays(data[end + 1 :], head)
    # A file that was cut off or changed by hand. It can be made again.
    except (ValueError, KeyError, TypeError, zlib.error):
        return None


def _arrays(data: bytes, head: Mapping[str, Any]) -> list[Numbers]:
    """Return the arrays of a file from its blocks.

    Raises:
        ValueError: the blocks are not what the head says.
    """
    whole: dict[str, Numbers] = {}
    begin = 0
    for kind, size in zip(_TYPES, head["blocks"], strict=True):
        count = sum(length for one, length in head["arrays"] if one == kind)
        block = data[begin : begin + size]
        whole[kind] = np.frombuffer(_decompressed(block, 8 * count), dtype=kind)
        begin += size
    found: list[Numbers] = []
    taken = dict.fromkeys(_TYPES, 0)
    for kind, length in head["arrays"]:
        start = taken[kind]
        found.append(whole[kind][start : start + length])
        taken[kind] = start + length
    return found


def _decompressed(block: bytes, size: int) -> bytes:
    """Return a block of exactly this size. A file from elsewhere may claim anything."""
    work = zlib.decompressobj()
    found = work.decompress(block, max(1, size))
    if len(found) != size or work.unconsumed_tail:
        raise ValueError("the block has another size")
    return found
