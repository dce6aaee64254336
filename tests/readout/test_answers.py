"""Answers are read out of draws: cut, extracted, and chosen with the draw that carries them."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from tune.completion import Completion, canonical_calls
from tune.readout.answers import (
    ReadDraw,
    answer_in,
    choose_draw,
    read_draws,
)
from tune.readout.reader import Reader
from tune.space import Config
from tune.task.extract import parse_extractor

LABELS = parse_extractor({"labels": ["yes", "no"]})


def draw(text: str, **more: Any) -> Completion:
    return Completion(
        text, more.pop("finish_reason", "stop"), 5, len(text.split()) + 1, **more
    )


def config(**values: Any) -> Config:
    return Config({"model": "m", "prompt": "p", "max_tokens": 50, **values})


def read(*texts: str, **values: Any) -> tuple[ReadDraw, ...]:
    return read_draws([draw(text) for text in texts], config(**values), LABELS)


def test_a_withheld_text_holds_no_answer() -> None:
    assert answer_in(draw("yes", finish_reason="content_filter"), LABELS) is None
    assert answer_in(draw("yes"), LABELS) == "yes"


def test_draws_are_cut_as_the_config_cuts_them() -> None:
    (one,) = read("no END yes", stop=("END",))
    assert (one.text, one.answer) == ("no ", "no")
    assert one.completion.text == "no END yes"


def test_the_text_is_that_of_the_first_draw_that_carries_the_voted_answer() -> None:
    found = choose_draw("vote", read("no way", "it is yes", "yes", "what?", "so yes"))
    assert found.answer == "yes"
    assert found.draw is not None
    assert found.draw.text == "it is yes"
    assert found.agreement == pytest.approx(3 / 5)


@pytest.mark.parametrize("rule", ["vote", "best", "all"])
def test_where_no_draw_holds_an_answer_none_is_chosen(rule: str) -> None:
    found = choose_draw(rule, read("hm", "well"), verifier=len)
    assert (found.answer, found.draw, found.agreement) == (None, None, 0.0)


def test_first_takes_the_first_draw_also_without_an_answer() -> None:
    found = choose_draw("first", read("hm", "yes"))
    assert (found.answer, found.agreement) == (None, 0.0)
    assert found.draw is not None
    assert found.draw.text == "hm"


def test_best_takes_the_answer_that_the_verifier_prefers() -> None:
    found = choose_draw("best", read("yes", "no", "yes"), verifier=lambda a: -len(a))
    assert found.answer == "no"
    assert found.agreement == pytest.approx(1 / 3)


def test_all_gives_every_answer_back() -> None:
    found = choose_draw("all", read("hm", "yes", "no", "yes"))
    assert found.answer == (None, "yes", "no", "yes")
    assert found.agreement == pytest.approx(0.5)
    assert found.draw is not None
    assert found.draw.answer == "yes"


def test_an_answer_that_an_own_aggregate_makes_up_has_no_draw() -> None:
    found = choose_draw(lambda answers: "both", read("yes", "no"))
    assert (found.answer, found.draw, found.agreement) == ("both", None, 0.0)


def call(name: str, arguments: str, number: int = 1) -> str:
    function = {"name": name, "arguments": arguments}
    return json.dumps([{"id": f"call_{number}", "function": function}])


def test_calls_of_tools_are_compared_by_name_and_arguments() -> None:
    one = call("weather", '{"city": "Bern", "days": 2}', 1)
    same = call("weather", '{ "days":2,"city":"Bern" }', 2)
    other = call("weather", '{"city": "Basel", "days": 2}', 3)
    assert canonical_calls(one) == canonical_calls(same) != canonical_calls(other)
    draws = read_draws(
        [draw("", tool_calls=each) for each in (other, one, same)], config(), LABELS
    )
    found = choose_draw("vote", draws)
    assert found.agreement == pytest.approx(2 / 3)
    assert found.draw is not None
    assert found.draw.completion.tool_calls == one


def test_arguments_that_are_no_json_stay_as_they_are() -> None:
    assert "{broken" in canonical_calls(call("f", "{broken"))


@pytest.mark.parametrize("rule", ["first", "vote", "best"])
def test_the_reading_of_a_search_is_the_mean_over_what_the_runtime_chooses(
    rule: str,
) -> None:
    """The runtime on every order of the draws gives the score that a reading expects."""
    texts = ["yes", "no", "yes it is yes", "hm"]
    bought = [draw(text) for text in texts]
    chosen = config(n=3, aggregate=rule, temperature=1.0)

    def score(answer: Any, _position: int) -> float:
        return float(answer == "yes")

    reader = Reader(
        LABELS, score, verifier=lambda answer, _position: -float(len(answer))
    )
    rows = reader.rows({0: bought}, [chosen], {rule: rule})[chosen]
    scores = []
    for order in itertools.permutations(bought, 3):
        made = choose_draw(
            rule,
            read_draws(order, chosen, LABELS),
            verifier=lambda answer: -float(len(answer)),
        )
        scores.append(score(made.answer, 0))
    assert rows.scores[0] == pytest.approx(sum(scores) / len(scores))
