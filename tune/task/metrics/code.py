"""The metric that runs what models write: an answer's code and the example's test, in a sandbox."""

from __future__ import annotations

import functools
import json
import math
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tune.errors import InputError
from tune.safety.sandbox import Limits, SandboxResult, run_python
from tune.task.example import Example, to_text
from tune.task.metrics.score import Score
from tune.task.text_parts import code_blocks

FUTURE = "from __future__ import annotations\n"

PROGRAM_PARTS = ("code_messages", "code_answer_side", "code_test_side", "code_runner")
"""The files of the sandbox's program, in order."""

RULE = 2
"""Part of the identity: a change of the verdicts gets a new number."""

MOST_COMMENT = 200
"""Characters of a traceback's last line that a score keeps."""

_CHECK = re.compile(r"^def check\(", re.MULTILINE)
_CALLED = re.compile(r"^check\(", re.MULTILINE)


@functools.cache
def program() -> str:
    """Return the program that runs in the sandbox.

    Nothing of ours can be imported there, so its files are one text.
    """
    texts: list[str] = []
    for name in PROGRAM_PARTS:
        text = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
        # Python allows this import at the beginning of a program only.
        texts.append(text.replace(FUTURE, "", 1) if texts else text)
    return "\n".join(texts)


@dataclass(frozen=True, slots=True)
class Code:
    """1 where an answer's code passes the example's test, else 0.

    It takes the data of HumanEval (arXiv 2107.03374), MBPP, and test cases of unittest.

    The code is that of the answer's last Python block, of those that name the entry point where
    some do, or the whole answer where it has no block. The test is code that fails by raising. A
    function `check(candidate)` in it is called with the entry point; test cases and functions
    `test_...` that it only defines are run.

    The test and the answer run in two processes. Numbers, texts, lists and the like pass between
    them as data. Other objects stay with the answer, and the test calls them from afar, so no
    answer can make its own verdict. The test cannot patch the answer's module, nor hand over
    objects of classes that it defines.

    Attributes:
        test: the column of the test, code or a list of statements; the target where there is no
            such column.
        entry_point: the column that names the function that is tested; not needed where the test
            calls it itself.
        prompt: the column of code that an answer continues, "" for none. By default the column
            "prompt", where it defines the entry point.
        seconds: of processor time that each process may take; by the clock, twice that and a
            second.
        memory: mebibytes that all its processes may take together.
        packages: True where packages that are installed here may be imported; else the standard
            library alone.
    """

    test: str = "test"
    entry_point: str = "entry_point"
    prompt: str | None = None
    seconds: float = 5.0
    memory: int = 512
    packages: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.seconds < math.inf:
            raise InputError(f"code: `seconds > 0` must hold, but got {self.seconds!r}")
        if self.memory < 64:
            raise InputError(
                f"code: `memory >= 64` must hold (mebibytes), but got {self.memory!r}"
            )

    @property
    def identity(self) -> str:
        """A name that changes with every change of the verdicts."""
        return f"code{RULE}{json.dumps(asdict(self), sort_keys=True)}"

    @property
    def limits(self) -> Limits:
        """The resources that a program may use."""
        return Limits(
            seconds=2 * self.seconds + 1,
            cpu_seconds=math.ceil(self.seconds),
            memory=self.memory * 2**20,
        )

    def __call__(self, answer: str, example: Example) -> Score:
        """Run one answer, and return its score.

        Raises:
            InputError: the example has no test; or this system cannot hold a program.
            MetricError: no sandbox came up.
        """
        # A random status, which the answer cannot know. Those below 64 have other meanings, and
        # shells use some above 113.
        passed = 64 + secrets.randbelow(50)
        task = {**self.task(answer, example), "passed": passed}
        outcome = run_python(
            program(),
            limits=self.limits,
            stdin=json.dumps(task) + "\n",
            packages=self.packages,
        )
        if outcome.status == passed and not outcome.limit:
            return Score(1.0)
        return Score(0.0, _why(outcome))

    def task(self, answer: str, example: Example) -> dict[str, str]:
        """Return what the program reads for one answer.

        Raises:
            InputError: the example has no test, or one that nothing would call.
        """
        # Tests are metadata as a rule: a prompt that shows them would give the answer away.
        columns = {**example.metadata, **example.inputs}
        test = _code(columns.get(self.test, example.target))
        entry_point = _code(columns.get(self.entry_point))
        if not test.strip():
            raise InputError(
                f"code: example {example.id!r} has no test: "
                f"name its column with the metric's option `test`, which is {self.test!r} now"
            )
        if _CHECK.search(test) and not _CALLED.search(test) and not entry_point:
            raise InputError(
                f"code: the test of example {example.id!r} defines check(candidate), "
                "but nothing says what to check: name that column with the metric's option "
                f"`entry_point`, which is {self.entry_point!r} now"
            )
        if self.prompt and self.prompt not in columns:
            raise InputError(
                f"code: example {example.id!r} has no column {self.prompt!r}, but {sorted(columns)}"
            )
        return {
            "prompt": self._prompt(columns, entry_point),
            "answer": _chosen(answer, entry_point),
            "test": test,
            "entry_point": entry_point,
        }

    def _prompt(self, columns: Mapping[str, Any], entry_point: str) -> str:
        """Return the code that the answer continues; "" where it stands alone."""
        column = "prompt" if self.prompt is None else self.prompt
        text = _code(columns.get(column))
        # A column that is merely named "prompt" may hold an instruction.
        if self.prompt or (entry_point and _defines(text, entry_point)):
            return text
        return ""


def _code(cell: Any) -> str:
    """Return a cell as code: a list of statements is one on each line."""
    if cell is None:
        return ""
    if isinstance(cell, list | tuple):
        return "\n".join(map(to_text, cell))
    return to_text(cell)


def _chosen(answer: str, entry_point: str) -> str:
    """Return the code in an answer."""
    # Answers often end with an example of a call, in a block of its own.
    blocks = code_blocks(answer) or [answer]
    naming = [block for block in blocks if entry_point and _defines(block, entry_point)]
    return (naming or blocks)[-1]


def _defines(text: str, name: str) -> bool:
    pattern = rf"^\s*(?:async\s+def|def|class)\s+{re.escape(name)}\b"
    return re.search(pattern, text, re.MULTILINE) is not None


def _why(outcome: SandboxResult) -> str:
    """Return the reason in a line why an answer failed."""
    if outcome.limit:
        return f"ended by the limit on {outcome.limit}"
    last_line = outcome.stderr.strip().rpartition("\n")[2]
    return last_line[:MOST_COMMENT] or f"ended with status {outcome.status}"
