"""The user sees what is sent before the first dollar."""

from __future__ import annotations

from tests.support.order import order
from tune.plan.prompt_preview import MOST_SHOWN, sent_lines, sent_record


def test_the_preview_names_the_columns_and_shows_one_prompt() -> None:
    plan = order()
    record = sent_record(plan)
    assert record["columns"] == ["text"]
    assert "title" in record["not_sent"]
    example = plan.split.tuning[0]
    assert record["text"] == f"Label this ticket: {example.inputs['text']}"
    lines = sent_lines(plan)
    assert lines[0].startswith("Columns in the prompts: text; not sent: ")
    assert lines[-1] == f"  | {record['text']}"


def test_a_chat_shows_the_role_of_each_message() -> None:
    chat = [
        {"role": "system", "content": "Label."},
        {"role": "user", "content": "{text}"},
    ]
    text = sent_record(order(space={"prompt": {"chat": chat}}))["text"]
    assert text.startswith("system: Label.\n\nuser: ticket")


def test_a_long_prompt_is_cut() -> None:
    plan = order(space={"prompt": {"long": "x" * (MOST_SHOWN + 500) + "{text}"}})
    assert "more characters)" in sent_lines(plan)[-1]
    assert len(sent_record(plan)["text"]) > MOST_SHOWN
