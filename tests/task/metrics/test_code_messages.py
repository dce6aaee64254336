"""Data between a test and an answer: what crosses comes back equal, and of the same class."""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import json
import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.task.metrics.code_messages import Channel, builtin_data, packed, unpacked


def refuse(value: Any) -> Any:
    raise AssertionError(f"given to the other side: {value!r}")


def cross(value: Any) -> Any:
    return unpacked(json.loads(json.dumps(packed(value, refuse))), refuse)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        2**70,
        -(2**53),
        1.5,
        "text",
        b"bytes",
        bytearray(b"x"),
        3 + 4j,
        range(1, 9, 2),
        [1, (2, {3})],
        frozenset({1}),
        {(1, 2): [None], "a": {}},
        collections.Counter("aab"),
        collections.OrderedDict(a=1),
        collections.deque([1, 2], 3),
        decimal.Decimal("1.10"),
        fractions.Fraction(1, 3),
        datetime.date(2026, 1, 2),
        datetime.datetime(2026, 1, 2, 3, 4),
        datetime.time(3, 4),
        datetime.timedelta(1, 2, 3),
    ],
)
def test_data_crosses_and_keeps_its_class(value: Any) -> None:
    found = cross(value)
    assert found == value
    assert type(found) is type(value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
        lambda inner: (
            st.lists(inner)
            | st.tuples(inner, inner)
            | st.dictionaries(st.text(), inner)
        ),
    )
)
def test_any_nested_data_crosses(value: Any) -> None:
    assert cross(value) == value


def test_a_defaultdict_becomes_a_dictionary_since_its_function_stays() -> None:
    found = cross(collections.defaultdict(list, a=[1]))
    assert type(found) is dict
    assert found == {"a": [1]}


def test_arrays_and_numbers_of_numpy_cross() -> None:
    array = np.array([[1.5, 2.0]], dtype=np.float32)
    found = cross(array)
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)
    assert cross(np.int64(3)) == 3


@pytest.mark.parametrize(
    "value",
    [
        object(),
        len,
        datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        type("Own", (list,), {})([1]),
    ],
)
def test_anything_else_is_given_to_the_side_that_keeps_it(value: Any) -> None:
    assert packed(value, lambda found: ["kept", found is value]) == ["kept", True]


@pytest.mark.parametrize("record", [["kept", 3], ["unheard of"], [["list"], 1], [None]])
def test_a_record_that_is_not_data_is_given_to_the_side_that_finds_it(
    record: list[Any],
) -> None:
    assert unpacked(record, lambda found: ("found", found)) == ("found", record)


class Liar(int):
    """Says of itself what suits it."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __int__(self) -> int:
        return 99


def test_the_data_of_an_object_is_not_what_its_class_says() -> None:
    found = builtin_data(Liar(3))
    assert type(found) is int
    assert found == 3
    assert builtin_data(object()) is None


def test_a_channel_sends_lines_and_says_where_the_other_side_has_ended() -> None:
    reading, writing = os.pipe()
    channel = Channel(reading, writing)
    channel.send({"a": ["line\nend"]})
    assert channel.receive() == {"a": ["line\nend"]}
    os.write(writing, b"[1, 2")
    os.close(writing)
    with pytest.raises(EOFError, match="the answer ended its process"):
        channel.receive()
    channel._reading.close()
