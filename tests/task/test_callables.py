"""How callables of users are loaded, blamed, named and told apart."""

from __future__ import annotations

import copy
import functools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.errors import MetricError, SpaceError
from tune.task.callables import fingerprint, import_object, import_path, reraise_as


def scale(factor: float) -> Callable[[str], str]:
    def times(text: str) -> str:
        return str(float(text) * factor)

    return times


class Cutter:
    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, text: str) -> str:
        return text[: self.size]

    def head(self, text: str) -> str:
        return text[: self.size]


def test_a_fingerprint_sees_what_a_callable_closes_over() -> None:
    assert fingerprint(scale(2.0)) == fingerprint(scale(2.0))
    assert fingerprint(scale(2.0)) != fingerprint(scale(3.0))
    assert fingerprint(Cutter(2)) == fingerprint(Cutter(2))
    assert fingerprint(Cutter(2)) != fingerprint(Cutter(3))
    assert fingerprint(Cutter(2).head) == fingerprint(Cutter(2).head)
    assert fingerprint(Cutter(2).head) != fingerprint(Cutter(3).head)
    assert fingerprint(functools.partial(max, 3)) != fingerprint(
        functools.partial(max, 4)
    )
    assert fingerprint(functools.partial(scale, factor=2.0)) != fingerprint(scale)


def test_a_fingerprint_without_source_is_the_name() -> None:
    assert fingerprint(len) == "builtins:len"


def test_a_fingerprint_is_the_same_in_another_process_and_follows_the_source(
    tmp_path: Path,
) -> None:
    source = (
        "KNOWN = {'b', 'a', 'c'}\n\n"
        "def own(text, extra=frozenset({'x', 'y', 'z'})):\n    return text\n"
    )
    (tmp_path / "mine.py").write_text(source)
    ask = "from tune.task.callables import *; print(fingerprint(import_object('mine:own', 'metric')))"

    def name() -> str:
        ran = subprocess.run(
            [sys.executable, "-c", ask],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        return ran.stdout.strip()

    first = name()
    assert first == name()
    (tmp_path / "mine.py").write_text(
        source.replace("return text", "return text.lower()")
    )
    assert name() != first


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda v: st.sets(st.integers()) | st.lists(v),
    )
)
def test_a_fingerprint_tells_defaults_apart_exactly_where_they_differ(
    value: Any,
) -> None:
    def made(default: Any) -> Callable[..., Any]:
        def given(text: str, extra: Any = default) -> Any:
            return extra

        return given

    assert fingerprint(made(value)) == fingerprint(made(copy.deepcopy(value)))
    assert fingerprint(made(value)) != fingerprint(made([value]))


def test_what_has_no_name_is_called_by_its_class() -> None:
    assert import_path(Cutter(2)) == import_path(Cutter) == f"{__name__}:Cutter"
    assert import_path(Cutter(2).head) == f"{__name__}:Cutter.head"


# --- loading and blaming


def test_a_script_that_names_itself_is_not_run_a_second_time(tmp_path: Path) -> None:
    script = tmp_path / "my_search.py"
    script.write_text(
        "from tune.task.callables import import_object\n"
        "def near(answer, example): return 1.0\n"
        "print(import_object('my_search:near', 'metric') is near)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("True\n", 0)


def test_a_callable_of_the_running_script_has_the_identity_that_it_has_elsewhere(
    tmp_path: Path,
) -> None:
    (tmp_path / "mine.py").write_text(
        "from tune.task.callables import import_object, import_path\n"
        "from tune.task.extract import extractor_identity\n"
        "from tune.task.metrics import parse_metric\n"
        "from tune.task.prompt_call import PromptCall\n"
        "class Extra: pass\n"
        "class Verifier:\n"
        "    def __call__(self, answer, example): return 1.0\n"
        "def score(answer, example, extra=Extra()): return 1.0\n"
        "def ask(inputs): return 'Hi'\n"
        "def cut(text): return text\n"
        "check = Verifier()\n"
        "def identities():\n"
        "    prompt = PromptCall.read('mine:ask', 'prompt')\n"
        "    yield parse_metric('mine:score').identity\n"
        "    yield parse_metric(score).identity\n"
        "    yield prompt.identity\n"
        "    yield prompt.path\n"
        "    yield extractor_identity('mine:cut')\n"
        "    yield import_path(import_object('mine:check', 'verifier'))\n"
        "if __name__ == '__main__': print(*identities(), sep='\\n')\n"
    )

    def identities(*command: str) -> list[str]:
        ran = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        return ran.stdout.splitlines()

    as_script = identities("mine.py")
    elsewhere = identities("-c", "import mine; print(*mine.identities(), sep='\\n')")
    assert as_script == elsewhere
    assert as_script[0] == as_script[1]
    assert {path.partition(":")[0] for path in as_script} == {"mine"}


def test_a_callable_without_a_script_stays_in_main() -> None:
    ask = "from tune.task.callables import import_path; f = lambda: 0; print(import_path(f))"
    ran = subprocess.run(
        [sys.executable, "-c", ask], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "__main__:<lambda>\n"


def test_an_attribute_is_loaded_by_its_dotted_name() -> None:
    assert import_object(f"{__name__}:Cutter.head", "metric") is Cutter.head


@pytest.mark.parametrize("path", ["", ":", "a:", ":b", "plain"])
def test_a_path_of_another_form_says_what_is_wanted(path: str) -> None:
    with pytest.raises(SpaceError, match=r"verifier: 'module:attribute' is wanted"):
        import_object(path, "verifier")


def test_blame_turns_what_a_user_raised_into_our_error_and_lets_ours_pass() -> None:
    with pytest.raises(  # noqa: SIM117
        MetricError,
        match=r"^on example '3': ZeroDivisionError: division by zero$",
    ):
        with reraise_as(MetricError, "on example '3'"):
            _ = 1 / 0
    with (
        pytest.raises(SpaceError, match=r"^mine$"),
        reraise_as(MetricError, "never shown"),
    ):
        raise SpaceError("mine")
    with pytest.raises(KeyboardInterrupt), reraise_as(MetricError, "never shown"):
        raise KeyboardInterrupt
