"""An answer that would rather be judged right than be right: what it does in its process is no part
of the verdict.
"""

from __future__ import annotations

import pytest

from tests.task.metrics.test_code import (
    BODY,
    PROMPT,
    TEST,
    WHOLE,
    WRONG,
    example,
    passes,
)

EQUAL = """
class Equal(%s):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __hash__(self): return 0
    def __contains__(self, each): return True
    def __bool__(self): return True
    def __sub__(self, other): return 0.0
    __rsub__ = __add__ = __radd__ = __mod__ = __abs__ = __round__ = __sub__
    __array__ = __iter__ = None

def add_all(numbers, extra):
    return Equal()
"""

FORGERIES = {
    "reads the runner's frame": """
import sys, os
def add_all(numbers, extra):
    frame = sys._getframe()
    while frame:
        for names in (frame.f_locals, frame.f_globals):
            given = names.get("given")
            if isinstance(given, dict) and "passed" in given:
                os._exit(given["passed"])
        frame = frame.f_back
""",
    "looks for the status among all objects": """
import gc, os
def add_all(numbers, extra):
    for each in gc.get_objects():
        if isinstance(each, dict) and "passed" in each:
            os._exit(each["passed"])
""",
    "replaces the runner's functions": """
import gc, types
for each in gc.get_objects():
    ours = ("run_defined", "execute", "judge", "_compare", "ask")
    if isinstance(each, types.FunctionType) and each.__name__ in ours:
        each.__code__ = (lambda *a, **k: True).__code__
def add_all(numbers, extra): pass
""",
    "patches exec": """
import builtins
builtins.exec = builtins.compile = lambda *a, **k: None
def add_all(numbers, extra): pass
""",
    "patches what tests call": """
import builtins
for name in ("abs", "len", "sorted", "isinstance", "all", "any", "set", "list", "AssertionError"):
    setattr(builtins, name, lambda *a, **k: True)
def all(*_): return True
abs = len = sorted = isinstance = any = all
def add_all(numbers, extra): pass
""",
    "equals everything": EQUAL % "",
    "is a list that equals everything": EQUAL % "list",
    "is a number that equals everything": EQUAL % "float",
    "ends every process with every status": """
import os, signal
def add_all(numbers, extra):
    for status in range(64, 114):
        if os.fork() == 0: os._exit(status)
    os.kill(os.getppid(), signal.SIGTERM)
    os._exit(0)
""",
    "writes into every descriptor": """
import os
for fd in range(3, 64):
    try: os.write(fd, b'["value", [["add_all", null]], ""]\\n' * 3)
    except OSError: pass
def add_all(numbers, extra): pass
""",
    "reads the order": """
import os, json
def add_all(numbers, extra):
    for fd in range(64):
        try:
            text = os.pread(fd, 10**6, 0).decode()
            os._exit(json.loads(text.splitlines()[0])["passed"])
        except (OSError, ValueError, KeyError, IndexError): pass
""",
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_scores_nothing(name: str) -> None:
    assert not passes(FORGERIES[name])


COMPARISONS = (
    "assert add_all([1], 2) == [3]",
    "assert [3] == add_all([1], 2)",
    "assert not add_all([1], 2) != [3]",
    "assert not (add_all([1], 2) - 3.5)",
    "assert float(add_all([1], 2) - 3.5) < 1e-6",
    "assert 3 in add_all([1], 2)",
    "assert abs(add_all([1], 2) - 3.5) < 1e-6",
    "assert add_all([1], 2) > 3",
    "assert 3 < add_all([1], 2) < 4",
    "assert sorted(add_all([1], 2)) == [3]",
    "assert {3: add_all([1], 2)} == {3: 4}",
    "assert add_all([1], 2) in ([3], [4])",
    "assert (add_all([1], 2), 1) == ([3], 1)",
    "assert add_all([1], 2) % 7 == 3",
    "import math\nassert math.isclose(add_all([1], 2), 3.5)",
    "assert round(add_all([1], 2), 1) == 3.5",
    "import unittest\nclass T(unittest.TestCase):\n def test(self):\n"
    "  self.assertEqual(add_all([1], 2), [3])",
    "import unittest\nclass T(unittest.TestCase):\n def test(self):\n"
    "  self.assertAlmostEqual(add_all([1], 2), 3.5)",
)


@pytest.mark.parametrize("test", COMPARISONS)
def test_an_object_that_equals_everything_equals_nothing(test: str) -> None:
    assert not passes(EQUAL % "", test)


HONEST = {
    "a class": (
        "class Stack:\n def __init__(self, items=()): self.items = list(items)\n"
        " def push(self, x): self.items.append(x)\n"
        " def pop(self): return self.items.pop()\n def __len__(self): return len(self.items)\n"
        " def __eq__(self, o): return self.items == o.items\n"
        " def __iter__(self): return iter(self.items)\n",
        "s = Stack()\ns.push(1)\ns.push([2])\n"
        "assert len(s) == 2 and s.pop() == [2] and s.items == [1]\n"
        "assert s == Stack([1]) and s != Stack([2]) and isinstance(s, Stack) and list(s) == [1]\n"
        "s.items = [7]\nassert s.pop() == 7",
    ),
    "a tree of nodes": (
        "class Node:\n def __init__(self, v): self.v, self.left = v, None\n"
        "def depth(n): return 0 if n is None else 1 + depth(n.left)\n",
        "root = Node(1)\nroot.left = Node(2)\nassert depth(root) == 2 and depth(None) == 0",
    ),
    "a generator": (
        "def up(n):\n yield from range(n)\n",
        "assert list(up(3)) == [0, 1, 2] and 2 in up(3)",
    ),
    "a function of a function": (
        "def twice(f): return lambda x: f(f(x))\n",
        "assert twice(lambda x: x + 3)(1) == 7 and twice(str.upper)('a') == 'A'",
    ),
    "a list that is changed in place": (
        "def add(l): l.append(1)\n",
        "x = [[0]]\nadd(x)\nassert x == [[0], 1]",
    ),
    "an exception": (
        "class Bad(ValueError): pass\ndef f(x):\n raise Bad('no') if x else KeyError(3)\n",
        "for n, kind in ((1, Bad), (1, ValueError), (0, KeyError)):\n try: f(n)\n"
        " except kind: pass\n else: assert 0",
    ),
    "what is printed": (
        "def f(): print('hi')\n",
        "import io, contextlib\nout = io.StringIO()\nwith contextlib.redirect_stdout(out): f()\n"
        "assert out.getvalue() == 'hi\\n'",
    ),
    "data of every kind": (
        "import collections, decimal, fractions, datetime, enum\n"
        "class E(enum.IntEnum):\n A = 3\n"
        "P = collections.namedtuple('P', 'x y')\n"
        "def f(): return [E.A, P(1, 2), {1: {2}}, (1,), b'x', 10**5000, 1j, float('inf'), "
        "collections.Counter('aa'),\n"
        "  collections.deque([1]), decimal.Decimal('1.5'), fractions.Fraction(1, 3),\n"
        " datetime.date(2024, 1, 2), range(3),"
        "  collections.defaultdict(int, {1: 2}), frozenset([1]), '\\ud800', None, True]\n",
        "import collections, decimal, fractions, datetime\n"
        "assert f() == [3, (1, 2), {1: {2}}, (1,), b'x', 10**5000, 1j, float('inf'), "
        "collections.Counter('aa'),\n"
        "  collections.deque([1]), decimal.Decimal('1.5'), fractions.Fraction(1, 3),\n"
        " datetime.date(2024, 1, 2), range(3),"
        "  {1: 2}, frozenset([1]), '\\ud800', None, True]\n"
        "assert f()[-1] is True and f()[1].x == 1",
    ),
    "a module that the answer imported": (
        "import math\ndef f(x): return x / 3\n",
        "assert math.isclose(f(1), 1 / 3)",
    ),
    "a list of its own kind": (
        "class L(list): pass\ndef f(): return L([1])\n",
        "assert f() == [1] and [1] == f()",
    ),
}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_answer_is_judged_as_in_one_process(name: str) -> None:
    answer, test = HONEST[name]
    assert passes(answer, test, entry_point=None)


def test_the_prompts_helpers_are_the_tasks_own_whatever_the_answer_makes_of_them() -> (
    None
):
    code = (
        "import math\n\ndef poly(xs, x):\n    return sum(c * x**i for i, c in enumerate(xs))\n\n"
        "def zero(xs):\n"
    )
    test = "def check(candidate):\n    assert math.fabs(poly([-2, 1], candidate([-2, 1]))) < 1e-4\n"
    columns = {"code": code, "entry_point": "zero"}
    assert passes(
        "    return -xs[0] / xs[1]", test, options={"prompt": "code"}, **columns
    )
    assert not passes("    return 7", test, options={"prompt": "code"}, **columns)
    forged = (
        "import math\nmath.fabs = lambda x: 0.0\ndef poly(xs, x): return 0.0\n"
        "def zero(xs): return 7"
    )
    assert not passes(forged, test, options={"prompt": "code"}, **columns)


def test_the_right_answer_passes_still() -> None:
    assert passes(BODY)
    assert passes(WHOLE)
    assert not passes(WRONG)
    assert PROMPT
    assert example(TEST)
