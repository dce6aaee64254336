"""The metric that runs code: HumanEval's form and its relatives, one by one and through a whole
study.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tune
from tune.commands import BAD_INPUT
from tune.commands.cli import main
from tune.errors import InputError, SpaceError
from tune.fakes.faults import Model
from tune.fakes.server import Server
from tune.fakes.world import chance
from tune.pricing.prices import to_picodollars
from tune.task.example import Example
from tune.task.extract import extractor_identity, parse_extractor
from tune.task.metrics import Code, Metric, parse_metric
from tune.task.metrics.code_runner import pieces
from tune.task.text_parts import code_blocks

PROMPT = '''from typing import List


def add_all(numbers: List[int], extra: int) -> List[int]:
    """Add extra to each of the numbers.
    >>> add_all([1, 2], 3)
    [4, 5]
    """
'''
TEST = """
METADATA = {"author": "us"}


def check(candidate):
    assert candidate([1, 2], 3) == [4, 5]
    assert candidate([], 3) == [], "of nothing"
"""
BODY = "    return [number + extra for number in numbers]\n"
WHOLE = "def add_all(numbers, extra):\n" + BODY
WRONG = "def add_all(numbers, extra):\n    return numbers\n"


def example(test: Any = TEST, **columns: Any) -> Example:
    columns = {"test": test, "entry_point": "add_all", **columns}
    return Example(
        "row-1",
        {"prompt": PROMPT},
        None,
        {k: v for k, v in columns.items() if v is not None},
    )


def passes(
    answer: str,
    test: Any = TEST,
    *,
    options: Mapping[str, Any] | None = None,
    **columns: Any,
) -> bool:
    value = Code(seconds=3.0, **(options or {}))(answer, example(test, **columns)).value
    assert value in (0.0, 1.0)
    return value == 1.0


def fenced(code: str, language: str = "python") -> str:
    return f"Here it is:\n\n```{language}\n{code}```\nIt works."


# --- what passes


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(BODY, id="the body, as a model that completes gives it"),
        pytest.param(
            BODY.strip(), id="the body without the space that an extractor took"
        ),
        pytest.param(
            "result = []\n    for n in numbers:\n        result.append(n + extra)\n"
            "    return result",
            id="lines",
        ),
        pytest.param(
            "result = []\nfor n in numbers:\n    result.append(n + extra)\nreturn result",
            id="lines at 0",
        ),
        pytest.param(PROMPT + BODY, id="the prompt said again"),
        pytest.param(WHOLE, id="the function anew"),
        pytest.param(fenced(WHOLE), id="in a fence"),
        pytest.param(
            fenced(WHOLE) + "\n```python\nprint(add_all([1], 1))\n```",
            id="an example of its use after it",
        ),
        pytest.param(
            "from __future__ import annotations\n" + WHOLE,
            id="with an import from the future",
        ),
        pytest.param(
            "add_all = lambda numbers, extra: [n + extra for n in numbers]",
            id="a lambda",
        ),
        pytest.param(
            WHOLE + "\nif __name__ == '__main__':\n    print(input())",
            id="with a script's end",
        ),
        pytest.param(
            WHOLE + "\nimport sys\nsys.exit(0)",
            id="that ends itself after it has defined all",
        ),
    ],
)
def test_a_right_answer_passes_in_whatever_shape_it_comes(answer: str) -> None:
    assert passes(answer)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(WRONG, id="wrong"),
        pytest.param("def add_all(numbers, extra:", id="no Python"),
        pytest.param("I cannot do that.", id="no code"),
        pytest.param("def other(): pass", id="another function"),
        pytest.param("import sys\nsys.exit(0)", id="nothing but an exit"),
        pytest.param("import os\nos._exit(0)", id="an exit that cannot be caught"),
        pytest.param(
            "def add_all(*_):\n    raise SystemExit(0)", id="an exit in the function"
        ),
        pytest.param(
            "def add_all(*_):\n    import os\n    os._exit(0)",
            id="a hard exit in the function",
        ),
        pytest.param("def check(candidate): pass\n" + WRONG, id="a check of its own"),
        pytest.param("x = '\ud800\0'", id="half a character"),
        pytest.param(
            "import atexit, os\natexit.register(os._exit, 0)\n" + WRONG,
            id="an exit at the exit",
        ),
    ],
)
def test_a_wrong_answer_fails_in_whatever_shape_it_comes(answer: str) -> None:
    assert not passes(answer)


@pytest.mark.parametrize(
    "test",
    [
        pytest.param("assert add_all([1], 1) == [2]", id="statements"),
        pytest.param(
            ["assert add_all([1], 1) == [2]", "assert add_all([], 1) == []"],
            id="a list of statements",
        ),
        pytest.param(TEST + "\ncheck(add_all)", id="a check that is called"),
        pytest.param(
            "def test_it():\n    assert add_all([1], 1) == [2]", id="test functions"
        ),
        pytest.param(
            "import unittest\nclass T(unittest.TestCase):\n"
            "    def test_it(self):\n        self.assertEqual(add_all([1], 1), [2])",
            id="test cases",
        ),
        pytest.param(
            "import unittest\nclass T(unittest.TestCase):\n"
            "    def test_it(self):\n        self.assertEqual(add_all([1], 1), [2])\n"
            "unittest.main()",
            id="test cases that are run",
        ),
    ],
)
def test_every_form_of_test_tells_right_from_wrong(test: Any) -> None:
    assert passes(WHOLE, test)
    assert not passes(WRONG, test)


def test_without_an_entry_point_the_answer_stands_by_itself() -> None:
    assert passes(WHOLE, ["assert add_all([1], 1) == [2]"], entry_point=None)
    assert not passes(BODY, ["assert add_all([1], 1) == [2]"], entry_point=None)


def test_the_prompts_own_helpers_are_there() -> None:
    columns = {"code": "def one(): return 1\n\ndef add_all(numbers, extra):\n"}
    body = "    return [n + extra * one() for n in numbers]"
    assert passes(body, options={"prompt": "code"}, **columns)
    assert passes(
        "def add_all(numbers, extra):\n" + body, options={"prompt": "code"}, **columns
    )
    assert not passes(body, options={"prompt": ""}, **columns)


def test_a_prompt_in_words_is_no_code() -> None:
    words = Example(
        "1",
        {"prompt": "Write add_all."},
        None,
        {"test": TEST, "entry_point": "add_all"},
    )
    assert Code()(WHOLE, words).value == 1.0


def test_the_target_is_the_test_where_no_column_is() -> None:
    assert (
        Code()(
            WHOLE, Example("1", {"text": "?"}, TEST, {"entry_point": "add_all"})
        ).value
        == 1.0
    )


def test_why_an_answer_failed_is_said() -> None:
    metric = parse_metric("code", seconds=1)
    assert metric.review(WRONG, example()).comment == "AssertionError"
    assert (
        "SyntaxError"
        in metric.review("def (", example(entry_point=None, test="pass")).comment
    )
    assert metric.review("while True: pass", example(test="pass")).comment.startswith(
        "ended by the limit on "
    )
    assert (
        "MemoryError"
        in metric.review(
            "x = bytearray(10**10)", example(test="pass", entry_point=None)
        ).comment
    )
    assert (
        metric.review("import os; os._exit(3)", example()).comment
        == "ended with status 3"
    )
    assert metric.review(None, example()).value == 0.0


@given(st.text(max_size=30), st.text(max_size=30))
def test_whatever_the_answer_it_becomes_some_piece_of_code(
    prompt: str, answer: str
) -> None:
    assert (
        "".join(pieces(prompt, answer, "f"))[: len(prompt)] == prompt
        or pieces(prompt, answer, "f")[-1] == answer
    )


# --- the metric


def test_it_is_a_metric_like_the_others_that_says_that_it_runs_code() -> None:
    metric = parse_metric("code", seconds=2, memory=256)
    assert isinstance(metric, Metric)
    assert (metric.name, metric.low, metric.high, metric.runs_code, metric.costs) == (
        "code",
        0.0,
        1.0,
        True,
        False,
    )
    assert (
        metric.identity
        == parse_metric({"name": "code", "seconds": 2, "memory": 256}).identity
    )
    assert (
        metric.identity
        != parse_metric("code").identity
        == parse_metric(Code()).identity
    )
    assert not parse_metric("exact_match").runs_code
    assert metric.score(WHOLE, example()) == 1.0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeout": 3}, "timeout"),
        ({"seconds": 0}, "seconds > 0"),
        ({"seconds": float("inf")}, "seconds > 0"),
        ({"memory": 1}, "memory >= 64"),
    ],
)
def test_options_that_cannot_be_are_refused(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        parse_metric("code", **options)


@pytest.mark.parametrize(
    ("row", "options", "words"),
    [
        (example(test=None), {}, "has no test"),
        (example(test=" "), {}, "has no test"),
        (example(), {"test": "tests"}, "has no test"),
        (example(entry_point=None), {}, "entry_point"),
        (example(), {"prompt": "code"}, "no column 'code'"),
    ],
)
def test_an_example_that_cannot_be_judged_is_found_before_anything_is_run(
    row: Example, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        parse_metric("code", **options).check([example(), row])
    assert "'row-1'" in str(caught.value)
    assert "\n" not in str(caught.value)


# --- taking code out of a text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("```python\na = 1\n```", "a = 1"),
        (
            "one\n```python\na = 1\n```\ntwo\n```py\nb = 2\n```\n```bash\nls\n```",
            "b = 2",
        ),
        ("```\na = 1\n```\n```json\n{}\n```", "a = 1"),
        ("```Python\r\na = 1\r\n```\r\n", "a = 1"),
        ("~~~python\na = '```'\n~~~", "a = '```'"),
        ("````python\na = '''\n```\n'''\n````", "a = '''\n```\n'''"),
        ("```python\ndef cut(off", "def cut(off"),
        ("    return 1\n", "    return 1"),
        ("\n \n    x = 1\n    return x\n", "    x = 1\n    return x"),
        (
            "def f():\n    '''\n    ```python\n    no\n    ```\n    '''",
            "def f():\n    '''\n    ```python\n    no\n    ```\n    '''",
        ),
        ("```python\n```", None),
        (" \n", None),
    ],
)
def test_code_is_the_last_python_block_or_the_text(text: str, code: str | None) -> None:
    assert parse_extractor({"code": True})(text) == code


def test_the_first_block_can_be_asked_for_and_nonsense_is_refused() -> None:
    text = "```python\na\n```\n```python\nb\n```"
    assert code_blocks(text) == ["a\n", "b\n"]
    assert parse_extractor({"code": True, "which": "first"})(text) == "a"
    assert extractor_identity({"code": True}) == '{"code": true}'
    for spec in (
        {"code": False},
        {"code": True, "which": "best"},
        {"code": True, "lower": True},
    ):
        with pytest.raises(SpaceError, match="answer"):
            parse_extractor(spec)


@given(st.text(alphabet="`~ \n\tapython{}", max_size=60))
def test_whatever_the_text_code_is_part_of_it_or_there_is_none(text: str) -> None:
    found = parse_extractor({"code": True})(text)
    assert found is None or (found.strip() and found in text)


# --- a whole study

TASKS = [
    {
        "task_id": f"T/{number}",
        "prompt": f'def plus_{number}(x):\n    """Task #{number}: add {number} to x."""\n',
        "entry_point": f"plus_{number}",
        "canonical_solution": f"    return x + {number}\n",
        "test": f"def check(candidate):\n    assert candidate(1) == {number + 1}\n",
    }
    for number in range(10, 20)
]


