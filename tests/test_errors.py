"""Errors: the tree that is drawn is the tree that is."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path

import pytest

from tune import errors
from tune.errors import (
    AnswerError,
    EndpointError,
    ParameterRejected,
    ProviderError,
    RateLimited,
    TransientError,
    install_command,
)

ROOT = Path(__file__).parent.parent

CLASSES = {
    name: value for name, value in vars(errors).items() if inspect.isclass(value)
}


def drawn() -> dict[str, str]:
    """Each class of the docstring's tree, with the one it hangs from."""
    found: dict[str, str] = {}
    branch: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"([│├└─ ]*)([A-Z]\w+)( {2,}\S.*)?$", line)
        if match and (match[1] or match[2] == "TuneError"):
            depth = len(match[1]) // 4
            branch[depth:] = [match[2]]
            found[match[2]] = branch[depth - 1] if depth else "Exception"
    return found


def test_the_tree_in_the_docstring_matches_the_classes() -> None:
    assert drawn() == {name: value.__base__.__name__ for name, value in CLASSES.items()}


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_says_when_it_happens(name: str) -> None:
    assert len(inspect.getdoc(CLASSES[name]) or "") > 20
    assert CLASSES[name].__mro__.count(Exception) == 1


def test_a_refusal_costs_nothing_and_an_unknown_outcome_stays_charged() -> None:
    assert TransientError("lost", charged=True).charged
    assert not RateLimited("slow down", retry_after=3.0).charged
    assert not ParameterRejected("no top_k here", parameter="top_k").charged
    assert not AnswerError("too long", reason="context_length").charged
    assert not EndpointError("wrong key").charged


def test_what_is_known_of_a_failure_is_kept() -> None:
    assert RateLimited("slow down", retry_after=3.0).retry_after == 3.0
    assert TransientError("lost", charged=True).retry_after is None
    assert ParameterRejected("no", parameter="top_k").parameter == "top_k"
    assert AnswerError("no", reason="timeout", charged=True).reason == "timeout"
    assert str(ProviderError("the words", charged=False)) == "the words"


def test_a_missing_extra_is_installed_as_the_readme_installs_tune() -> None:
    assert '`pip install ".[local]"`' in install_command("local")
    assert 'pip install ".[local]"' in (ROOT / "README.md").read_text("utf-8")


def test_every_extra_that_a_message_names_exists() -> None:
    sources = [path.read_text("utf-8") for path in (ROOT / "tune").rglob("*.py")]
    named = set(re.findall(r"install_command\([\"'](\w+)[\"']\)", "\n".join(sources)))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert named == {"search", "data", "local", "rouge"}
    assert named <= set(project["project"]["optional-dependencies"])


def test_no_message_installs_tune_from_a_package_index() -> None:
    for path in (ROOT / "tune").rglob("*.py"):
        assert "install 'tune-llm" not in path.read_text("utf-8"), path
        assert 'install "tune-llm' not in path.read_text("utf-8"), path
