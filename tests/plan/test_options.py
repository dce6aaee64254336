"""One home for options: default, type and sentence stand in `Options`, and nowhere else."""

from __future__ import annotations

import argparse
import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest

import tune
from tune.commands.flags import build_run_parser
from tune.plan.option_fields import GROUPS, About
from tune.plan.options import (
    STRATEGY_FOR_GOAL,
    UNBILLED_SECONDS,
    Options,
    identity_names,
)
from tune.search import SEARCHERS
from tune.strategies import STRATEGIES

OPTIONS = {one.name: one for one in fields(Options)}
DOOR = ("version", "json", "help")
"""Flags of the program that are no options of a run."""

LIVE: tuple[str, ...] = ()
"""Options that only a running Python can give, and so have no flag: none."""


def about(name: str) -> About:
    found: About = OPTIONS[name].metadata["about"]
    return found


def actions() -> dict[str, argparse.Action]:
    return {action.dest: action for action in build_run_parser()._actions}


def test_every_option_has_a_flag_or_is_a_live_object() -> None:
    assert set(actions()) - set(DOOR) == set(OPTIONS) - set(LIVE)


@pytest.mark.parametrize("function", [tune.tune, tune.tune_async])
def test_the_keywords_of_tune_are_the_options_with_the_same_defaults(
    function: object,
) -> None:
    parameters = inspect.signature(function).parameters  # type: ignore[arg-type]
    assert set(parameters) == set(OPTIONS)
    assert {name: one.default for name, one in parameters.items()} == {
        name: one.default for name, one in OPTIONS.items()
    }


def test_a_flag_that_is_not_given_says_nothing() -> None:
    """So no default of a flag can differ from the default of its option."""
    given = vars(build_run_parser().parse_args([]))
    assert given == {"version": False, "json": False}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_has_a_sentence_of_its_own_in_the_help(name: str) -> None:
    sentence = about(name).sentence
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    shown = actions()[name].help or ""
    assert sentence in shown.replace("%%", "%")


@pytest.mark.parametrize("name", OPTIONS)
def test_a_default_stands_in_the_help_once(name: str) -> None:
    default = OPTIONS[name].default
    shown = actions()[name].help or ""
    if default in (None, (), False):
        assert "default:" not in shown
        return
    said = ", ".join(default) if isinstance(default, tuple) else str(default)
    assert re.search(rf"default: {re.escape(said)}\)", shown)
    assert "default" not in about(name).sentence.lower()


NUMBERS = [
    name
    for name, one in OPTIONS.items()
    if isinstance(one.default, int | float) and one.default not in (0, False)
]


@pytest.mark.parametrize("name", NUMBERS)
def test_no_other_file_repeats_a_default(name: str) -> None:
    """A keyword or a fallback with the default of an option would be a second home."""
    value = re.escape(repr(OPTIONS[name].default))
    repeated = re.compile(
        rf'\b{name}: \w+ = {value}\b|"{name}", {value}\)|{name} or {value}\b'
    )
    root = Path(tune.__file__).parent
    homes = [path for path in root.rglob("*.py") if repeated.search(path.read_text())]
    assert [
        str(path.relative_to(root)) for path in homes if path.name != "options.py"
    ] == []


def test_every_group_of_the_help_is_used_and_known() -> None:
    assert {about(name).group for name in OPTIONS} == set(GROUPS)


def test_sentences_name_what_there_is() -> None:
    assert all(name in about("searcher").sentence for name in SEARCHERS)
    assert all(name in about("strategy").sentence for name in STRATEGIES)
    assert set(STRATEGY_FOR_GOAL.values()) <= set(STRATEGIES)
    assert all(goal in about("goal").sentence for goal in STRATEGY_FOR_GOAL)
    assert f"{UNBILLED_SECONDS:g}" in about("time_limit").sentence


def test_an_entry_of_the_identity_is_listed_once() -> None:
    assert len(identity_names()) == len(set(identity_names()))


def test_options_cannot_change() -> None:
    with pytest.raises(AttributeError):
        Options().seed = 3  # type: ignore[misc]