class Programmers:
    """The model "able" solves every task, "weak" about a third; both say a word first."""

    def __call__(
        self,
        model: str,
        prompt: str,
        settings: Mapping[str, Any],
        seed: int,
        index: int,
    ) -> str:
        number = int(prompt.rpartition("#")[2].partition(":")[0])
        right = model == "able" or chance("right", number) < 0.35
        code = f"def plus_{number}(x):\n    return x + {number if right else 0}"
        return f"Sure.\n```python\n{code}\n```\n"


def options(server: Server, folder: Path, **more: Any) -> dict[str, Any]:
    return {
        "data": TASKS,
        "target": "",
        "metric": "code",
        "space": tune.Space(
            model=["weak", "able"],
            prompt="Complete this function:\n\n{prompt}",
            temperature=0.0,
            max_tokens=[64],
            answer={"code": True},
        ),
        "base_url": server.base_url,
        "price": ["weak=0.1/0.4", "able=0.2/0.8"],
        "baseline": {"model": "weak", "temperature": 0.0},
        "budget": 0.02,
        "results": folder / "study",
        "allow_code": True,
        "searcher": "grid",
        **more,
    }


@pytest.fixture
def server() -> Any:
    with Server(
        models={"weak": Model(0.1, 0.4), "able": Model(0.2, 0.8)}, world=Programmers()
    ) as started:
        yield started


