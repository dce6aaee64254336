"""What a draw would have been at a smaller cap or with further stop strings."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tune.completion import Completion
from tune.readout.truncate import cut


def said(
    pieces: Sequence[str],
    *,
    reason: str = "stop",
    known: bool = True,
    reasoning: int = 0,
    ended: bool = True,
) -> Completion:
    """A draw of these visible tokens; one that stopped by itself has a token more, which ended it."""
    ends = tuple(itertools.accumulate(len(piece) for piece in pieces))
    return Completion(
        text="".join(pieces),
        finish_reason=reason,
        prompt_tokens=10,
        completion_tokens=len(pieces) + reasoning + (reason == "stop" and ended),
        reasoning_tokens=reasoning,
        token_ends=ends if known else None,
    )


WORDS = [
    "The",
    " quick",
    " brown",
    " fox",
    " jum",
    "ps",
    ".",
    " Then",
    " it",
    " sleeps",
]
PIECES = st.lists(st.text("ab \n.", min_size=1, max_size=4), min_size=1, max_size=12)


def fresh(pieces: Sequence[str], cap: int, stop: Sequence[str]) -> tuple[str, int, str]:
    """The same tokens said again, one by one, by an endpoint that has this cap and these stop
    strings.
    """
    text = ""
    for number, piece in enumerate([*pieces, ""], start=1):
        text += piece
        places = [(text.find(s) + len(s), text.find(s)) for s in stop if s in text]
        if places:
            return text[: min(places)[1]], number, "stop"
        if number > len(pieces):
            return text, number, "stop"
        if number == cap:
            return text, number, "length"
    raise AssertionError


@given(
    PIECES,
    st.integers(1, 14),
    st.lists(st.text("ab \n.", min_size=1, max_size=3), max_size=2),
)
def test_with_known_token_boundaries_a_cut_draw_is_what_a_fresh_run_would_have_said(
    pieces: list[str], cap: int, stop: list[str]
) -> None:
    found = cut(said(pieces), cap, stop)
    assert found.exact
    assert (found.text, found.tokens, found.finish_reason) == fresh(pieces, cap, stop)


def test_a_draw_that_fits_is_left_as_it_is() -> None:
    draw = said(WORDS, known=False)
    for cap in (11, 12, 1000):
        assert cut(draw, cap) == (draw.text, 11, "stop", True)
    capped = said(WORDS, reason="length", known=False)
    assert cut(capped, 10) == (capped.text, 10, "length", True)


def test_a_longer_draw_is_cut_at_its_tokens_and_finishes_with_length() -> None:
    assert cut(said(WORDS), 5) == ("The quick brown fox jum", 5, "length", True)
    assert cut(said(WORDS), 1) == ("The", 1, "length", True)


def test_a_cut_of_nothing_but_the_ending_token_leaves_the_text_whole() -> None:
    assert cut(said(WORDS), 10) == ("".join(WORDS), 10, "length", True)


def test_boundaries_that_count_the_ending_token_or_reach_behind_a_stop_string_are_no_trouble() -> (
    None
):
    draw = Completion("ab", "stop", 1, 3, token_ends=(1, 2, 2))
    assert cut(draw, 2) == ("ab", 2, "length", True)
    stopped = Completion("ab", "stop", 1, 3, token_ends=(1, 2, 4))
    assert cut(stopped, 2) == ("ab", 2, "length", True)
    assert cut(stopped, 1) == ("a", 1, "length", True)


# --- without token boundaries


@given(PIECES, st.integers(1, 14))
def test_an_estimated_cut_is_marked_bills_the_cap_and_keeps_the_beginning(
    pieces: list[str], cap: int
) -> None:
    draw = said(pieces, known=False)
    found = cut(draw, cap)
    assert draw.text.startswith(found.text)
    assert found.tokens == min(cap, draw.completion_tokens)
    assert found.exact == (cap >= draw.completion_tokens)


@given(PIECES)
def test_estimated_cuts_grow_with_the_cap(pieces: list[str]) -> None:
    draw = said(pieces, known=False)
    lengths = [len(cut(draw, cap).text) for cap in range(1, draw.completion_tokens + 1)]
    assert lengths == sorted(lengths)


def test_an_estimated_cut_ends_with_a_word_where_one_ends_nearby() -> None:
    draw = said([" word"] * 20, known=False)
    for cap in range(1, 20):
        assert cut(draw, cap).text == " word" * cap
    numbered = said(["one", ",", " two", ",", " three", ",", " four"], known=False)
    assert {
        cut(numbered, cap).text.strip(", ").rpartition(" ")[2] for cap in range(2, 8)
    } <= {
        "one",
        "two",
        "three",
        "four",
    }


def test_a_text_without_words_is_cut_in_proportion() -> None:
    draw = said(["\u6f22\u5b57"] * 10, known=False)
    assert cut(draw, 5).text == "\u6f22\u5b57" * 5


# --- stop strings


def test_a_stop_string_ends_the_text_before_it_and_its_tokens_are_billed() -> None:
    draw = said(["Yes", ".", "\n", "\n", "Because", " so"])
    assert cut(draw, 100, ("\n\n",)) == ("Yes.", 4, "stop", True)
    assert cut(draw, 100, ("\n",)) == ("Yes.", 3, "stop", True)
    assert cut(draw, 100, ("because",)) == (draw.text, 7, "stop", True)
    assert cut(draw, 100, ("",)) == (draw.text, 7, "stop", True)


def test_a_stop_string_inside_a_token_is_billed_with_the_whole_token() -> None:
    assert cut(said(["Yes", ".\n\nBe", "cause"]), 100, ("\n",)) == (
        "Yes.",
        2,
        "stop",
        True,
    )


def test_of_several_stop_strings_the_one_complete_first_counts_and_of_equal_ends_the_longest() -> (
    None
):
    draw = said(["a", "b", "c", "d"])
    assert cut(draw, 100, ("bcd", "c")).text == "ab"
    assert cut(draw, 100, ("c", "bc")).text == "a"
    assert cut(draw, 100, ("d", "b")).text == "a"


def test_the_cap_comes_before_a_stop_string_that_it_does_not_reach() -> None:
    draw = said(["a", "b", "\n", "c"])
    assert cut(draw, 2, ("\n",)) == ("ab", 2, "length", True)
    assert cut(draw, 3, ("\n",)) == ("ab", 3, "stop", True)
    assert cut(said(["a", "\n", "\n"]), 2, ("\n\n",)) == ("a\n", 2, "length", True)


def test_without_boundaries_a_stop_string_cuts_the_text_exactly_and_estimates_the_tokens() -> (
    None
):
    draw = said([" word"] * 9 + ["\n"], known=False)
    found = cut(draw, 100, (" word word\n",))
    assert found.text == " word" * 7
    assert found.tokens == 10
    assert not found.exact
    assert cut(draw, 100, ("none",)).exact


# --- hidden reasoning


def test_hidden_reasoning_is_never_cut() -> None:
    draw = said(["Yes"], reasoning=50)
    assert cut(draw, 20) == (
        "Yes",
        52,
        "stop",
        False,
    )  # a service that does not heed its cap sends such
    assert cut(draw, 52) == ("Yes", 52, "stop", True)


def test_a_stop_string_after_hidden_reasoning_is_billed_with_it() -> None:
    draw = said(["Yes", "\n", "and", " more"], reasoning=50)
    assert cut(draw, 100, ("\n",)) == ("Yes", 52, "stop", True)
    guessed = said(["Yes", "\n", "and", " more"], reasoning=50, known=False)
    assert 51 <= cut(guessed, 100, ("\n",)).tokens <= 54


def test_an_empty_text_is_no_trouble() -> None:
    draw = Completion("", "length", 5, 3)
    assert cut(draw, 2) == ("", 2, "length", False)
    assert cut(draw, 3, ("a",)) == ("", 3, "length", True)
    assert cut(Completion("", "content_filter", 5, 0), 3, ("a",)) == (
        "",
        0,
        "content_filter",
        True,
    )
