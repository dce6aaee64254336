"""Prompts of which a server read only a part, by the tokens that it counted."""

from __future__ import annotations

import pytest

from tune.completion import Message, Request
from tune.providers.cut_prompts import explain_cut


def request(text: str) -> Request:
    return Request("s", "m", (Message("system", "Be brief."), Message("user", text)), 8)


def test_fewer_tokens_than_most_words_show_a_cut() -> None:
    said = explain_cut(request("word " * 998), 500)
    assert said == "a prompt of 1,000 words (4,999 bytes) was counted as 500 tokens"
    assert explain_cut(request("word " * 998), 800) == ""


def test_a_text_without_spaces_is_measured_by_its_bytes() -> None:
    assert "(12,009 bytes)" in explain_cut(request("語" * 4000), 900)
    assert explain_cut(request("語" * 4000), 1001) == ""


@pytest.mark.parametrize("counted", [0, 3])
def test_an_uncounted_or_whole_prompt_is_not_cut(counted: int) -> None:
    assert explain_cut(Request("s", "m", "one two three", 8), counted) == ""
