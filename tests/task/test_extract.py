"""Answer rules: what each takes out of a text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.errors import SpaceError
from tune.task.extract import extractor_identity, parse_extractor
from tune.task.text_parts import whole_text


def shout(text: str) -> str | None:
    return text.upper() if text else None


def numb(text: str) -> Any:
    return len(text)


def broken(text: str) -> str:
    raise KeyError(text)


def answer(spec: Any, text: str) -> str | None:
    return parse_extractor(spec)(text)


def test_without_a_specification_the_answer_is_the_text_without_the_space_around_it() -> (
    None
):
    assert answer(None, "  positive\n") == "positive"
    assert answer(None, "two words ") == "two words"


@pytest.mark.parametrize("text", ["", " ", "\n\t "])
def test_a_text_of_space_holds_no_answer(text: str) -> None:
    assert answer(None, text) is None
    assert whole_text(text) is None


@given(st.text())
def test_whatever_the_text_an_answer_is_never_empty(text: str) -> None:
    specs: list[Any] = [
        None,
        {"pattern": "a*"},
        {"labels": ["a", "b"]},
        {"json": "a"},
        {"json": ""},
        {"number": True},
    ]
    for spec in specs:
        found = answer(spec, text)
        assert found is None or found.strip()


def test_a_pattern_takes_the_last_match_unless_told_otherwise() -> None:
    spec = {"pattern": r"Answer: (\w+)"}
    text = "Answer: maybe. On reflection, Answer: yes"
    assert answer(spec, text) == "yes"
    assert answer({**spec, "which": "first"}, text) == "maybe"
    assert answer(spec, "no such thing") is None


def test_a_pattern_without_groups_gives_the_whole_match() -> None:
    assert answer({"pattern": r"\d+"}, "12 and 34") == "34"


def test_a_pattern_gives_the_first_group_that_took_part() -> None:
    spec = {"pattern": r"Answer: (\w+)|so it is (\w+)"}
    assert answer(spec, "so it is blue") == "blue"
    assert answer(spec, "Answer: red") == "red"
    assert answer({"pattern": "(yes)|no"}, "no") == "no"


def test_a_group_can_be_named_by_its_number() -> None:
    spec = {"pattern": r"(\w+) = (\w+)", "group": 2}
    assert answer(spec, "x = y") == "y"
    assert answer({**spec, "group": 0}, "x = y") == "x = y"
    assert answer({"pattern": "(a)|b", "group": 1}, "b") is None


def test_a_pattern_can_lower_the_case_so_that_votes_meet() -> None:
    assert answer({"pattern": r"\w+", "lower": True}, "POSITIVE") == "positive"


def test_the_pattern_of_the_manual_finds_a_bare_word_and_a_marked_one() -> None:
    spec = {"pattern": "(?:Answer:)?\\s*(\\w+)\\s*$"}
    assert answer(spec, "I think so.\nAnswer: negative \n") == "negative"
    assert answer(spec, "negative") == "negative"


def test_what_a_pattern_matched_loses_the_space_around_it_and_may_be_nothing() -> None:
    assert answer({"pattern": "Answer:(.*)"}, "Answer:  x  ") == "x"
    assert answer({"pattern": "Answer:(.*)"}, "Answer:   ") is None


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"pattern": "("}, "no regular expression"),
        ({"pattern": 3}, "no regular expression"),
        ({"pattern": "(a)", "group": 2}, "has 1 groups"),
        ({"pattern": "(a)", "group": "x"}, "has 1 groups"),
        ({"pattern": "a", "which": "middle"}, "which"),
        ({"pattern": "a", "flags": "i"}, "flags"),
        ({"pattern": "a", "labels": ["b"]}, "exactly one of"),
        ({}, "exactly one of"),
        ({"labels": ["b"], "lower": True}, "lower"),
        ({"labels": "positive"}, "list of names"),
        ({"labels": []}, "list of names"),
        ({"labels": ["a", " "]}, "not empty"),
        ({"labels": ["Yes", "yes"]}, "differ in more than case"),
        ({"json": 3}, "path of a field"),
        ({"number": False}, "number is true"),
        (17, "17"),
        ("no colon", "module:attribute"),
        ("no.such.module:x", "no.such.module:x"),
        ("tune.task.extract:no_such", "no_such"),
    ],
)
def test_a_specification_that_cannot_be_is_refused_with_a_sentence(
    spec: Any, said: str
) -> None:
    with pytest.raises(SpaceError, match=r"^answer: ") as refused:
        parse_extractor(spec)
    assert said in str(refused.value)


SENTIMENT = {"labels": ["Positive", "negative", "very positive"]}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("POSITIVE!", "Positive"),
        ("It is negative, no: positive.", "Positive"),
        ("very  Positive", "very positive"),
        ("**negative**", "negative"),
        ("nonpositive", None),
        ("non-positive", None),
        ("positively", None),
        ("positive-ish", None),
        ("- positive", "Positive"),
        ("'positive'", "Positive"),
        ("", None),
    ],
)
def test_a_label_stands_by_itself_and_comes_back_as_it_is_listed(
    text: str, found: str | None
) -> None:
    assert answer(SENTIMENT, text) == found


def test_the_first_label_is_taken_where_asked_for() -> None:
    assert (
        answer({**SENTIMENT, "which": "first"}, "negative, or rather positive")
        == "negative"
    )


def test_labels_may_hold_signs_that_mean_something_in_a_pattern() -> None:
    spec = {"labels": ["C++", "C", "a.b"]}
    assert answer(spec, "Use C++") == "C++"
    assert answer(spec, "Use C.") == "C"
    assert answer(spec, "axb") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [("4", "4"), ("4.5", None), ("3.4", None), ("-4", None), ("14", None)],
)
def test_a_digit_as_a_label_is_no_part_of_another_number(
    text: str, found: str | None
) -> None:
    assert answer({"labels": ["3", "4"]}, text) == found


def test_a_digit_at_the_end_of_a_sentence_is_a_label() -> None:
    assert answer({"labels": ["3", "4"]}, "I give it a 4.") == "4"
    assert answer({"labels": ["3", "4"]}, "4, at most") == "4"


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("label", 'Sure: {"label": " yes "} or {"label": "no"}', "yes"),
        ("result.label", '{"result": {"label": "yes"}}', "yes"),
        ("items.1", '{"items": ["a", "b"]}', "b"),
        ("items.2", '{"items": ["a", "b"]}', None),
        ("n", '{"n": 3}', "3"),
        ("n", '{"n": 3.5}', "3.5"),
        ("ok", '{"ok": true}', "true"),
        ("ok", '{"ok": null}', None),
        ("ok", '{"ok": ""}', None),
        ("all", '{"all": {"b": 1, "a": "\u00e9"}}', '{"a": "\u00e9", "b": 1}'),
        ("", '{"b": 1, "a": 2}', '{"a": 2, "b": 1}'),
        ("label", '```json\n{"label": "yes"}\n```', "yes"),
        ("label", '{broken {"label": "yes"}', "yes"),
        ("label", '{"label": "yes"', None),
        ("label.deeper", '{"label": "yes"}', None),
        ("label", "[1, 2]", None),
        ("label", "no JSON", None),
    ],
)
def test_a_field_of_the_first_object_is_found_by_its_path(
    path: str, text: str, found: str | None
) -> None:
    assert answer({"json": path}, text) == found


def test_a_callable_and_its_name_find_the_same() -> None:
    assert answer(shout, "yes") == "YES"
    assert answer(f"{__name__}:shout", "yes") == "YES"
    assert answer(lambda text: text[::-1], "abc") == "cba"
    assert answer(shout, "") is None


def test_a_callable_that_gives_no_text_is_named() -> None:
    with pytest.raises(SpaceError, match=r"numb must return a text or None, but got 3"):
        answer(numb, "abc")


def test_a_callable_that_raises_is_named_with_the_cause_chained() -> None:
    with pytest.raises(SpaceError, match=r"broken raised on 'abc': KeyError") as raised:
        answer(broken, "abc")
    assert isinstance(raised.value.__cause__, KeyError)


def test_each_prompt_may_have_its_own_way() -> None:
    spec = {"by": {"short": None, "reasoned": {"pattern": r"Answer: (\w+)"}}}
    text = "Because. Answer: yes"
    assert parse_extractor(spec, prompt="short")(text) == text
    assert parse_extractor(spec, prompt="reasoned")(text) == "yes"
    with pytest.raises(SpaceError, match="'long' is not among"):
        parse_extractor(spec, prompt="long")
    with pytest.raises(SpaceError, match="no prompt was named"):
        parse_extractor(spec)
    with pytest.raises(SpaceError, match="stands alone"):
        parse_extractor({**spec, "lower": True}, prompt="short")


def test_a_bad_way_of_one_prompt_is_found_without_naming_it() -> None:
    with pytest.raises(SpaceError, match="no regular expression"):
        parse_extractor({"by": {"short": {"pattern": "("}}})


def test_the_name_of_a_specification_changes_with_it_and_with_nothing_else() -> None:
    specs: list[Any] = [
        None,
        {"number": True},
        {"json": "a"},
        {"pattern": "a"},
        {"pattern": "a", "which": "first"},
        {"pattern": "Answer:yes"},
        shout,
        numb,
        {"by": {"short": shout}},
        {"by": {"short": numb}},
    ]
    names = [extractor_identity(spec) for spec in specs]
    assert len(set(names)) == len(names)
    assert names == [extractor_identity(spec) for spec in specs]
    assert extractor_identity({"which": "first", "pattern": "a"}) == names[4]
    assert extractor_identity(f"{__name__}:shout") == extractor_identity(shout)


LABELS = {"labels": ["billing", "feature"]}


def test_an_unended_thought_is_no_answer_to_the_users_own_callable_either() -> None:
    assert parse_extractor(lambda text: text.upper())("<think> billing") is None
    assert (
        parse_extractor(lambda text: text.upper())("<think> a </think> b")
        == "<THINK> A </THINK> B"
    )


@pytest.mark.parametrize(
    "text",
    [
        "<think>billing or feature? feature</think>\n\nbilling",
        # the server put the opening mark into the prompt
        "billing or feature? feature</think>\nbilling",
        "<think>a</think><think>feature</think> billing",
    ],
)
@pytest.mark.parametrize(
    "spec", [None, {**LABELS, "which": "first"}, {"pattern": r"^\s*(\w+)\s*$"}]
)
def test_a_thought_that_is_ended_is_no_part_of_the_answer(text: str, spec: Any) -> None:
    assert parse_extractor(spec)(text) == "billing"


def test_a_pattern_that_names_the_marks_reads_them_itself() -> None:
    assert (
        parse_extractor({"pattern": r"</think>\s*(\w+)"})("<think>a</think> billing")
        == "billing"
    )


def test_all_labels_are_given_in_the_order_listed() -> None:
    every = parse_extractor({**LABELS, "which": "all"})
    assert every('["feature", "billing"]') == "billing, feature"
    assert every("Feature.") == "feature"
    assert every("neither") is None
