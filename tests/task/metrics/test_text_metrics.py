"""The metrics on text: each against answers whose score is known."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.errors import InputError, MetricError
from tune.task.example import Example
from tune.task.metrics import parse_metric


def example(target: Any = "positive", **metadata: Any) -> Example:
    return Example(
        id="row-3", inputs={"text": "I liked it."}, target=target, metadata=metadata
    )


def value(name: str, answer: str | None, target: Any, **options: Any) -> float:
    return parse_metric(name, **options).score(answer, example(target))


@pytest.mark.parametrize(
    ("answer", "target", "score"),
    [
        ("positive", "positive", 1.0),
        (" Positive\n", "positive", 1.0),
        ("very  GOOD", "Very good", 1.0),
        ("positive.", "positive", 0.0),
        ("b", ["a", "b"], 1.0),
        ("c", ("a", "b"), 0.0),
        ("3", 3, 1.0),
        ("3", 3.0, 1.0),
        ("true", True, 1.0),
        ("STRASSE", "straße", 1.0),
        (None, "positive", 0.0),
    ],
)
def test_exact_match_is_blind_to_case_and_space_and_takes_any_accepted_target(
    answer: str | None, target: Any, score: float
) -> None:
    assert value("exact_match", answer, target) == score


@pytest.mark.parametrize(
    ("answer", "target", "score"),
    [
        ("It is Paris, of course", "paris", 1.0),
        ("New\n York", "new york", 1.0),
        ("London", ["Paris", "Rome"], 0.0),
        ("Rome", ["Paris", "Rome"], 1.0),
        ("in 1984", 1984, 1.0),
    ],
)
def test_contains_looks_for_any_accepted_target_in_the_answer(
    answer: str, target: Any, score: float
) -> None:
    assert value("contains", answer, target) == score


def test_regex_takes_the_target_as_a_pattern() -> None:
    assert value("regex", "order 66", r"order \d+") == 1.0
    assert value("regex", "Order 66", r"order \d+") == 0.0
    assert value("regex", "Order 66", r"order \d+", ignore_case=True) == 1.0
    assert value("regex", "b", ["^a$", "^b$"]) == 1.0
    with pytest.raises(MetricError, match=r"'regex' raised on example 'row-3'"):
        value("regex", "b", "(")


@pytest.mark.parametrize(
    "name", ["exact_match", "contains", "regex", "numeric", "json", "f1", "rouge_l"]
)
@pytest.mark.parametrize("target", [None, [], [None]])
def test_a_metric_that_compares_names_the_example_that_has_no_target(
    name: str, target: Any
) -> None:
    with pytest.raises(MetricError, match="'row-3' has no target"):
        value(name, "answer 1", target)


@pytest.mark.parametrize(
    ("answer", "target", "options", "score"),
    [
        ("so 1,234.5", 1234.5, {}, 1.0),
        ("so 1,234.50 dollars", "$1234.5", {}, 1.0),
        ("first 3, then 4", 3, {}, 0.0),
        ("3.1416", math.pi, {}, 0.0),
        ("3.1416", math.pi, {"relative": 1e-4}, 1.0),
        ("0.001", 0, {"relative": 0.1}, 0.0),
        ("0.001", 0, {"absolute": 0.01}, 1.0),
        ("-5", 5, {}, 0.0),
        ("7", [6, 7], {}, 1.0),
        ("#### 42", "6 times 7\n#### 42", {}, 1.0),
        ("no number", 3, {}, 0.0),
    ],
)
def test_numeric_compares_the_last_number_up_to_a_tolerance(
    answer: str, target: Any, options: dict[str, float], score: float
) -> None:
    assert value("numeric", answer, target, **options) == score


def test_a_target_without_a_number_is_named() -> None:
    with pytest.raises(
        MetricError, match=r"target of example 'row-3' holds no number: 'seven'"
    ):
        value("numeric", "7", "seven")


WANTED = {
    "name": "Ada Lovelace",
    "year": 1815,
    "tags": ["maths", {"deep": True}],
    "died": None,
}


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        (
            '{"name": "ada  lovelace", "year": 1815.0, '
            '"tags": ["maths", {"deep": true}], "died": null}',
            1.0,
        ),
        (
            'Here: {"name": "Ada Lovelace", "year": 1816, "tags": [], "died": null, "more": 1}',
            0.5,
        ),
        ('{"year": "1815"}', 0.0),
        ('{"year": true}', 0.0),
        ('{"tags": ["maths", {"deep": 1}]}', 0.0),
        ("no object", 0.0),
    ],
)
def test_json_is_the_share_of_the_targets_fields_that_are_equal(
    answer: str, score: float
) -> None:
    assert value("json", answer, WANTED) == score


def test_a_json_target_may_be_written_as_text_and_must_have_fields() -> None:
    assert value("json", '{"a": 1}', '{"a": 1, "b": 2}') == 0.5
    assert value("json", '{"a": 1}', [{"a": 2}, {"a": 1}]) == 1.0
    for target in ("not json", "{}", "[1]", 3):
        with pytest.raises(MetricError, match="is not a JSON object with fields"):
            value("json", '{"a": 1}', target)


@pytest.mark.parametrize(
    ("answer", "target", "score"),
    [
        ("The Eiffel Tower!", "eiffel tower", 1.0),
        ("in the Eiffel Tower", "Eiffel Tower", 0.8),
        ("tower tower", "tower", 2 / 3),
        ("Rome", "Paris", 0.0),
        ("Rome", ["Paris", "Rome"], 1.0),
        ("the", "a", 1.0),
        ("the", "Rome", 0.0),
    ],
)
def test_f1_is_that_of_the_words_as_squad_counts_them(
    answer: str, target: Any, score: float
) -> None:
    assert value("f1", answer, target) == pytest.approx(score)


def test_rouge_l_is_the_longest_common_subsequence() -> None:
    # 3 of 4 words in order, of 5 in the target: precision 3/4, recall 3/5.
    assert value(
        "rouge_l", "the cat sat there", "the black cat sat down"
    ) == pytest.approx(2 / (4 / 3 + 5 / 3))
    assert value("rouge_l", "cats", "cat") == 0.0
    assert value("rouge_l", "cats", "cat", stemmer=True) == 1.0
    assert value("rouge_l", "b", ["a", "b"]) == 1.0


def test_without_its_package_rouge_l_is_refused_before_anything_is_bought(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tune.task.metrics import text_metrics as texts

    texts.rouge_scorer.cache_clear()
    monkeypatch.setitem(sys.modules, "rouge_score.rouge_scorer", None)
    with pytest.raises(InputError, match=r'pip install "\.\[rouge\]"'):
        parse_metric("rouge_l")


@given(st.text(max_size=40), st.text(min_size=1, max_size=40))
def test_every_built_in_metric_stays_within_its_bounds(
    answer: str, target: str
) -> None:
    for name in ("exact_match", "contains", "f1", "rouge_l"):
        assert 0.0 <= value(name, answer, target) <= 1.0


@given(st.text(min_size=1, max_size=40))
def test_an_answer_that_is_the_target_scores_full(target: str) -> None:
    for name in ("exact_match", "contains", "f1"):
        assert value(name, target, target) == 1.0
