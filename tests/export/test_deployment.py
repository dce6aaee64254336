"""A configuration to deploy: who can use it, where it is called, and what a person must know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.export.test_autogen import config, deployment
from tune.export import (
    is_deployable,
    not_deployable_note,
    notes,
    single_answer_note,
)
from tune.pricing.prices import Price
from tune.report import ReportConfig
from tune.stats.intervals import Interval


@pytest.mark.parametrize(
    ("n", "aggregate", "raw", "carried"),
    [
        (1, "first", False, True),
        (1, "first", True, False),
        (5, "vote", False, False),
        (5, "any", False, False),
        (2, "first", False, False),
        (1, "any", False, False),
    ],
)
def test_an_agent_carries_one_first_answer_of_a_chat(
    n: int, aggregate: str, raw: bool, carried: bool
) -> None:
    assert is_deployable(config(n=n, aggregate=aggregate), raw=raw) is carried


def test_one_sentence_says_what_the_full_winner_adds() -> None:
    winner = ReportConfig(
        "winner",
        config(n=5, aggregate="vote", temperature=0.7),
        holdout=Interval(0.79, 0.72, 0.86, 120),
        cost=Interval(0.0005, 0.0004, 0.0006, 120),
    )
    carried = ReportConfig(
        "for agents",
        config(),
        holdout=Interval(0.77, 0.7, 0.84, 120),
        cost=Interval(0.0001, 0.0001, 0.0001, 120),
    )
    assert single_answer_note(winner, carried) == (
        "An agent reads one answer per request; the full winner takes 5 answers per request by "
        "'vote' and differs in "
        "temperature: 0.790 (0.720 to 0.860) against 0.770 (0.700 to 0.840), at $0.0005 against "
        "$0.0001 per request."
    )
    assert single_answer_note(winner, winner) == "An agent carries the winner as it is."
    bare = replace(
        winner, holdout=None, cost=None, config=config(n=3, aggregate="vote")
    )
    assert single_answer_note(bare, carried) == (
        "An agent reads one answer per request; the full winner takes 3 answers per request by "
        "'vote'."
    )


def test_a_prompt_that_is_no_chat_is_the_reason_for_another_configuration() -> None:
    carried = ReportConfig("for agents", config())
    winner = ReportConfig("winner", config(prompt="raw", temperature=0.7))
    assert single_answer_note(winner, carried, raw=True) == (
        "An agent chats; the full winner has a prompt that the model continues as a text and "
        "differs in temperature."
    )
    voting = ReportConfig(
        "winner", config(prompt="raw", n=3, aggregate="vote", temperature=0.7)
    )
    assert single_answer_note(voting, carried, raw=True) == (
        "An agent chats and reads one answer per request; the full winner has a prompt that the "
        "model continues as a text, takes 3 answers per request by 'vote' and differs in "
        "temperature."
    )


@pytest.mark.parametrize(
    "address",
    ["http://localhost:8000/v1", "localhost:8000/v1", "https://m.example.test/a/v1/"],
)
def test_an_address_without_secrets_stays_as_it_is(address: str) -> None:
    exported = deployment(base_url=address)
    assert exported.url == address
    assert notes(exported) == ()


def test_an_address_without_a_scheme_loses_its_password_too() -> None:
    assert (
        deployment(base_url="user:planted@localhost:8000/v1").url == "localhost:8000/v1"
    )


def test_a_version_in_an_address_stays_and_a_key_beside_it_goes() -> None:
    address = "https://planted@m.example.test/v1?api-version=1&key=planted#planted"
    exported = deployment(base_url=address)
    assert exported.url == "https://m.example.test/v1?api-version=1"
    assert "left out" in notes(exported)[0]


def test_every_reason_why_agents_cannot_use_a_configuration_is_said() -> None:
    voting = config(n=3, aggregate="vote")
    both = not_deployable_note(voting, raw=True)
    assert "agents chat" in both
    assert "it asks for 3 answers and reads them by 'vote'" in both
    assert "agents chat" not in not_deployable_note(voting)
    assert not_deployable_note(config()) == ""


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"local": True}, ["serve it behind an OpenAI-compatible endpoint"]),
        ({"key_env": "OTHER"}, ["${OTHER}"]),
        ({"price": Price(1, 2, source="notional")}, ["nobody is billed"]),
        ({"raw": True}, ["call the completions endpoint"]),
        ({}, []),
    ],
)
def test_a_person_is_told_what_the_export_cannot_do_alone(
    values: dict[str, object], said: list[str]
) -> None:
    told = notes(deployment(**values))
    assert len(told) == len(said)
    for part, note in zip(said, told, strict=True):
        assert part in note


def test_a_prompt_that_a_function_makes_is_nothing_for_an_agent() -> None:
    assert not is_deployable(config(), made_by="prompts:make")
    assert not_deployable_note(config(), made_by="prompts:make") == (
        "No agent's llm_config can carry the winner: its prompt is made by the function "
        "prompts:make, and agents take a template."
    )
    winner, carried = (
        ReportConfig("w", config()),
        ReportConfig("c", config(n=1, top_p=1)),
    )
    assert single_answer_note(winner, carried, made_by="prompts:make") == (
        "An agent takes a template; the full winner has a prompt that prompts:make makes and "
        "differs in top_p."
    )
