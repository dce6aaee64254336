"""The side of the answer, in a process of its own, asked by messages."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tune.task.metrics.code import program
from tune.task.metrics.code_messages import Channel

ANSWER = """
class Bag(list):
    pass

def double(x):
    print("doubling")
    return 2 * x

def grow(items):
    items.append(len(items))

def call(function):
    return function(3) + 1

def fail():
    raise KeyError("no")

bag = Bag([1, 2])
"""


@pytest.fixture
def channel() -> Iterator[Channel]:
    """A channel to the process of an answer."""
    names: dict[str, Any] = {"__name__": "program"}
    exec(compile(program(), "program.py", "exec"), names)
    to_answer, from_answer = os.pipe(), os.pipe()
    with warnings.catch_warnings():
        # Newer Pythons warn where a process with threads forks; the child only serves messages.
        warnings.simplefilter("ignore", DeprecationWarning)
        process = os.fork()
    if not process:
        os.close(to_answer[1])
        try:
            names["AnswerSide"](
                names["Channel"](to_answer[0], from_answer[1]), names["define"]
            ).run()
        finally:
            os._exit(0)
    os.close(to_answer[0])
    os.close(from_answer[1])
    found = Channel(from_answer[0], to_answer[1])
    yield found
    os.close(to_answer[1])
    found._reading.close()
    os.waitpid(process, 0)


def ask(channel: Channel, *message: Any) -> list[Any]:
    channel.send(list(message))
    reply: list[Any] = channel.receive()
    return reply


def start(channel: Channel) -> dict[str, Any]:
    task = {"prompt": "", "answer": ANSWER, "entry_point": "double"}
    what, names, _ = ask(channel, "start", task)
    assert what == "value"
    return dict(names)


def test_the_answers_names_come_as_numbers_of_what_it_keeps(channel: Channel) -> None:
    names = start(channel)
    assert {"Bag", "double", "grow", "call", "fail", "bag"} <= set(names)
    assert {record[0] for record in names.values()} == {"kept"}
    assert names["double"][4] == "double"


def test_a_call_gives_the_result_the_changed_arguments_and_what_was_printed(
    channel: Channel,
) -> None:
    names = start(channel)
    double, grow = names["double"][1], names["grow"][1]
    assert ask(channel, "call", double, ["list", [4]], ["dict", []]) == [
        "value",
        [8, ["list", [4]], ["dict", []]],
        "doubling\n",
    ]
    arguments = ["list", [["list", [7]]]]
    _, (_, after, _), _ = ask(channel, "call", grow, arguments, ["dict", []])
    assert after == ["list", [["list", [7, 1]]]]


def test_a_callback_is_asked_of_the_test_and_its_value_goes_on(
    channel: Channel,
) -> None:
    names = start(channel)
    asked = ask(
        channel, "call", names["call"][1], ["list", [["callback", 0]]], ["dict", []]
    )
    assert asked == ["callback", 0, ["list", [3]]]
    what, (result, *_), _ = ask(channel, "value", 10)
    assert (what, result) == ("value", 11)


def test_what_an_answer_raises_is_told_by_its_builtin_class(channel: Channel) -> None:
    names = start(channel)
    reply = ask(channel, "call", names["fail"][1], ["list", []], ["dict", []])
    assert reply[:4] == ["raised", ["KeyError"], None, ["list", ["no"]]]


def test_an_object_is_used_from_afar_and_its_data_is_read_past_its_class(
    channel: Channel,
) -> None:
    bag = start(channel)["bag"]
    number = bag[1]
    assert ask(channel, "plain", number)[1] == ["list", [1, 2]]
    assert ask(channel, "operate", number, "len", [bag], True)[1] == 2
    assert ask(channel, "operate", number, "len", [bag], False)[1][0] == "kept"
    ask(channel, "set", number, ["name", "x"])
    assert ask(channel, "get", number, ["name"])[1] == "x"
