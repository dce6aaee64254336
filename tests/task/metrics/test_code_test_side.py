"""The side of the test: an answer's objects from afar, and no trust in what they say."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tune.task.metrics.code import program

ANSWER = """
len = 3
import math

class Equal:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __sub__(self, other): return 0.0

class Text(str):
    def __eq__(self, other): return True
    __hash__ = str.__hash__

class Own(ValueError):
    pass

class Exit(SystemExit):
    pass

def fail(kind):
    raise {"own": Own, "own exit": Exit, "exit": SystemExit}[kind]("why")

def grow(items):
    items.append(9)
    return items

def apply(function):
    return function(2)

liar = Equal()
text = Text("abc")
walk = (n for n in (1, 2))
"""


@pytest.fixture
def names() -> Iterator[dict[str, Any]]:
    """The answer's names, as a test meets them."""
    parts: dict[str, Any] = {"__name__": "program"}
    exec(compile(program(), "program.py", "exec"), parts)
    to_answer, from_answer = os.pipe(), os.pipe()
    with warnings.catch_warnings():
        # Newer Pythons warn where a process with threads forks; the child only serves messages.
        warnings.simplefilter("ignore", DeprecationWarning)
        process = os.fork()
    if not process:
        os.close(to_answer[1])
        try:
            parts["AnswerSide"](
                parts["Channel"](to_answer[0], from_answer[1]), parts["define"]
            ).run()
        finally:
            os._exit(0)
    os.close(to_answer[0])
    os.close(from_answer[1])
    channel = parts["Channel"](from_answer[0], to_answer[1])
    task = {"prompt": "", "answer": ANSWER, "entry_point": "grow"}
    yield parts["TestSide"](channel).start(task)
    os.close(to_answer[1])
    channel._reading.close()
    os.waitpid(process, 0)


def test_builtin_names_and_modules_keep_their_meaning(names: dict[str, Any]) -> None:
    import math

    assert "len" not in names
    assert names["math"] is math


def test_an_object_that_says_that_it_equals_everything_equals_nothing(
    names: dict[str, Any],
) -> None:
    liar = names["liar"]
    assert not liar == 3  # noqa: SIM201  (this operator is what is tested)
    assert liar != 3
    with pytest.raises(TypeError, match="cannot be compared with data"):
        assert liar < 3
    difference = liar - 3
    with pytest.raises(TypeError, match="is compared with no data"):
        assert difference == 0


def test_an_object_is_compared_by_its_data_and_not_by_its_class(
    names: dict[str, Any],
) -> None:
    assert names["text"] == "abc"
    assert names["text"] != "xyz"


def test_arguments_are_changed_here_as_the_answer_changed_them(
    names: dict[str, Any],
) -> None:
    items = [1]
    assert names["grow"](items) == [1, 9]
    assert items == [1, 9]


def test_functions_of_the_test_are_called_back_and_other_objects_stay(
    names: dict[str, Any],
) -> None:
    assert names["apply"](lambda x: x + 40) == 42
    with pytest.raises(TypeError, match="of the test cannot be handed to the answer"):
        names["apply"](object())


def test_an_iterator_is_walked_from_afar(names: dict[str, Any]) -> None:
    assert list(names["walk"]) == [1, 2]


def test_exceptions_can_be_caught_and_none_can_end_the_test(
    names: dict[str, Any],
) -> None:
    with pytest.raises(ValueError, match="why"):
        names["fail"]("own")
    with pytest.raises(Exception, match="why") as caught:
        names["fail"]("own exit")
    assert type(caught.value).__name__ == "Exit"
    with pytest.raises(RuntimeError, match="the answer raised SystemExit"):
        names["fail"]("exit")
