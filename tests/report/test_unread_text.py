"""Sentences about answers that are not read rightly."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.reports import whole
from tune.report import Sample, Unread, answer
from tune.report.unread_text import (
    unread_headline,
    unread_sentence,
    unread_sentences,
)

SEEN = Unread("short", answers=20, worst=19, extracted=18, empty=0, standing=3)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "they are wrong. The task may be too hard"),
        ({"misread": True}, "the target stands in 3 of the texts"),
        ({"misread": True, "extracted": 2}, "finds an answer in 2 of them"),
        ({"misread": True, "empty": 15}, "as 15 texts are empty. Raise max_tokens"),
        ({"rule": '{"last": 1}'}, 'The answer rule that fits is {"last": 1} ('),
        (
            {"rule": '{"last": 1}', "rule_score": 0.8},
            "with which these same answers score 0.800",
        ),
    ],
)
def test_the_remedy_depends_on_what_was_seen(
    changes: dict[str, object], said: str
) -> None:
    found = unread_sentence(replace(SEEN, **changes))  # type: ignore[arg-type]
    assert found.startswith("Prompt 'short': 19 of 20 answers score the worst value")
    assert said in found


@pytest.mark.parametrize(
    ("text", "read", "said"),
    [
        ("no", "no", '"no", where "yes" is wanted (example 7)'),
        ("I say no", "no", '"I say no", read as "no", where'),
        ("hm", "", '"hm", read as nothing, where'),
        ("", "", 'an empty text, where "yes"'),
    ],
)
def test_a_sample_shows_the_text_and_what_was_read_in_it(
    text: str, read: str, said: str
) -> None:
    one = replace(SEEN, samples=(Sample("7", text, read, "yes"),))
    (sentence,) = unread_sentences(whole(unread=(one,)))
    assert f"Answers beside their targets: {said}" in sentence


def test_a_run_that_stopped_names_the_prompts_that_are_misread_and_shows_one() -> None:
    samples = (Sample("7", "no", "no", "yes"),)
    misread = replace(SEEN, prompt="long", misread=True, samples=samples)
    other = replace(misread, prompt="third")
    report = whole(unread=(SEEN, misread, other), unread_stop=True)
    first, named, shown = unread_headline(report)
    assert "they are not read rightly" in first
    assert "'long'" in named
    assert "'third'" in named
    assert "'short'" not in named
    assert shown.count("Answers beside their targets") == 1
    assert answer(report)[:3] == (first, named, shown)
