"""The program that judges an answer: a script for the sandbox, which nothing imports at run time.

It reads one line of JSON: `prompt`, `answer`, `test`, `entry_point`, and `passed`, the exit status
that says that every test was run and held. The answer runs in its own process, which knows neither
the status nor the test: whatever it reads, replaces or patches there is not a part of the verdict.
`code_messages.py`, `code_answer_side.py` and `code_test_side.py` stand before this file in the
program.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import signal
import sys
import textwrap
import types

TYPE_CHECKING = (
    False  # `typing` takes a while to be imported, and this starts for every answer
)
if TYPE_CHECKING:
    from typing import Any

    # These stand before this file in the program.
    from tune.task.metrics.code_answer_side import AnswerSide  # noqa: TC004
    from tune.task.metrics.code_messages import Channel  # noqa: TC004
    from tune.task.metrics.code_test_side import TestSide  # noqa: TC004

ANSWER, TEST = "answer.py", "test.py"


def main() -> None:
    """Judge the answer that standard input gives, and exit with its status."""
    # The answer's process is begun before anything is read: it never has the status in its memory.
    to_answer, from_answer = os.pipe(), os.pipe()
    answer = os.fork()
    if not answer:
        os.close(to_answer[1])
        os.close(from_answer[0])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        channel = Channel(to_answer[0], from_answer[1])
        with contextlib.suppress(
            EOFError, BrokenPipeError
        ):  # the test has come to its end
            AnswerSide(channel, define).run()
        os._exit(0)
    os.close(to_answer[0])
    os.close(from_answer[1])
    given = json.loads(sys.stdin.readline())
    try:
        judge(given, TestSide(Channel(from_answer[0], to_answer[1])))
    except SystemExit as end:
        # unittest.main() exits with False where all is well.
        if end.code not in (None, 0, False):
            raise
    except EOFError:
        end_like(answer)
        raise
    os._exit(given["passed"])


def define(given: dict[str, Any], names: dict[str, Any]) -> None:
    """Run the answer, in its own process.

    While it is read it is not `__main__`: only a script would be, whose last lines are examples.
    """
    with contextlib.suppress(SystemExit):  # it has said what it had to say
        for text in pieces(given["prompt"], given["answer"], given["entry_point"]):
            execute(text, ANSWER, names)


def judge(given: dict[str, Any], side: TestSide) -> None:
    """Run the test, in its own process, on the answer's names; return where the test holds."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    names = module.__dict__
    entry_point = given["entry_point"]
    names |= side.start(
        {name: given[name] for name in ("prompt", "answer", "entry_point")}
    )
    asked = names.get(entry_point)
    # What the prompt imports and defines beside what is asked for is the task's own, whatever the
    # answer made of it.
    names |= names_of_prompt(given["prompt"])
    if asked is not None:
        names[entry_point] = asked
    before = dict(names)
    execute(given["test"], TEST, names)
    new = {
        name: value for name, value in names.items() if before.get(name) is not value
    }
    run_defined(new, entry_point, names, called="unittest.main" in given["test"])


def names_of_prompt(prompt: str) -> dict[str, Any]:
    """Return the names that a prompt of code defines; its classes stay the answer's."""
    names: dict[str, Any] = {"__name__": "prompt"}
    beginning = complete_prompt(prompt) if prompt else ""
    if beginning:
        execute(beginning, "prompt.py", names)
    found = {}
    for name, value in names.items():
        if name[:2] != "__" and not isinstance(value, type):
            found[name] = value
    return found


def end_like(answer: int) -> None:
    """End as the answer's process has ended, so that its limit or its status can be named."""
    # The sandbox reads the limit off the signal that ended the program.
    status = os.waitstatus_to_exitcode(os.waitpid(answer, 0)[1])
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    if 0 < status < 64:  # any other status could be taken for one of ours
        os._exit(status)


def execute(
    text: str,
    name: str,
    names: dict[str, Any],
) -> None:
    """Run code in a module."""
    exec(compile(text, name, "exec", dont_inherit=True), names)


def run_defined(
    new: dict[str, Any], entry_point: str, names: dict[str, Any], *, called: bool
) -> None:
    """Run the tests that a test's code only defines.

    They are HumanEval's `check`, test cases of unittest, and functions `test_...`.
    """
    if callable(new.get("check")) and entry_point:
        new["check"](names[entry_point])
    if "unittest" in sys.modules and not called:
        run_cases(list(new.values()))
    for name, value in new.items():
        if name.startswith("test") and can_be_called(value):
            value()


def can_be_called(value: Any) -> bool:
    """Tell whether a value is a function that can be called without arguments."""
    if not isinstance(value, types.FunctionType):
        return False
    return value.__code__.co_argcount == len(value.__defaults__ or ())


def run_cases(values: list[Any]) -> None:
    """Run those of the values that are test cases."""
    import unittest

    cases: list[type[unittest.TestCase]] = []
    for value in values:
        if isinstance(value, type) and issubclass(value, unittest.TestCase):
            cases.append(value)
    suite = unittest.TestSuite(
        map(unittest.defaultTestLoader.loadTestsFromTestCase, cases)
    )
    if (
        cases
        and not unittest.TextTestRunner(stream=sys.stderr).run(suite).wasSuccessful()
    ):
        sys.exit("a test case failed")


def pieces(prompt: str, answer: str, entry_point: str) -> list[str]:
    """Return the code to run, piece by piece.

    The answer continues the last function of the prompt, or defines it once more.
    """
    if not prompt:
        return [answer]
    if defines(answer, entry_point):
        return [complete_prompt(prompt), answer]
    # An answer rule may have removed the first line's indentation, or that of all lines.
    indented = textwrap.indent(textwrap.dedent(answer), "    ")
    for body in (answer, f"    {answer}", f"\n    {answer}", f"\n{indented}"):
        if compiles(prompt + body):
            return [prompt + body]
    return [prompt + answer]


def complete_prompt(prompt: str) -> str:
    """Return the prompt as a whole piece of Python; "" where that cannot be."""
    # A prompt that ends in a function's docstring is whole; one that ends in its head is not.
    for text in (prompt, f"{prompt.rstrip()}\n    pass\n"):
        if compiles(text):
            return text
    return ""


def defines(answer: str, entry_point: str) -> bool:
    """Tell whether an answer stands by itself: it defines the entry point.

    Without an entry point, it defines anything at all.
    """
    if not compiles(answer):
        return False
    # Without running it: an answer may have side effects.
    found: set[str] = set()
    for node in ast.parse(answer).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {
                target.id for target in node.targets if isinstance(target, ast.Name)
            }
    return entry_point in found if entry_point else bool(found)


def compiles(text: str) -> bool:
    """Tell whether a text is a whole piece of Python."""
    try:
        compile(text, ANSWER, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


if __name__ == "__main__":
    main()
