"""A `best.json` is read for an export, or refused in one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from tests.runtime.test_best_json import config, own_hosts  # noqa: F401 - the fixture
from tests.support.exported import best_record
from tune.errors import InputError
from tune.export.selected import LimitBroken, read_selected


def test_the_winner_has_all_that_it_takes_to_call_it() -> None:
    record = best_record(n=5, aggregate="vote", stop=("\n",), single=config())
    selected = read_selected(record, "best.json")
    winner, single = selected.winner, selected.single
    assert (winner.model, winner.key_env) == ("qwen", "K")
    assert winner.url == "http://h:1/v1"
    assert winner.config.stop == ("\n",)
    assert winner.system_message == 'Be "brief".'
    assert winner.template == "{text}"
    assert (selected.n, selected.votes) == (5, True)
    assert single is not None
    assert (single.config.n, single.config.prompt) == (1, "short")
    assert selected.provenance == (
        "tuned on reviews, exact_match 0.800 (0.700 to 0.900) on 40 holdout examples, tune 0.1.0"
    )


def test_a_winner_with_one_answer_is_what_agents_take() -> None:
    selected = read_selected(best_record(), "best.json")
    assert selected.single is selected.winner
    assert (selected.n, selected.votes) == (1, False)


def test_a_prompt_that_is_no_chat_is_nothing_for_agents() -> None:
    assert read_selected(best_record(prompt="raw"), "best.json").single is None


@pytest.mark.parametrize(("aggregate", "votes"), [("best", False), ("all", False)])
def test_only_a_vote_can_be_made_without_tune(aggregate: str, votes: bool) -> None:
    record = best_record(n=5, aggregate=aggregate)
    selected = read_selected(record, "best.json")
    assert (selected.votes, selected.n) == (votes, 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "has format 2, and this version of tune reads format 1"),
        ({"winner": None}, "holds no winner"),
        ({"deployment": None}, "an older version wrote it"),
        (
            {"deployment": {"model": {}}},
            "is damaged, or was written by another version",
        ),
        ({"deployment": [1]}, "is damaged, or was written by another version"),
        (
            {"config": {"model": "small"}},
            "is damaged, or was written by another version",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_one_sentence(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_selected({**best_record(), **change}, "'best.json'")


@pytest.mark.parametrize("other", [None, [], {}, {"config": {}}, "text"])
def test_another_file_is_not_a_best_json(other: Any) -> None:
    with pytest.raises(InputError, match="is not the best"):
        read_selected(other, "'other.json'")


def test_what_breaks_the_limit_is_not_exported() -> None:
    with pytest.raises(LimitBroken, match="so none is exported as if it did"):
        read_selected({**best_record(), "keeps_limit": False}, "best.json")


def test_an_oracle_is_not_exported() -> None:
    record = best_record()
    record["config"] |= {"n": 5, "aggregate": "any"}
    with pytest.raises(InputError, match="oracle"):
        read_selected(record, "best.json")


def test_an_interrupted_study_says_so() -> None:
    selected = read_selected({**best_record(), "interrupted": True}, "best.json")
    assert "may still change" in selected.notices[0]


def test_a_reasoning_model_gets_its_cap_under_the_newer_name() -> None:
    record = best_record()
    record["deployment"]["model"]["model"] = "o4-mini"
    assert read_selected(record, "best.json").winner.cap == "max_completion_tokens"


def test_a_prompt_that_a_function_makes_is_nothing_for_agents() -> None:
    record = best_record()
    prompt = record["deployment"]["prompt"]
    prompt |= {"turns": [], "call": {"spec": None, "name": "prompts:make"}}
    selected = read_selected(record, "best.json")
    assert selected.single is None
    assert (selected.winner.made_by, selected.winner.template) == ("prompts:make", "")
