"""What a user copies into a program."""

from __future__ import annotations

from dataclasses import replace

from tests.support.reports import (
    RUNNER_UP,
    config,
    whole,
)
from tune.report import (
    markdown,
)
from tune.report.use_section import use_section


def test_how_to_use_and_rerun_are_given_as_they_are() -> None:
    text = markdown(whole())
    assert "```text\nReview: {text}\nLabel:\n```" in text
    assert "```sh\npython tune.py --budget 5\n```" in text
    assert '"aggregate": "vote"' in text
    assert "The full winner asks 5 times and votes." in text
    assert "seed | 3" in text
    assert "numpy 2.4" in text


def test_a_configuration_that_breaks_the_limit_is_not_handed_to_agents() -> None:
    section = use_section(whole(keeps_limit=False, max_cost=0.001))
    assert "as no configuration keeps the limit of $0.001 per request" in section
    assert "OAI_CONFIG_LIST" not in section


def test_agents_get_the_file_or_the_reason_why_not() -> None:
    assert "`OAI_CONFIG_LIST`" in use_section(whole())
    none = use_section(whole(deployable=None, deployable_note="A raw prompt."))
    assert "OAI_CONFIG_LIST" not in none
    assert "A raw prompt. `best.json` holds all of it." in none
    assert use_section(whole(winner=None)) == ""


def test_a_winner_is_used_whatever_it_is() -> None:
    turns = [
        {"role": "system", "parts": ["About ", {"field": "topic"}]},
        {"role": "user", "parts": [{"field": "text"}, " on ", {"field": "topic"}]},
    ]
    record = {"prompt": {"turns": turns}}
    section = use_section(whole(deployment_record=record))
    assert 'answer = tuned({"topic": "...", "text": "..."})' in section
    assert "tune export best.json --to autogen" in section
    raw = use_section(whole(deployable=None, deployable_note="A raw prompt."))
    assert 'tune.load("best.json")' in raw


def test_only_exports_that_take_the_winner_are_advised() -> None:
    turns = [{"role": "user", "parts": [{"field": "text"}, " is"]}]
    record = {"prompt": {"raw": True, "turns": turns}}
    section = use_section(whole(deployment_record=record))
    assert "tune export best.json --to openai" in section
    assert "a text that the model continues, so no other export takes it" in section
    assert "--to autogen" not in section
    assert "`OAI_CONFIG_LIST` beside this one hold another configuration" in section
    alone = {"deployable": None, "deployable_note": "No agent."}
    none = use_section(whole(deployment_record=record, **alone))
    assert "--to openai" in none
    assert "OAI_CONFIG_LIST" not in none


def test_an_oracle_is_nothing_to_use() -> None:
    winner = replace(RUNNER_UP, config=config(n=3, aggregate="any"))
    section = use_section(whole(winner=winner))
    assert "So nothing can use it" in section
    assert "tune.load" not in section
    assert "OAI_CONFIG_LIST" not in section


def test_the_configuration_for_agents_has_its_score() -> None:
    assert "temperature 0.2, n 1, max_tokens 16: 0.770 (0.700 to 0.840). The full" in (
        use_section(whole())
    )
    single = replace(RUNNER_UP, name="for agents")
    section = use_section(whole(deployable=single, deployable_note=""))
    assert section.endswith("0.800 (0.700 to 0.900) on tuning examples.")


def test_no_export_is_advised_where_a_function_makes_the_prompt() -> None:
    call = {
        "spec": "prompts:make",
        "name": "prompts:make",
        "identity": "prompts:make@1",
    }
    prompt = {"raw": False, "turns": [], "call": call}
    record = {"prompt": prompt, "inputs": ["text", "topic"]}
    section = use_section(whole(deployment_record=record))
    assert (
        "No export takes the winner, as its prompt is made by prompts:make" in section
    )
    assert "tune export" not in section
    assert "hold another configuration, whose prompt is a template." in section
    assert 'tuned = tune.load("best.json", prompt="prompts:make")' in section
    assert 'answer = tuned({"text": "...", "topic": "..."})' in section
    call |= {"spec": None, "name": "tests:own.<locals>.make"}
    assert 'tune.load("best.json", prompt=your_function)' in use_section(
        whole(deployment_record=record)
    )
