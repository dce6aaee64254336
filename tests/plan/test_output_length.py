"""How long an answer is guessed to be where nobody knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tune
from tune.plan.answer_forecast import forecast_answers
from tune.plan.make import make_plan
from tune.plan.output_length import (
    OUTPUT_SHARE,
    REASONING_TOKENS,
    SOLUTION_TOKENS,
    length_span,
    likely_output_tokens,
)
from tune.plan.read_options import read_options
from tune.plan.token_counts import offline_endpoints

CAP = 400


@given(
    st.text(max_size=80),
    st.one_of(st.none(), st.floats(0, 1e4)),
    st.integers(1, 10**5),
    st.booleans(),
)
def test_a_guess_is_at_least_one_token_and_at_most_the_cap(
    template: str, wanted: float | None, cap: int, reasons: bool
) -> None:
    assert 1 <= likely_output_tokens(template, wanted, cap, reasons=reasons) <= cap


def test_an_answer_is_about_as_long_as_what_is_wanted_whatever_the_cap() -> None:
    guesses = [
        likely_output_tokens("Label this ticket: {text}", 1.0, cap)
        for cap in (16, 64, 4096)
    ]
    assert guesses[0] == guesses[1] == guesses[2]
    assert 2 <= guesses[0] <= 6
    assert 30 <= likely_output_tokens("Summarise: {text}", 30.0, 4096) <= 60


@pytest.mark.parametrize(
    "template",
    [
        "Think step by step, then label: {text}",
        "{text}\nLet's work this out, and end with the number.",
        "Explain your choice in a sentence. Review: {text}",
        "Denke nach und antworte: {text}",
        "先に思考してください：{text}",
    ],
)
def test_a_prompt_that_asks_to_think_aloud_gets_a_long_answer(template: str) -> None:
    assert likely_output_tokens(template, 1.0, 4096) == REASONING_TOKENS
    assert (
        likely_output_tokens(template, 1.0, 60) == 30
    )  # people cap such answers near their length
    assert (
        likely_output_tokens(template, 200.0, 4096) > 200
    )  # the targets hold the thought already


@pytest.mark.parametrize(
    "template", ["Rethinking: {text}", "Is it a treason? {text}", "Homework: {text}"]
)
def test_words_that_only_look_like_it_do_not(template: str) -> None:
    assert likely_output_tokens(template, 1.0, 4096) < 10


def test_where_nothing_tells_it_is_a_share_of_the_cap() -> None:
    assert (
        likely_output_tokens("Write a letter: {text}", None, 400) == OUTPUT_SHARE * 400
    )
    assert (
        likely_output_tokens("Label: {text}", 1.0, 400, reasons=True)
        == OUTPUT_SHARE * 400
    )
    assert likely_output_tokens("Label: {text}", 200.0, 400, reasons=True) > 200


def test_a_calculation_is_written_at_more_length_than_the_reason_for_a_label() -> None:
    asked = "Think step by step: {text}"
    label = likely_output_tokens(asked, 1.0, 4096)
    assert label == REASONING_TOKENS
    for kind in ("number", "text"):
        assert likely_output_tokens(asked, 1.0, 4096, targets=kind) == SOLUTION_TOKENS
    assert likely_output_tokens("Add: {text}", 1.0, 4096, targets="number") < 10


def test_the_span_of_reasoning_holds_short_reasons_for_labels_and_long_calculations() -> (
    None
):
    asked = "Think step by step: {text}"
    least, most = length_span(REASONING_TOKENS, 4096, asked)
    assert least <= 45
    assert most == 200
    least, most = length_span(SOLUTION_TOKENS, 4096, asked, targets="number")
    assert least <= 110
    assert most == 640


@pytest.mark.parametrize(
    "template",
    [
        "Answer in one word: {text}",
        "Answer with the label alone. {text}",
        "Give only the label: {text}",
        "Label, without any explanation: {text}",
        "Antworte mit einem Wort: {text}",
        "请用一个词回答：{text}",
    ],
)
def test_a_label_that_is_wanted_alone_has_a_narrow_span(template: str) -> None:
    least, most = length_span(6, 1024, template)
    assert (least, most) == (2, 36)
    assert length_span(6, 1024, "Label this: {text}") == (2, 126)


def test_a_number_may_come_with_its_whole_calculation_unless_it_is_wanted_alone() -> (
    None
):
    asked = "How many? {text}"
    assert length_span(6, 1024, asked, targets="number")[1] == 306
    assert length_span(6, 1024, f"{asked} Only the number.", targets="number")[1] == 36


@pytest.mark.parametrize(
    "template", ["Summarise in a sentence: {text}", "Summarise briefly: {text}"]
)
def test_a_text_that_is_wanted_short_may_be_shorter_than_the_targets(
    template: str,
) -> None:
    assert length_span(40, 1024, template) == (20, 100)
    least, most = length_span(40, 1024, "Summarise: {text}")
    assert 30 < least < 40
    assert most == 160


@pytest.mark.parametrize(
    "template",
    ["A letter to a friend: {text}", "The storyline: {text}", "Labels: {text}"],
)
def test_words_that_only_look_like_a_wish_for_brevity_change_nothing(
    template: str,
) -> None:
    assert length_span(6, 1024, template) == length_span(6, 1024, "{text}")


# --- of a plan


def lengths(
    *,
    labelled: bool = True,
    targets: Sequence[str] = ("refund", "praise"),
    options: Any = None,
    **settings: Any,
) -> dict[str, float]:
    """The length of an answer by model; nothing was ever bought."""
    rows = [
        {
            "text": f"Ticket {i}",
            **({"label": targets[i % len(targets)]} if labelled else {}),
        }
        for i in range(40)
    ]
    space = {
        "model": ["plain"],
        "prompt": {"p": "Label this: {text}"},
        "max_tokens": CAP,
        "temperature": 1.0,
    }
    space |= settings
    said: Any = {
        "base_url": "http://127.0.0.1:9/v1",
        "price": [f"{model}=1/2" for model in space["model"]],
    }
    said |= (
        {"target": "label"}
        if labelled
        else {"target": "", "metric": lambda answer, example: 0.0}
    )
    plan = make_plan(
        read_options(
            data=rows, space=tune.Space(**space), budget=1.0, **(said | (options or {}))
        )
    )
    return {
        row.model: row.output_tokens
        for row in forecast_answers(plan, offline_endpoints(plan.entries), None)
    }


def test_a_labelled_task_is_guessed_to_be_answered_with_labels() -> None:
    assert 2 <= lengths()["plain"] <= 6


def test_a_model_that_thinks_unseen_is_known_by_its_name_or_by_its_efforts() -> None:
    found = lengths(model=["plain", "gpt-5-mini", "openai/o3"])
    assert found["plain"] < 10
    assert found["gpt-5-mini"] == found["openai/o3"] == OUTPUT_SHARE * CAP
    assert lengths(reasoning_effort=["low", "high"])["plain"] == OUTPUT_SHARE * CAP
    assert lengths(reasoning_effort=["none"])["plain"] < 10


def test_targets_that_do_not_recur_are_worked_out_at_length() -> None:
    asked = {"prompt": {"p": "Think step by step: {text}"}}
    printed = [f"number {i}" for i in range(40)]
    assert lengths(targets=printed, **asked)["plain"] == SOLUTION_TOKENS
    assert lengths(targets=("0", "1"), **asked)["plain"] == REASONING_TOKENS


def test_without_targets_a_share_of_the_cap_is_assumed() -> None:
    assert lengths(labelled=False)["plain"] == OUTPUT_SHARE * CAP


def test_what_code_is_tested_with_is_no_answer() -> None:
    assert (
        lengths(options={"metric": "code", "allow_code": True})["plain"]
        == OUTPUT_SHARE * CAP
    )
