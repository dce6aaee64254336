"""Text that cannot break out of where it is put, and numbers as people read them."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.support.reports import (
    cells,
    config,
    shown,
    texts,
)
from tune.report.text import (
    count,
    csv_cell,
    describe_config,
    fence,
    inline,
    number,
    table,
    with_limits,
)
from tune.safety.escape import visible
from tune.stats.intervals import Interval


@given(texts)
def test_inline_text_shows_as_it_is_and_formats_nothing(text: str) -> None:
    assert shown(inline(text)) == visible(text).strip()


@given(st.lists(st.lists(texts, min_size=3, max_size=3), min_size=1, max_size=4))
def test_a_cell_cannot_leave_its_place_in_a_table(rows: list[list[str]]) -> None:
    made = table(["a", "b", "c"], [[inline(cell) for cell in row] for row in rows])
    assert cells(made) == [
        ["a", "b", "c"],
        *[[visible(cell).strip() for cell in row] for row in rows],
    ]


@given(texts)
def test_a_list_item_stays_one_item_of_plain_text(text: str) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(f"- {inline(text)}\n- next")
    assert [t.type for t in tokens].count("list_item_open") == 2
    assert not {
        "heading_open",
        "hr",
        "fence",
        "code_block",
        "html_block",
        "table_open",
    } & {t.type for t in tokens}


@given(texts)
def test_a_fence_holds_whatever_is_put_in(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(fence(text, "text") + "\n\nafter")
    assert [t.type for t in tokens] == [
        "fence",
        "paragraph_open",
        "inline",
        "paragraph_close",
    ]
    assert tokens[0].content == visible(text, lines=True) + "\n"


@given(texts)
def test_visible_text_has_no_control_character_and_can_be_written_as_utf8(
    text: str,
) -> None:
    one_line = visible(text)
    one_line.encode("utf-8")
    assert not any(
        ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u2028\u2029\u202e"
        for c in one_line
    )
    assert visible(one_line) == one_line


@given(texts)
def test_a_csv_cell_is_one_line_and_no_formula(text: str) -> None:
    cell = csv_cell(text)
    assert isinstance(cell, str)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([cell, "next"])
    assert list(csv.reader(io.StringIO(out.getvalue()))) == [[cell, "next"]]
    plain_number = (
        cell.lstrip("+-").replace(".", "").replace("e", "").replace("-", "").isdecimal()
    )
    assert plain_number or cell.lstrip()[:1] not in ("=", "+", "-", "@")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "' =1"),
        ("\rx", "' x"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        ("-2.5", "-2.5"),
        ("+1e-3", "+1e-3"),
        ("plain", "plain"),
        (-0.5, -0.5),
        (3, 3),
        (True, "true"),
        (None, ""),
        (math.nan, ""),
    ],
)
def test_only_plain_numbers_may_begin_like_a_formula(value: Any, written: Any) -> None:
    assert csv_cell(value) == written


def test_a_long_text_is_cut_in_a_cell() -> None:
    assert len(inline("x" * 5000)) == 300
    assert inline("x" * 5000).endswith("…")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.71234, "0.712"),
        (-0.0001, "0.000"),
        (83.456, "83.46"),
        (12345.6, "12,346"),
        (-math.inf, "no limit"),
    ],
)
def test_scores_of_any_scale_stay_short(value: float, written: str) -> None:
    assert number(value) == written


def test_an_interval_that_is_not_known_is_a_dash() -> None:
    assert with_limits(None) == "-"
    assert with_limits(Interval(0.5, 0.4, 0.6, 9)) == "0.500 (0.400 to 0.600)"
    assert (count(1, "draw"), count(1204, "draw")) == ("1 draw", "1,204 draws")


def test_a_config_is_described_on_one_line() -> None:
    said = describe_config(
        config(n=3, aggregate="vote", stop=("\n", "END"), top_p=0.95, stream=False)
    )
    assert said == (
        "small, prompt few, stream false, temperature 0.2, top_p 0.95, n 3 by vote, max_tokens 16, "
        'stop ["\\n", "END"]'
    )
    assert "by first" not in describe_config(config())
