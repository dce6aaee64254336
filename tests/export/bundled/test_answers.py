"""An exported file reads answers as the search reads them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.export.bundled import answers
from tune.task.extract import parse_extractor

RULES: list[dict[str, Any]] = [
    {"whole": True},
    {"pattern": r"Answer: (\w+)"},
    {"pattern": r"A: (\w+)|B: (\w+)", "which": "first", "lower": True},
    {"pattern": r"(\w+) is (\w+)", "group": 2},
    {"pattern": r"<think>(.*?)</think>"},
    {"labels": ["good", "very good", "bad"]},
    {"labels": ["1", "1.5", "non-toxic", "toxic"], "which": "first"},
    {"labels": ["a", "b, c"], "which": "all"},
    {"json": "label"},
    {"json": "a.0.b"},
    {"json": ""},
    {"number": True},
    {"code": True},
    {"code": True, "which": "first"},
]

PIECES = [
    "good", "very  good", "bad", "1", "1.5", "-1", "toxic", "non-toxic", "a", "b, c", "B: Yes",
    "A: no", "Answer: Yes", "x is y", "<think>", "</think>", '{"label": " x ", "a": [{"b": 2}]}',
    "{", "}", "$1,234.50", "\n```python\nx = 1\n```\n", "\n```\ny\n", " ", "\n",
]  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=str)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=6))
def test_it_finds_what_the_search_finds(
    rule: dict[str, Any], pieces: list[str]
) -> None:
    text = " ".join(pieces)
    kind = next(kind for kind in rule if hasattr(answers, f"read_{kind}"))
    read = getattr(answers, f"read_{kind}")
    assert read(text, rule) == parse_extractor(rule)(text)


def test_a_function_of_the_user_reads_only_finished_answers() -> None:
    assert answers.read_callable("yes", str.upper) == "YES"
    assert answers.read_callable("<think>yes", str.upper) is None
    assert answers.read_callable("yes", lambda _: "") is None
