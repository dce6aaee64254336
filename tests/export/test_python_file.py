"""Settings and texts of an exported file."""

from __future__ import annotations

import inspect

from openai.resources.chat.completions import Completions

from tests.export.test_autogen import config, deployment
from tests.runtime.test_best_json import own_hosts  # noqa: F401 - the fixture
from tests.support.exported import best_record, run_file
from tune.export import make_export
from tune.export.python_file import NAMED, request_settings


def test_every_named_setting_is_one_that_the_openai_package_knows() -> None:
    assert set(inspect.signature(Completions.create).parameters) >= NAMED


def test_settings_without_a_name_go_around_the_package() -> None:
    made = deployment(config=config(stop=("a",), top_k=3), cap="max_completion_tokens")
    named, others = request_settings(made)
    assert named == {"max_completion_tokens": 64, "stop": ["a"], "temperature": 0.3}
    assert others == {"top_k": 3}


def test_a_system_message_that_needs_inputs_is_no_constant() -> None:
    record = best_record()
    record["deployment"]["prompt"]["turns"][0]["parts"] = ["About ", {"field": "text"}]
    names = run_file(make_export(record, "openai", "best.json").text)
    assert names["SYSTEM_MESSAGE"] is None
    assert names["messages"](text="x")[0] == {"role": "system", "content": "About x"}
    # No agent can have it beforehand, so it comes with the other messages.
    assert names["later_messages"](text="x") == names["messages"](text="x")


def test_an_agents_own_system_message_is_not_sent_twice() -> None:
    names = run_file(make_export(best_record(), "openai", "best.json").text)
    sent = names["messages"](text="x")
    assert names["later_messages"](text="x") == sent[1:]
    plain = run_file(make_export(best_record(prompt="short"), "openai", "b").text)
    assert plain["later_messages"](text="x") == plain["messages"](text="x")
