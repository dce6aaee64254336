"""The program that judges an answer: a script for the sandbox, which no module imports.

It reads one line of JSON: `prompt`, `answer`, `test`, `entry_point`, and `passed`, the status that
says that every test was run and held. The answer runs in a process of its own, which knows neither
the status nor the test: what it reads, replaces or patches there is no part of the verdict. See
`crossing.py`, `far.py` and `remote.py`, which stand before this file in the program.
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

TYPE_CHECKING = False  # `typing` takes a while to be imported, and this starts for every answer
if TYPE_CHECKING:
    from typing import Any

    from tune.task.metrics.code_answer_side import AnswerSide  # noqa: TC004
    from tune.task.metrics.code_messages import Channel  # noqa: TC004  (these stand before this file)
    from tune.task.metrics.code_test_side import TestSide  # noqa: TC004

ANSWER, TEST = "answer.py", "test.py"


def main() -> None:
    """See the top of this file."""
    # The answer's process is begun before anything is read: it never has the status in its memory.
    to_answer, from_answer = os.pipe(), os.pipe()
    answer = os.fork()
    if not answer:
        os.close(to_answer[1])
        os.close(from_answer[0])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        with contextlib.suppress(EOFError, BrokenPipeError):  # the test has come to its end
            AnswerSide(Channel(to_answer[0], from_answer[1]), define).run()
        os._exit(0)
    os.close(to_answer[0])
    os.close(from_answer[1])
    given = json.loads(sys.stdin.readline())
    try:
        judge(given, TestSide(Channel(from_answer[0], to_answer[1])))
    except SystemExit as end:
        if end.code not in (None, 0, False):
            raise
    except EOFError:
        end_like(answer)
        raise
    os._exit(given["passed"])


def define(given: dict[str, Any], names: dict[str, Any]) -> None:
    """Run the answer, in its own process. While it is read it is not `__main__`, as only a script
    would be.
    """
    with contextlib.suppress(SystemExit):  # it has said what it had to say
        for text in pieces(given["prompt"], given["answer"], given["entry_point"]):
            execute(text, ANSWER, names)


def judge(given: dict[str, Any], side: TestSide) -> None:
    """Run the test, in a process of its own, on what the answer defines. It returns where the test
    holds.
    """
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    names = module.__dict__
    names |= side.start({name: given[name] for name in ("prompt", "answer", "entry_point")})
    asked = names.get(given["entry_point"])
    # What the prompt imports and defines beside what is asked for is the task's own, whatever the
    # answer made of it.
    own = {"__name__": "prompt"}
    if given["prompt"] and (begun := begin(given["prompt"])):
        execute(begun, "prompt.py", own)
    names |= {
        name: value
        for name, value in own.items()
        if name[:2] != "__" and not isinstance(value, type)
    }
    if asked is not None:
        names[given["entry_point"]] = asked
    before = dict(names)
    execute(given["test"], TEST, names)
    new = {name: value for name, value in names.items() if before.get(name) is not value}
    run_defined(new, given["entry_point"], names, called="unittest.main" in given["test"])


def end_like(answer: int) -> None:
    """End as the answer's process has ended, so that the limit that ended it, or its status, can be
    named.
    """
    status = os.waitstatus_to_exitcode(os.waitpid(answer, 0)[1])
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    if 0 < status < 64:  # any other status could be taken for one of ours
        os._exit(status)


def execute(text: str, name: str, names: dict[str, Any]) -> None:
    """Run code in a module."""
    exec(compile(text, name, "exec", dont_inherit=True), names)


def run_defined(
    new: dict[str, Any], entry_point: str, names: dict[str, Any], *, called: bool
) -> None:
    """Run the tests that a test's code only defines: HumanEval's `check`, test cases, and functions
    `test_...`.
    """
    if callable(new.get("check")) and entry_point:
        new["check"](names[entry_point])
    if "unittest" in sys.modules and not called:
        run_cases(list(new.values()))
    for name, value in new.items():
        if (
            name.startswith("test")
            and isinstance(value, types.FunctionType)
            and wants_nothing(value)
        ):
            value()


def wants_nothing(function: types.FunctionType) -> bool:
    """Whether a function can be called without arguments."""
    return function.__code__.co_argcount == len(function.__defaults__ or ())


def run_cases(values: list[Any]) -> None:
    """Run those of the values that are test cases."""
    import unittest

    cases = [
        value
        for value in values
        if isinstance(value, type) and issubclass(value, unittest.TestCase)
    ]
    suite = unittest.TestSuite(map(unittest.defaultTestLoader.loadTestsFromTestCase, cases))
    if cases and not unittest.TextTestRunner(stream=sys.stderr).run(suite).wasSuccessful():
        sys.exit("a test case failed")


def pieces(prompt: str, answer: str, entry_point: str) -> list[str]:
    """The code to run, piece by piece: what the prompt begins is continued, or defined anew, by the
    answer.
    """
    if not prompt:
        return [answer]
    if defines(answer, entry_point):
        return [begin(prompt), answer]
    # Whoever took the answer out of its text may have taken the first line's space with it, or that
    # of all lines.
    bodies = (
        answer,
        f"    {answer}",
        f"\n    {answer}",
        "\n" + textwrap.indent(textwrap.dedent(answer), "    "),
    )
    return [next((prompt + body for body in bodies if compiles(prompt + body)), prompt + answer)]


def begin(prompt: str) -> str:
    """The prompt as a whole piece of Python; "" where it is none."""
    return next((text for text in (prompt, f"{prompt.rstrip()}\n    pass\n") if compiles(text)), "")


def defines(answer: str, entry_point: str) -> bool:
    """Whether an answer stands by itself: it defines what is tested, or anything at all where
    nobody says what.
    """
    if not compiles(answer):
        return False
    found: set[str] = set()
    for node in ast.parse(answer).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return entry_point in found if entry_point else bool(found)


def compiles(text: str) -> bool:
    """Whether a text is a whole piece of Python."""
    try:
        compile(text, ANSWER, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


if __name__ == "__main__":
    main()
