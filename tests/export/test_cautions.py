"""What an export cannot carry is said in whole sentences."""

from __future__ import annotations

from typing import Any

import pytest

from tests.runtime.test_best_json import config, own_hosts  # noqa: F401 - the fixture
from tests.support.exported import best_record, exported
from tune.export.cautions import cautions
from tune.export.selected import read_selected


def said(record: dict[str, Any], **given: Any) -> str:
    selected = read_selected(record, "best.json")
    return " ".join(cautions(selected, selected.winner, **given))


def test_a_cap_for_short_answers_and_a_stop_cut_a_conversation() -> None:
    record = best_record(stop=("\n",))
    told = said(record)
    assert "max_tokens 16 was tuned on short answers" in told
    assert "ends at stop ['\\n']" in told
    assert "max_tokens" not in said(record, agent=False)
    assert "max_tokens" not in said(best_record(max_tokens=900))


def test_the_template_and_a_system_message_with_inputs_are_named() -> None:
    record = best_record()
    assert "An agent does not fill the prompt's template" in said(record)
    record["deployment"]["prompt"]["turns"][0]["parts"] = ["About ", {"field": "text"}]
    assert "The system message names inputs" in said(record)


def test_an_empty_system_message_is_told_where_the_framework_sends_one() -> None:
    for name, told in (("ag2", True), ("autogen", True), ("langchain", False)):
        notes = exported(name, prompt="short").notes
        assert any("sends an empty one" in note for note in notes) is told
    assert not any("sends an empty one" in note for note in exported("ag2").notes)


def test_several_answers_are_the_clients_or_the_runtimes() -> None:
    record = best_record(n=5, aggregate="vote")
    assert "TheClient in this file asks 5 times" in said(record, client="TheClient")
    assert 'use tune.load("best.json")' in said(record)


def test_an_answer_rule_of_the_user_must_be_importable() -> None:
    made = exported("openai", options={"answer": "json:dumps"})
    assert any("json:dumps, which is your own module" in note for note in made.notes)
    assert "from json import dumps as own_answer_rule" in made.text


@pytest.mark.parametrize("n", [1, 5])
def test_an_interrupted_study_is_named(n: int) -> None:
    aggregate = "vote" if n > 1 else "first"
    record = {**best_record(n=n, aggregate=aggregate), "interrupted": True}
    assert "may still change" in said(record)
    assert config().n == 1
