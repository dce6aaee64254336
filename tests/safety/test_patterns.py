"""A user's pattern ends in time, whatever the model says."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.errors import InputError, SpaceError
from tune.safety.patterns import MOST_SLOW, Pattern
from tune.task.example import Example
from tune.task.extract import parse_extractor
from tune.task.metrics import Judge, parse_metric

SLOW = r"(\w+\s?)+$"
PLAIN = string.printable + "äß中"
"""In a few other alphabets the two disagree on which characters are letters."""

ENDLESS = "a" * 5000 + "!"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tune.safety.patterns.SECONDS", 0.02)


def test_a_text_that_a_pattern_is_not_done_with_holds_no_answer() -> None:
    for which in ("first", "last"):
        find = parse_extractor({"pattern": SLOW, "which": which})
        assert find(ENDLESS) is None
        assert find("the answer is yes") == "yes"


def test_a_pattern_that_gives_up_too_often_is_named() -> None:
    pattern = Pattern(SLOW, "answer")
    for _ in range(MOST_SLOW):
        assert pattern.last(ENDLESS) is None
    with pytest.raises(SpaceError, match=r"the pattern .*was still at work.*texts"):
        pattern.last(ENDLESS)


def test_many_matches_together_have_no_more_time_than_one() -> None:
    pattern = Pattern(r"(?:a|a)*b|\n", "answer")
    assert pattern.last(("a" * 12 + "\n") * 100_000) is None


def test_patterns_of_data_and_of_judges_end_in_time_too() -> None:
    row = Example("1", {"text": "?"}, SLOW, {})
    metric = parse_metric("regex")
    assert metric.score(ENDLESS, row) == 0.0
    judge = Judge(model="m", pattern=r"(?:\d+\s?)+score (\d)")
    assert judge.read("1" * 5000) is None
    assert judge.read("12 score 1") == 1.0


@pytest.mark.parametrize("pattern", ["(", "*", "(?P<a>", 3, None, "(" * 5000])
def test_what_is_no_pattern_is_refused(pattern: object) -> None:
    with pytest.raises(InputError, match="regular expression"):
        parse_extractor({"pattern": pattern})


@given(
    st.sampled_from(
        [
            r"(\w+)",
            r"Answer: (.*)",
            r"^\s*(\d)|(\w)\s*$",
            r"[A-D]",
            r"(?i)label:\s*(\w+)",
        ]
    ),
    st.text(PLAIN),
)
def test_it_finds_what_pythons_own_expressions_find(source: str, text: str) -> None:
    found = [match.group() for match in re.finditer(source, text)]
    first, last = (
        Pattern(source, "answer").first(text),
        Pattern(source, "answer").last(text),
    )
    assert (first and first.group()) == (found[0] if found else None)
    assert (last and last.group()) == (found[-1] if found else None)
