"""The program that judges an answer: a script for the sandbox, which no module imports.

It reads one line of JSON: `prompt`, `answer`, `test`, `entry_point`, and `passed`, the status that says that every test
was run and held. No answer can know that status before it ends, so one that calls `exit(0)` too soon has not passed.
"""

from __future__ import annotations

import ast
import json
import os
import sys
import textwrap
import types

TYPE_CHECKING = False  # `typing` takes a while to be imported, and this starts for every answer
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

ANSWER, TEST = "answer.py", "test.py"


def main() -> None:
    """See the top of this file."""
    given = json.loads(sys.stdin.readline())
    # What is run is `__main__`, as test frameworks expect; while the answer is read it is not, so that what an answer
    # does only as a script is left out.
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = sys.modules["answer"] = module
    names = module.__dict__
    names["__name__"] = "answer"
    try:
        for text in pieces(given["prompt"], given["answer"], given["entry_point"]):
            execute(text, ANSWER, names)
    except SystemExit:
        pass  # it has said what it had to say
    names["__name__"] = "__main__"
    before = dict(names)
    try:
        execute(given["test"], TEST, names)
        new = {name: value for name, value in names.items() if before.get(name) is not value}
        run_defined(new, given["entry_point"], names, called="unittest.main" in given["test"])
    except SystemExit as end:
        if end.code not in (None, 0, False) or ANSWER in files(end):
            raise
    os._exit(given["passed"])


def execute(text: str, name: str, names: dict[str, Any]) -> None:
    """Run code in a module."""
    exec(compile(text, name, "exec", dont_inherit=True), names)


def run_defined(new: dict[str, Any], entry_point: str, names: dict[str, Any], *, called: bool) -> None:
    """Run the tests that a test's code only defines: HumanEval's `check`, test cases, and functions `test_...`."""
    if callable(new.get("check")) and entry_point:
        new["check"](names[entry_point])
    if "unittest" in sys.modules and not called:
        run_cases(list(new.values()))
    for name, value in new.items():
        if name.startswith("test") and isinstance(value, types.FunctionType) and wants_nothing(value):
            value()


def wants_nothing(function: types.FunctionType) -> bool:
    """Whether a function can be called without arguments."""
    return function.__code__.co_argcount == len(function.__defaults__ or ())


def run_cases(values: list[Any]) -> None:
    """Run those of the values that are test cases."""
    import unittest

    cases = [value for value in values if isinstance(value, type) and issubclass(value, unittest.TestCase)]
    suite = unittest.TestSuite(map(unittest.defaultTestLoader.loadTestsFromTestCase, cases))
    if cases and not unittest.TextTestRunner(stream=sys.stderr).run(suite).wasSuccessful():
        sys.exit("a test case failed")


def files(error: BaseException) -> Iterator[str]:
    """The files whose code an error came through."""
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_code.co_filename
        trace = trace.tb_next


def pieces(prompt: str, answer: str, entry_point: str) -> list[str]:
    """The code to run, piece by piece: what the prompt begins is continued, or defined anew, by the answer."""
    if not prompt:
        return [answer]
    if defines(answer, entry_point):
        begun = next((text for text in (prompt, f"{prompt.rstrip()}\n    pass\n") if compiles(text)), "")
        return [begun, answer]
    # Whoever took the answer out of its text may have taken the first line's space with it, or that of all lines.
    bodies = (answer, f"    {answer}", f"\n    {answer}", "\n" + textwrap.indent(textwrap.dedent(answer), "    "))
    return [next((prompt + body for body in bodies if compiles(prompt + body)), prompt + answer)]


def defines(answer: str, entry_point: str) -> bool:
    """Whether an answer stands by itself: it defines what is tested, or anything at all where nobody says what."""
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
