"""Whose fault an unanswered example is: the service's, the model's, or the input's."""

from __future__ import annotations

import pytest

from tune.errors import RequestRefused, TransientError
from tune.study.fault import Blame


def lost(charged: bool = True) -> TransientError:
    return TransientError("500 again", charged=charged)


def test_an_input_that_fails_while_others_pass_is_unanswerable() -> None:
    blame = Blame()
    blame.answered["m"] = 9
    blame.note("m", 3, lost())
    assert list(blame.unanswerable()) == [("m", 3, "500 again")]


@pytest.mark.parametrize(("answered", "failed"), [(0, 1), (4, 5)])
def test_where_nothing_passes_or_most_fail_it_is_the_service(
    answered: int, failed: int
) -> None:
    blame = Blame()
    blame.answered["m"] = answered
    for position in range(failed):
        blame.note("m", position, lost())
    assert list(blame.unanswerable()) == []


def test_half_of_the_examples_may_be_unanswerable() -> None:
    blame = Blame()
    blame.answered["m"] = 4
    for position in range(4):
        blame.note("m", position, lost())
    assert len(list(blame.unanswerable())) == 4


def test_a_service_that_was_not_reached_says_nothing_about_the_input() -> None:
    blame = Blame()
    blame.answered["m"] = 9
    blame.note("m", 3, lost())
    blame.note("m", 3, lost(charged=False))
    assert list(blame.unanswerable()) == []


def test_a_model_that_only_refuses_never_answered() -> None:
    blame = Blame()
    blame.note("m", 0, RequestRefused("no such thing"))
    blame.note("n", 0, RequestRefused("no such thing"))
    blame.answered["n"] = 1
    assert list(blame.never_answered()) == ["m"]
