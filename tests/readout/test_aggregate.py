"""The choice among n answers at run time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.errors import MetricError, SpaceError
from tune.readout.aggregate import (
    AGGREGATES,
    DEPLOYABLE,
    best,
    blind,
    choose,
    deployable,
    first,
    parse_aggregate,
    tied_votes,
    vote,
)
from tune.task.example import Example

ANSWERS = st.lists(st.sampled_from(["a", "b", "c", None]), max_size=9)
EXAMPLE = Example(
    id="7", inputs={"text": "good"}, target="positive", metadata={"stars": 5}
)


def longest(answers: Sequence[str | None]) -> str | None:
    return max((a for a in answers if a is not None), key=len, default=None)


def wrong(answers: Sequence[str | None]) -> int:
    return len(answers)


def broken(answers: Sequence[str | None]) -> str:
    raise ZeroDivisionError("no")


def test_first_is_the_answer_drawn_first_also_where_it_is_none() -> None:
    assert choose("first", ["a", "b"]) == "a"
    assert choose("first", [None, "b"]) is None
    assert first([]) is None


@pytest.mark.parametrize(
    ("answers", "chosen"),
    [
        (["a", "b", "b"], "b"),
        (["a", "b"], "a"),
        (["b", "a", "a", "b"], "b"),
        (["c", "b", "a", "a", "b"], "b"),
        ([None, None, None, "a"], "a"),
        ([None, "b", "a", None], "b"),
        ([None, None], None),
        ([], None),
        (["A", "a", "a"], "a"),
    ],
)
def test_a_vote_goes_to_the_most_frequent_answer_and_ties_to_the_one_drawn_first(
    answers: list[str | None], chosen: str | None
) -> None:
    assert choose("vote", answers) == chosen
    assert vote(answers) == chosen


def test_the_answers_of_a_tie_are_all_named_in_the_order_drawn() -> None:
    assert tied_votes(["b", None, "a", "c", "a", "b", None]) == ["b", "a"]
    assert tied_votes([None]) == tied_votes([]) == []


@given(ANSWERS)
def test_nobody_has_more_votes_than_the_winner_and_nobody_with_as_many_was_drawn_earlier(
    answers: list[str | None],
) -> None:
    winner = vote(answers)
    votes = Counter(a for a in answers if a is not None)
    if winner is None:
        assert not votes
        return
    assert votes[winner] == max(votes.values())
    before = answers[: answers.index(winner)]
    assert all(votes[a] < votes[winner] for a in before if a is not None)


@given(ANSWERS)
def test_abstaining_changes_no_vote(answers: list[str | None]) -> None:
    assert vote(answers) == vote([a for a in answers if a is not None])


def test_best_takes_the_largest_verdict_and_ties_go_to_the_one_drawn_first() -> None:
    verdicts = {"a": 1.0, "b": 2.0, "c": 2.0}
    assert choose("best", ["a", "b", "c"], verifier=verdicts.__getitem__) == "b"
    assert choose("best", ["a", "c", "b"], verifier=verdicts.__getitem__) == "c"
    assert choose("best", [None, "a"], verifier=verdicts.__getitem__) == "a"


def test_a_verifier_is_never_asked_about_no_answer() -> None:
    def refuse(answer: str) -> float:
        raise AssertionError(answer)

    assert best([None, None], refuse) is None
    assert best([], refuse) is None


def test_best_needs_a_verifier() -> None:
    with pytest.raises(SpaceError, match="needs a verifier"):
        choose("best", ["a"])


def test_any_is_the_oracle_and_is_never_deployed() -> None:
    scores = {"a": 0.0, "b": 1.0}
    with pytest.raises(SpaceError, match="knows the target"):
        choose("any", ["a", "b"], verifier=scores.__getitem__)
    with pytest.raises(SpaceError, match="every answer"):
        choose("all", ["a", "b"])
    assert set(AGGREGATES) - {"any"} == DEPLOYABLE
    assert [
        deployable(name)
        for name in ("first", "vote", "best", "any", "mine:choice", "unheard")
    ] == [
        True,
        True,
        True,
        False,
        True,
        False,
    ]


def test_a_choice_of_the_users_own_is_taken_as_it_is_or_by_its_name() -> None:
    assert choose(longest, ["a", "bbb", None, "cc"]) == "bbb"
    assert choose(f"{__name__}:longest", ["a", "bbb"]) == "bbb"
    assert parse_aggregate(f"{__name__}:longest") is longest
    assert choose(longest, [None]) is None


def test_a_choice_that_raises_or_gives_no_answer_is_named() -> None:
    with pytest.raises(
        MetricError,
        match=r"the aggregate 'broken' raised on \['a'\]: ZeroDivisionError: no",
    ):
        choose(broken, ["a"])
    with pytest.raises(MetricError, match=r"gives one answer or None, but got 1"):
        choose(wrong, ["a"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["voting", "", "no.such.module:x", f"{__name__}:missing"]
)
def test_an_unknown_choice_is_refused(name: str) -> None:
    with pytest.raises(SpaceError):
        parse_aggregate(name)


def test_what_is_no_callable_is_refused() -> None:
    with pytest.raises(SpaceError, match="callable from answers"):
        parse_aggregate(3)  # type: ignore[arg-type]
    with pytest.raises(SpaceError, match="callable from answers"):
        parse_aggregate(f"{__name__}:EXAMPLE")


def test_a_blind_verifier_sees_everything_but_the_target() -> None:
    seen: list[tuple[str, Example]] = []

    def verify(answer: str, example: Example) -> float:
        seen.append((answer, example))
        return len(answer)

    verdict = blind(verify, EXAMPLE)
    assert verdict("abc") == 3.0
    assert choose("best", ["a", "abc", "xyz"], verifier=verdict) == "abc"
    answer, example = seen[0]
    assert answer == "abc"
    assert example.target is None
    assert (example.id, example.inputs, example.metadata) == (
        EXAMPLE.id,
        EXAMPLE.inputs,
        EXAMPLE.metadata,
    )


def test_a_verifier_that_raises_or_gives_no_number_names_the_example() -> None:
    def raises(answer: str, example: Example) -> float:
        return {"right": 1.0}[answer]

    with pytest.raises(MetricError, match=r"example '7': KeyError: 'wrong'") as raised:
        blind(raises, EXAMPLE)("wrong")
    assert isinstance(raised.value.__cause__, KeyError)
    with pytest.raises(MetricError, match="must give a number, but gave nan"):
        blind(lambda _answer, _example: float("nan"), EXAMPLE)("a")
