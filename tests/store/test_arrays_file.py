"""A file of arrays gives back what was put in, and a damaged one is no file."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tune.store.arrays_file import ArraysWriter, read_arrays
from tune.store.files import PRIVATE

WHOLE = np.array([3, -1, 2**40])
FLOATING = np.array([0.1, math.nan, -0.0, 1e300])


def write(path: Path) -> list[int]:
    arrays = ArraysWriter()
    places = [arrays.add(WHOLE), arrays.add(FLOATING), arrays.add(WHOLE[:0])]
    places.append(arrays.add(WHOLE.copy()))
    arrays.write(path, {"of": "é", "places": places})
    return places


def test_arrays_come_back_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    places = write(path)
    found = read_arrays(path)
    assert found is not None
    record, arrays = found
    assert record == {"of": "é", "places": places}
    for place, array in zip(places, (WHOLE, FLOATING, WHOLE[:0], WHOLE), strict=True):
        assert arrays[place].dtype.kind == array.dtype.kind
        assert arrays[place].tobytes() == array.tobytes()
    assert path.stat().st_mode & 0o777 == PRIVATE


def test_equal_arrays_are_kept_once(tmp_path: Path) -> None:
    places = write(tmp_path / "file")
    assert places[0] == places[3]
    assert len(set(places)) == 3


def test_a_file_that_is_cut_off_or_is_another_is_none(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert read_arrays(path) is None
    write(path)
    data = path.read_bytes()
    for size in range(0, len(data), 7):
        path.write_bytes(data[:size])
        assert read_arrays(path) is None
    path.write_bytes(b"something else\n" + data)
    assert read_arrays(path) is None


@pytest.mark.parametrize("length", [1, 10**6])
def test_a_block_of_another_size_than_the_head_says_is_refused(
    tmp_path: Path, length: int
) -> None:
    path = tmp_path / "file"
    write(path)
    kind, line, rest = path.read_bytes().split(b"\n", 2)
    head = json.loads(line)
    head["arrays"][0][1] = length
    path.write_bytes(b"\n".join([kind, json.dumps(head).encode(), rest]))
    assert read_arrays(path) is None
