"""The options of a check and of a challenge have one home as well."""

from __future__ import annotations

import inspect
from dataclasses import fields

import pytest

from tune.commands.challenge import build_challenge_parser
from tune.commands.check import build_check_parser
from tune.errors import InputError
from tune.followup.challenge import challenge
from tune.followup.check import check
from tune.plan.followup_options import ChallengeRates, CheckOptions
from tune.plan.options import Options


def test_every_option_of_a_check_has_a_flag_with_its_sentence() -> None:
    actions = {action.dest: action for action in build_check_parser()._actions}
    for option in fields(CheckOptions):
        assert option.metadata["about"].sentence in (actions[option.name].help or "")
    own = {"help", "best", "data", "budget", "junit", "quiet", "json"}
    assert set(actions) - own == {option.name for option in fields(CheckOptions)}


def test_flags_of_a_check_that_are_not_given_say_nothing() -> None:
    given = vars(build_check_parser().parse_args(["best.json", "--budget", "1"]))
    assert not set(given) & {option.name for option in fields(CheckOptions)}


def test_a_check_begins_with_the_seed_and_the_concurrency_of_a_run() -> None:
    assert (CheckOptions().seed, CheckOptions().concurrency) == (
        Options().seed,
        Options().concurrency,
    )


def test_an_unknown_option_of_a_check_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"no option 'margn': the options are margin, alpha"
    ):
        check("best.json", budget=1.0, margn=0.1)


def test_the_rates_of_a_challenge_are_its_keywords_and_its_flags() -> None:
    parameters = inspect.signature(challenge).parameters
    actions = {action.dest for action in build_challenge_parser()._actions}
    for option in fields(ChallengeRates):
        assert parameters[option.name].default == option.default
        assert option.name in actions
