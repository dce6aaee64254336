"""The lines that end a run in a terminal."""

from __future__ import annotations

from dataclasses import replace
from html import escape

from tests.support.reports import (
    EMPTY,
    RUNNER_UP,
    cells,
    money,
    whole,
)
from tune.report import (
    markdown,
    summary_html,
    summary_lines,
)
from tune.report.headline import detectable_sentence


def test_a_terminal_has_the_first_runners_up_and_the_report_all() -> None:
    study = whole(
        runners_up=tuple(
            replace(RUNNER_UP, name=f"runner-up {place}") for place in range(1, 6)
        )
    )
    assert [
        line.split("  ")[0]
        for line in summary_lines(study)
        if line.startswith("runner-up")
    ] == [
        "runner-up 1",
        "runner-up 2",
    ]
    assert (
        sum(
            row[0].startswith("runner-up")
            for row in cells(markdown(study).split("\n\n")[2])
        )
        == 5
    )


def test_a_terminal_has_no_table_where_nothing_was_found() -> None:
    assert not any("cost per request" in line for line in summary_lines(EMPTY))


def test_the_money_is_said_once_where_no_majority_class_is_known() -> None:
    study = whole(majority_score=None, majority_class="")
    assert " ".join(summary_lines(study)).count("Spent $") == 1
    assert summary_html(study).count("Spent $") == 1


def test_what_an_earlier_process_spent_is_told_apart() -> None:
    assert (
        "Spent $4.93 of $5.00 ($0 now)"
        in summary_lines(whole(money=money(spent_now=0.0)))[-2]
    )
    assert "now" not in summary_lines(whole())[-2]


def test_notional_prices_are_called_notional_wherever_the_money_is_summed_up() -> None:
    study = whole(money=money(notional=True))
    assert "notional" in markdown(study)
    assert any("notional (nobody is billed)" in line for line in summary_lines(study))
    assert "notional" not in markdown(whole())


def test_a_narrow_terminal_has_a_table_of_fewer_columns_and_no_broken_lines() -> None:
    for width in (50, 60, 80, 120):
        lines = summary_lines(whole(), width)
        (header,) = (line for line in lines if "score (95 %)" in line)
        table = lines[lines.index(header) :][:3]
        assert max(map(len, table)) <= width
        assert any(line.startswith("winner") for line in table)


def test_a_narrow_table_marks_the_scores_on_tuning_examples() -> None:
    study = whole()
    lines = summary_lines(study, 80)
    marked = [line for line in lines if ")*" in line]
    assert marked
    assert all(line.startswith("runner-up") for line in marked)
    assert "* on tuning examples, which flatter" in lines
    alone = summary_lines(replace(study, runners_up=()), 80)
    assert not any("*" in line for line in alone)


def test_a_notebook_is_told_every_sentence_that_a_terminal_is_told() -> None:
    study = whole(deployable_note="An agent cannot use the winner.")
    html = summary_html(study)
    table = [line for line in summary_lines(study) if "  " in line]
    for line in summary_lines(study):
        assert line in table or f"<p>{escape(line)}</p>" in html
    assert "An agent cannot use the winner." in html
    assert detectable_sentence(study) in html


def test_a_narrow_table_uses_short_words() -> None:
    study = whole()
    assert study.baseline is not None
    assumed = replace(study.baseline, name="baseline (assumed)")
    lines = summary_lines(replace(study, baseline=assumed), 60)
    (line,) = (line for line in lines if line.startswith("assumed "))
    assert "0.240 (0.170, 0.330)" in line
