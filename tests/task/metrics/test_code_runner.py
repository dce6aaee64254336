"""The program that judges code: how prompt and answer become one piece of Python."""

from __future__ import annotations

from typing import Any

import pytest

from tune.task.metrics.code_runner import (
    can_be_called,
    compiles,
    complete_prompt,
    defines,
    execute,
    pieces,
    run_defined,
)

HEAD = "def double(x):\n"
DOCUMENTED = f'{HEAD}    """Twice x."""\n'


@pytest.mark.parametrize(
    "answer",
    [
        "    return 2 * x\n",
        "return 2 * x\n",
        "y = 2 * x\nreturn y\n",
        "def double(x):\n    return 2 * x\n",
        "double = lambda x: 2 * x\n",
    ],
)
@pytest.mark.parametrize("prompt", [HEAD, DOCUMENTED])
def test_an_answer_continues_the_prompt_or_defines_its_function_once_more(
    prompt: str, answer: str
) -> None:
    names: dict[str, Any] = {}
    for text in pieces(prompt, answer, "double"):
        execute(text, "answer.py", names)
    assert names["double"](4) == 8


def test_without_a_prompt_the_answer_stands_alone() -> None:
    assert pieces("", "x = 1", "double") == ["x = 1"]


@pytest.mark.parametrize(
    ("prompt", "complete"),
    [
        ("import re\n", "import re\n"),
        (HEAD, f"{HEAD.rstrip()}\n    pass\n"),
        ("def double(", ""),
    ],
)
def test_a_prompt_is_completed_where_it_can_be(prompt: str, complete: str) -> None:
    assert complete_prompt(prompt) == complete


@pytest.mark.parametrize(
    ("answer", "entry_point", "expected"),
    [
        ("def f(): pass", "f", True),
        ("async def f(): pass", "f", True),
        ("class f: pass", "f", True),
        ("f = len", "f", True),
        ("def g(): pass", "f", False),
        ("def g(): pass", "", True),
        ("print(1)", "", False),
        ("def f(:", "f", False),
    ],
)
def test_an_answer_stands_by_itself_where_it_defines_the_entry_point(
    answer: str, entry_point: str, expected: bool
) -> None:
    assert defines(answer, entry_point) is expected


def test_a_text_that_python_cannot_read_does_not_compile() -> None:
    assert compiles("x = 1")
    assert not compiles("x =")
    assert not compiles("x = '\0'")
    assert not compiles("(" * 1000)


def test_only_tests_without_arguments_are_run_and_check_gets_the_entry_point() -> None:
    ran: list[Any] = []

    def test_plain() -> None:
        ran.append("plain")

    def test_default(x: int = 3) -> None:
        ran.append(x)

    def test_needy(x: int) -> None:
        raise AssertionError

    assert [
        can_be_called(each) for each in (test_plain, test_default, test_needy, len)
    ] == [
        True,
        True,
        False,
        False,
    ]
    new = {
        "check": ran.append,
        "test_a": test_plain,
        "test_b": test_default,
        "test_c": test_needy,
        "other": test_needy,
    }
    run_defined(new, "f", {"f": "the function"}, called=True)
    assert ran == ["the function", "plain", 3]
