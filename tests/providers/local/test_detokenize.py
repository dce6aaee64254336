"""Tokens to text: a tokenizer of bytes shows every way in which a token can split a character or a
stop string.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tune.providers.local.detokenize import DecodedText, detokenize, trim_stop

END = 256


def decode(tokens: Sequence[Sequence[int]]) -> list[str]:
    return [
        bytes(t for t in ids if t < END).decode("utf-8", "ignore") for ids in tokens
    ]


def read(text: str, *stops: str, end: bool = False) -> DecodedText:
    return detokenize([*text.encode(), *([END] if end else [])], {END}, stops, decode)


def words(text: str) -> tuple[list[int], dict[int, str]]:
    """Tokens that are words with the space before them."""
    parts = [" " + part if i else part for i, part in enumerate(text.split(" "))]
    return list(range(len(parts))), dict(enumerate(parts))


def read_words(text: str, *stops: str) -> DecodedText:
    ids, vocabulary = words(text)
    return detokenize(
        ids,
        {-1},
        stops,
        lambda tokens: ["".join(vocabulary[t] for t in part) for part in tokens],
    )


def test_nothing_generated_is_an_empty_answer():
    assert read("") == DecodedText("", 0, (), stopped=False)


def test_an_answer_that_only_ends_costs_its_one_token():
    assert read("", end=True) == DecodedText("", 1, (), stopped=True)


def test_an_answer_at_its_cap_is_not_stopped():
    assert read("abc") == DecodedText("abc", 3, (1, 2, 3), stopped=False)


def test_the_token_that_ends_is_counted_and_not_seen():
    assert read("abc", end=True) == DecodedText("abc", 4, (1, 2, 3), stopped=True)


def test_text_ends_before_the_stop_string_whose_tokens_count():
    assert read("yes\nno", "\n") == DecodedText("yes", 4, (1, 2, 3), stopped=True)


def test_a_stop_string_of_several_tokens_is_taken_away_whole():
    assert read("yes###", "###") == DecodedText("yes", 6, (1, 2, 3), stopped=True)


def test_a_stop_string_at_once_leaves_nothing():
    assert read("\nmore", "\n") == DecodedText("", 1, (), stopped=True)


def test_the_first_of_two_stop_strings_counts():
    assert read("a;b\n", "\n", ";") == DecodedText("a", 2, (1,), stopped=True)


def test_of_two_that_are_complete_with_one_token_the_earlier_cuts():
    assert read_words("so ab.c", ".c", "b.") == DecodedText(
        "so a", 2, (2, 4), stopped=True
    )


def test_a_token_that_holds_the_stop_and_text_before_it_is_seen_up_to_the_stop():
    assert read_words("It is good.\nReview: bad", "\n") == DecodedText(
        "It is good.", 3, (2, 5, 11), stopped=True
    )


def test_what_was_generated_after_a_stop_string_is_neither_seen_nor_counted():
    assert read_words("one two stop three four", "stop") == DecodedText(
        "one two ", 3, (3, 7, 8), stopped=True
    )


def test_a_stop_string_that_never_comes_changes_nothing():
    assert read("abc", "xyz", end=True) == read("abc", end=True)


def test_a_character_of_several_tokens_is_seen_with_its_last():
    assert read("é😀!", end=True).token_ends == (0, 1, 1, 1, 1, 2, 3)


def test_half_a_character_at_the_cap_is_no_text():
    assert detokenize(list("a😀".encode())[:3], {END}, (), decode) == DecodedText(
        "a", 3, (1, 1, 1), stopped=False
    )


def test_an_end_in_the_middle_is_a_token_without_text():
    assert detokenize([97, END, 98], {END}, (), decode).token_ends == (1, 1, 2)


def test_decoders_that_write_something_for_half_a_character_give_the_same_ends():
    def replacing(tokens: Sequence[Sequence[int]]) -> list[str]:
        return [bytes(ids).decode("utf-8", "replace") for ids in tokens]

    assert detokenize(list("a😀b".encode()), {END}, (), replacing).token_ends == (
        1,
        1,
        1,
        1,
        2,
        3,
    )


@given(
    st.text(max_size=80),
    st.booleans(),
    st.lists(st.text(min_size=1, max_size=3), max_size=2),
)
def test_invariants_of_every_answer(text: str, end: bool, stops: list[str]):
    answer = read(text, *stops, end=end)
    assert text.startswith(answer.text)
    assert not any(stop in answer.text for stop in stops)
    assert list(answer.token_ends) == sorted(answer.token_ends)
    assert len(answer.token_ends) <= answer.tokens <= len(text.encode()) + end
    assert max(answer.token_ends, default=0) == len(answer.text)
    assert answer.stopped == (end or any(stop in text for stop in stops))


@given(st.text(min_size=1, max_size=200), st.data())
def test_cutting_at_fewer_tokens_is_what_a_smaller_cap_gives(
    text: str, data: st.DataObject
):
    """The reason why the ends are kept: a draw bought at a large cap serves every smaller one."""
    answer = read(text)
    cap = data.draw(st.integers(1, answer.tokens))
    bought = detokenize(list(text.encode())[:cap], {END}, (), decode)
    assert answer.text[: answer.token_ends[cap - 1]] == bought.text


def test_a_stop_string_of_newlines_that_was_taken_away_costs_its_token():
    assert (
        trim_stop(read("yes"), ("\n",))
        == read("yes\n", "\n")
        == DecodedText("yes", 4, (1, 2, 3), stopped=True)
    )
    assert (
        trim_stop(read(""), ("\n",))
        == read("\n", "\n")
        == DecodedText("", 1, (), stopped=True)
    )


def test_what_is_left_of_a_stop_string_whose_space_was_taken_away_goes_too():
    assert trim_stop(read("x\ndef"), ("\ndef ", "\nclass ")) == read(
        "x\ndef ", "\ndef "
    )
    assert trim_stop(read_words("so ab a"), ("b a ", " a\n")) == DecodedText(
        "so a", 4, (2, 4), stopped=True
    )
    assert trim_stop(read("x\ndef"), ("\n\n", "f")).text == "x\ndef"


@given(
    st.text("ab", max_size=6), st.text("abc", max_size=3), st.sampled_from([" ", "\n"])
)
def test_an_unseen_stop_is_read_as_if_it_had_been_seen(
    text: str, bare: str, space: str
):
    if bare not in text and not (text + bare)[:-1].endswith(bare):
        seen = read(text + bare + space, bare + space)
        assert trim_stop(read(text + bare), (bare + space,)) == seen