def test_a_study_finds_the_model_whose_code_passes(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    run = Code.__call__

    def noted(self: Code, answer: str, row: Example) -> Any:
        threads.append(threading.current_thread().name)
        return run(self, answer, row)

    monkeypatch.setattr(Code, "__call__", noted)
    study = tune.tune(**options(server, tmp_path))
    assert study.best.config.model == "able"
    assert study.best.quality is not None
    assert study.best.quality.mean == 1.0
    by_model = {trial.point["model"]: trial.quality for trial in study.record.trials}
    assert by_model["weak"] is not None
    assert by_model["weak"].mean < 1.0
    assert to_picodollars(study.record.money.spent) == server.bill
    # Each answer is run once, and never in the thread that waits for models.
    assert len(threads) <= 2 * len(TASKS)
    assert "tune" not in threads
    assert "MainThread" not in threads
    assert min(2, os.cpu_count() or 1) <= len(set(threads))
    tune.tune(
        **options(
            server,
            tmp_path,
            results=tmp_path / "again",
            store=str(tmp_path / "study" / "draws.db"),
        )
    )
    assert len(threads) <= 2 * len(TASKS)


@pytest.mark.parametrize("allowed", [{}, {"allow_code": False}])
def test_without_leave_no_code_is_run_and_nothing_is_sent(
    server: Server, tmp_path: Path, allowed: dict[str, Any]
) -> None:
    given = {k: v for k, v in options(server, tmp_path).items() if k != "allow_code"}
    own = Metric("mine", "mine:1", lambda answer, example: 1.0, runs_code=True)
    for metric in ("code", own):
        with pytest.raises(
            InputError, match=r"--allow-code \(allow_code=True\)"
        ) as caught:
            tune.tune(**{**given, **allowed, "metric": metric})
        assert "\n" not in str(caught.value)
    assert server.posts == []


def test_tests_that_are_missing_are_found_before_the_first_dollar(
    server: Server, tmp_path: Path
) -> None:
    rows = [
        {**task, "test": task["test"] if number else None}
        for number, task in enumerate(TASKS)
    ]
    with pytest.raises(InputError, match="has no test"):
        tune.tune(**options(server, tmp_path, data=rows))
    assert server.posts == []


def test_the_command_line_wants_the_same_flag(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tasks.jsonl").write_text("\n".join(map(json.dumps, TASKS)))
    (tmp_path / "space.toml").write_text(
        '[space]\nmodel = ["able"]\nprompt = "Complete: {prompt}"\ntemperature = 0.0\n'
        "max_tokens = [64]\n"
        '[answer]\ncode = true\n[metric]\nname = "code"\nseconds = 4\n'
    )
    flags = [
        "--budget",
        "0.01",
        "--data",
        str(tmp_path / "tasks.jsonl"),
        "--target",
        "",
        "--base-url",
        server.base_url,
        "--space",
        str(tmp_path / "space.toml"),
        "--price",
        "able=0.1/0.4",
        "--results",
        str(tmp_path / "out"),
        "--searcher",
        "grid",
    ]
    assert main([*flags, "--quiet"]) == BAD_INPUT
    shown = capsys.readouterr().err
    assert "--allow-code" in shown
    assert shown.count("\n") == 1
    assert server.posts == []
    assert main([*flags, "--allow-code", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["quality"]["mean"] == 1.0
