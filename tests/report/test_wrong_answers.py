"""Why answers are wrong, and what to do about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.reports import BASELINE, EMPTY, WINNER, cells, whole
from tune.readout.outcomes import KINDS, Outcomes
from tune.report import Report, SearchAnswers
from tune.report.wrong_answers import (
    HEADER,
    NAMES,
    wrong_record,
    wrong_section,
    wrong_sentences,
)


def study(bought: SearchAnswers | None = None, **winner: int) -> Report:
    row = replace(WINNER, outcomes=Outcomes(**{"answers": 100, **winner}))
    return whole(winner=row, bought=bought or SearchAnswers())


def test_every_kind_has_a_name_and_a_column() -> None:
    assert set(NAMES) == set(KINDS)
    assert len(HEADER) == len(KINDS)


def test_a_kind_is_told_only_if_it_is_frequent() -> None:
    assert wrong_sentences(study(wrong=5, cut=5)) == []
    assert wrong_sentences(study(wrong=6)) == [
        "Of the winner's 100 answers to holdout examples, 6 (6%) are wrong."
    ]


def test_advice_is_given_once_for_each_kind() -> None:
    (said,) = wrong_sentences(study(wrong=20, cut=12, refused=7))
    assert said == (
        "Of the winner's 100 answers to holdout examples, 20 (20%) are wrong, 12 (12%) are cut at "
        "max_tokens, 7 (7%) are refused by a content filter: raise max_tokens, or ask for shorter "
        "answers; the metric's worst score stands for them: leave such rows out, or change the "
        "filter or the model."
    )


def test_wrong_answers_of_the_search_are_no_news_but_lost_ones_are() -> None:
    wrong = SearchAnswers(Outcomes(answers=100, wrong=50))
    assert wrong_sentences(study(wrong)) == []
    lost = SearchAnswers(Outcomes(answers=100, cut=50), {"cut": 0.4})
    (said,) = wrong_sentences(study(lost))
    assert said.startswith(
        "Of the 100 answers that the search bought or reused, 50 (50%, with 40% of the money) are "
        "cut at max_tokens"
    )


@pytest.mark.parametrize(
    ("bought", "advice"),
    [
        (SearchAnswers(hidden=True, cap=64), "(at most 64 were allowed)"),
        (SearchAnswers(), "look at the stop strings and at the prompt"),
    ],
)
def test_empty_texts_have_advice_by_their_cause(
    bought: SearchAnswers, advice: str
) -> None:
    (said,) = wrong_sentences(study(bought, empty=10))
    assert advice in said


def test_the_table_has_a_row_for_each_configuration_with_answers() -> None:
    report = study(SearchAnswers(Outcomes(answers=1000, wrong=250)), wrong=20)
    rows = cells(wrong_section(report))
    assert rows[0] == ["configuration", "examples", "answers", *HEADER]
    assert rows[1][:4] == ["winner", "holdout", "100", "20 (20%)"]
    assert rows[2][:4] == ["all answers of the search", "tuning", "1,000", "250 (25%)"]
    tuning = replace(WINNER, holdout=None, outcomes=Outcomes(answers=10))
    assert cells(wrong_section(whole(winner=tuning)))[1][1] == "tuning"
    assert wrong_section(EMPTY) == ""


def test_programs_get_the_counts_of_winner_baseline_and_search() -> None:
    baseline = replace(BASELINE, outcomes=Outcomes(answers=10, failed=1))
    record: dict[str, Any] = wrong_record(replace(study(wrong=6), baseline=baseline))
    assert record["best"]["wrong"] == 6
    assert record["baseline"]["failed"] == 1
    assert record["bought"]["answers"] == 0
    assert record["said"] == wrong_sentences(study(wrong=6))
    assert wrong_record(EMPTY)["best"] is None
