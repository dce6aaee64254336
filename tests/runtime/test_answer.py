"""An answer names the draw that carries it; a tally adds up what was asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tune.completion import Completion
from tune.providers.metered import Receipt
from tune.readout.answers import ChosenAnswer, ReadDraw
from tune.readout.truncate import Cut
from tune.runtime.answer import Answer, Tally, cost_of, text_of


def draw(text: str, answer: str | None, calls: str = "") -> ReadDraw:
    bought = Completion(text, "stop", 1, 1, tool_calls=calls)
    return ReadDraw(answer, Cut(text, 1, "stop", True), bought)


def answer(*draws: ReadDraw, chosen: str | None, **more: Any) -> Answer:
    return Answer(
        answer=chosen,
        text="",
        draws=draws,
        agreement=0.5,
        cost=0.1,
        seconds=2.0,
        model="m",
        entry="e",
        **more,
    )


def test_the_calls_of_tools_are_those_of_the_draw_that_carries_the_answer() -> None:
    found = answer(
        draw("", "a", '[{"id": "1"}]'), draw("", "b", '[{"id": "2"}]'), chosen="b"
    )
    assert found.tool_calls == ({"id": "2"},)
    assert not found.abstained
    assert found.message["tool_calls"] == [{"id": "2"}]
    plain = answer(draw("x", "x"), chosen="x")
    assert plain.tool_calls == ()
    assert plain.message == {"role": "assistant", "content": ""}


def test_of_all_answers_the_first_draw_with_one_carries_the_calls() -> None:
    found = answer(draw("", None), draw("", "b", '[{"id": "2"}]'), chosen=None)
    found = replace(found, answer=(None, "b"))
    assert found.tool_calls == ({"id": "2"},)


def test_an_abstention_of_several_draws_has_no_carrier() -> None:
    found = answer(draw("a", None), draw("b", None), chosen=None)
    assert found.abstained
    assert found.carrier is None


def test_the_text_of_a_made_up_answer_is_the_answer() -> None:
    assert text_of(ChosenAnswer("both", None, 0.0)) == "both"
    assert text_of(ChosenAnswer(None, None, 0.0)) == ""
    assert text_of(ChosenAnswer("a", draw("it is a", "a"), 1.0)) == "it is a"


def test_a_tally_adds_up_and_reads_as_a_sentence() -> None:
    tally = Tally("small", priced=True)
    settled = Receipt(
        "s", "m", "", "settled", 5, 0, 3 * 10**9, prompt_tokens=7, completion_tokens=9
    )
    lost = Receipt("s", "m", "", "refused", 0, 0, 0)
    for receipt in (settled, lost):
        tally.add_receipt(receipt)
    tally.add_answer(answer(draw("a", "a"), chosen="a"))
    usage = tally.usage
    assert (usage.calls, usage.failed, usage.draws, usage.answers) == (2, 1, 5, 1)
    assert (usage.prompt_tokens, usage.completion_tokens) == (7, 9)
    assert usage.cost == pytest.approx(0.003) == cost_of([settled, lost])
    assert "1 answers (0 abstained) of 5 draws in 2 calls (1 failed)" in str(usage)
    assert Tally("x", priced=False).usage.cost is None
