"""Reports of studies that went well, badly, or not at all; and of studies full of hostile text."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import tune.report as report_package
from tests.support.reports import (
    BASELINE,
    EMPTY,
    WINNER,
    cells,
    config,
    money,
    provenance,
    texts,
    whole,
)
from tune.report import (
    PriceLine,
    PromptText,
    Report,
    TrialRow,
    answer,
    best_json,
    markdown,
    result_json,
    summary_lines,
    trials_csv,
)
from tune.space import Point


def test_the_report_opens_with_three_sentences_and_a_table() -> None:
    paragraphs = markdown(whole()).split("\n\n")
    assert paragraphs[0] == "# reviews: best quality"
    assert (
        "scores 0.790 on 120 holdout examples (95 % interval 0.720 to 0.860)"
        in paragraphs[1]
    )
    assert "better than the baseline" in paragraphs[1]
    assert (
        "majority class (positive) would score 0.520, which the winner's whole interval clears"
        in paragraphs[1]
    )
    assert paragraphs[2].startswith("| configuration |")
    assert len(answer(whole())) == 3


def test_every_config_has_its_quality_cost_times_and_difference_in_markdown_json_and_terminal() -> (
    None
):
    study = whole(
        baseline=replace(
            BASELINE, cost=WINNER.cost, seconds_median=0.1, seconds_p95=0.2
        )
    )
    rows = {row[0]: row for row in cells(markdown(study).split("\n\n")[2])}
    assert rows["runner-up 1"][1:5] == [
        "-",
        "0.800 (0.700 to 0.900)",
        "0.500 (0.400 to 0.600) (tuning)",
        "better (tuning)",
    ]
    assert all(rows[name][6] != "-" for name in ("winner", "baseline", "runner-up 1"))
    assert "- runner-up 1: small, prompt few, temperature 0.4" in markdown(study)
    lines = {line.split("  ")[0]: line for line in summary_lines(study)}
    assert "0.790 (0.720 to 0.860)  120 holdout" in lines["winner"]
    assert lines["winner"].endswith(
        "0.20 s / 0.51 s           0.550 (0.450 to 0.640) better"
    )
    assert lines["baseline"].endswith("-")
    assert "0.800 (0.700 to 0.900)  60 tuning" in lines["runner-up 1"]
    assert lines["runner-up 1"].endswith("0.500 (0.400 to 0.600) better")
    for record in (best_json(study), result_json(study, results="r")):
        (other,) = record["runners_up"]
        assert other["tuning_difference"] == {
            "mean": 0.5,
            "low": 0.4,
            "high": 0.6,
            "examples": 60,
            "verdict": "better",
        }
        assert other["seconds"] == {"median": 0.3, "p95": 0.6}
        assert other["cost_per_request"] == {
            "mean": 0.0002,
            "low": 0.0001,
            "high": 0.0003,
        }
        assert record["baseline"]["seconds"] == {"median": 0.1, "p95": 0.2}
        assert (record["detectable"], record["confidence"]) == (0.12, 0.95)


def test_nothing_scored_is_said_in_words_everywhere() -> None:
    assert "Nothing was scored" in answer(EMPTY)[0]
    assert "baseline" in answer(EMPTY)[1]
    assert "Spent $0 of $5.00" in answer(EMPTY)[2]
    assert "## How to use it" not in markdown(EMPTY)
    assert trials_csv(EMPTY).splitlines() == [
        ",".join(csv.reader([trials_csv(EMPTY)]).__next__())
    ]
    assert best_json(EMPTY)["config"] is None
    assert result_json(EMPTY, results="r")["best"] is None


@settings(max_examples=60)
@given(
    st.sets(
        st.sampled_from(
            sorted(set(Report.__dataclass_fields__) - {"money", "provenance"})
        )
    )
)
def test_any_part_may_be_missing(missing: set[str]) -> None:
    defaults = {name: getattr(EMPTY, name) for name in missing}
    study = whole(**defaults)
    assert markdown(study).startswith("# reviews")
    assert all(summary_lines(study))
    json.dumps(best_json(study), allow_nan=False)
    json.dumps(result_json(study, results="r"), allow_nan=False)
    assert list(csv.reader(io.StringIO(trials_csv(study))))


@pytest.mark.parametrize(
    "part", ["tuning", "holdout", "cost", "seconds_median", "trial"]
)
def test_any_number_of_the_winner_may_be_missing(part: str) -> None:
    study = whole(winner=replace(WINNER, **{part: None}))
    assert "nan" not in markdown(study)
    assert "None" not in markdown(study)
    assert "None" not in "".join(summary_lines(study))


@settings(max_examples=50)
@given(texts, texts, texts)
def test_hostile_text_anywhere_leaves_the_report_with_the_shape_of_a_harmless_one(
    a: str, b: str, c: str
) -> None:
    def study(x: str, y: str, z: str) -> Report:
        evil = config(model=x or "m", prompt=y or "p", stop=(z or "z",), effort=z)
        row = TrialRow(
            1,
            Point({"model": x or "m", "prompt": y or "p"}),
            "stopped",
            z,
            best=evil,
            quality=WINNER.tuning,
        )
        return whole(
            winner=replace(WINNER, config=evil, name=y or "winner"),
            frontier=(replace(WINNER, config=evil),),
            trials=(row,),
            notices=(x or "x", y or "y", z or "z", x + "1", y + "2", z + "3"),
            stopped=z or "z",
            majority_class=x or "x",
            deployable_note=y or "y",
            template=PromptText(x or "t", y, None),
            answer=z or "z",
            prices=(PriceLine(x, 1, 2, y, z),),
            provenance=provenance(
                data=x or "d",
                metric=y or "m",
                goal=z or "g",
                commit=x or "c",
                command=y or "c",
            ),
            money=money(left_reason=z or "r"),
        )

    def shape(text: str) -> list[str]:
        parsed = MarkdownIt("commonmark").enable("table").parse(text)
        return [
            t.type
            for t in parsed
            if t.type not in ("inline", "list_item_open", "list_item_close")
        ]

    def blocks(text: str) -> list[str]:
        kinds = (
            "heading_open",
            "table_open",
            "tr_open",
            "td_open",
            "th_open",
            "fence",
            "html_block",
            "hr",
        )
        return [kind for kind in shape(text) if kind in kinds]

    evil, harmless = markdown(study(a, b, c)), markdown(study("x", "y", "z"))
    assert blocks(evil) == blocks(harmless)
    evil.encode("utf-8")
    assert "\x1b" not in "".join(summary_lines(study(a, b, c)))
    rows = list(csv.reader(io.StringIO(trials_csv(study(a, b, c)))))
    assert len(rows) == 2
    assert len(rows[0]) == len(rows[1])


def test_every_public_name_is_there_and_sorted() -> None:
    assert report_package.__all__ == sorted(report_package.__all__)
    assert all(hasattr(report_package, name) for name in report_package.__all__)


def test_one_screen_stands_open_and_the_details_are_folded() -> None:
    text = markdown(whole())
    open_part, folded = text.split("<details>", 1)
    assert len(open_part.splitlines()) <= 40
    assert "## " not in open_part
    headings = re.findall(r"^## (.+)$", folded, re.MULTILINE)
    # Each heading stands in the line that opens its section.
    assert re.findall(r"^<summary>(.+)</summary>$", text, re.MULTILINE) == headings
    assert text.count("<details>") == text.count("</details>") == len(headings)
    # Without the blank line, GitHub would show the Markdown inside as it is written.
    assert text.count("</summary>\n\n## ") == len(headings)
