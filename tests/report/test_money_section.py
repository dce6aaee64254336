"""Where the money went."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.reports import (
    cells,
    money,
    whole,
)
from tune.report import (
    EstimateRow,
    PriceLine,
    markdown,
)
from tune.report.money_section import estimate_section, money_section, prices_section


def test_money_is_shown_with_what_is_uncertain_and_why_some_is_left() -> None:
    text = markdown(
        whole(
            money=money(
                uncertain=0.03, left_reason="no ceiling of a call fits", overshoot=0.5
            )
        )
    )
    rows = {row[0]: row[1] for row in cells(text) if len(row) == 2}
    assert rows["left"] == "$0.07: no ceiling of a call fits"
    assert rows["of it uncertain"] == "$0.03"
    assert rows["billed above the caps sent"] == "$0.50"
    assert "Read 300 configurations off draws that cost $4.10 at list price" in text
    assert "they would have cost $61.20." in text
    assert "of it is uncertain, charged at the most that it can be" in text
    assert "An endpoint billed $0.50 above the caps" in text


def test_time_takes_the_place_of_money_where_nobody_is_billed() -> None:
    section = money_section(whole(money=money(seconds=75.0)))
    assert section.startswith("## Time")
    assert [row[0] for row in cells(section)[1:]] == [
        "taken",
        "draws bought",
        "draws reused",
    ]
    assert "off draws that cost" not in section


@pytest.mark.parametrize("part", ["readings", "read_cost", "readings_cost"])
def test_what_reading_saved_is_told_only_if_it_is_known(part: str) -> None:
    assert "off draws that cost" in money_section(whole())
    unknown = whole(**{part: 0 if part == "readings" else None})
    assert "off draws that cost" not in money_section(unknown)


def test_a_price_has_its_source_and_the_fee_of_a_request() -> None:
    price = PriceLine("small", 0.1, 0.4, "a list", "", "small-2026", request=0.01)
    section = prices_section(whole(prices=(price,)))
    assert cells(section)[1] == [
        "small",
        "$0.10",
        "$0.40 + $0.01 per request",
        "a list: small-2026",
        "-",
    ]
    assert prices_section(whole(prices=())) == ""


ESTIMATE = EstimateRow("m", "p", 1e-4, 2e-4, 10, 20, 30, 0, 1.5, 3.0)


def test_the_estimate_stands_beside_what_happened() -> None:
    known = replace(ESTIMATE, prompt="q", learned=5, actual=0.0)
    section = estimate_section(whole(estimate=(ESTIMATE, known)))
    assert cells(section)[1:] == [
        ["m, p", "$0.0001 (assumed)", "$0.0002", "0.50", "10 / 20", "30"],
        ["m, q", "$0.0001", "$0", "-", "10 / 20", "30"],
    ]
    assert "at list price" in section
    assert estimate_section(whole()) == ""


def test_the_estimate_is_in_seconds_where_nobody_is_billed() -> None:
    unknown = replace(ESTIMATE, predicted_seconds=None, actual_seconds=None)
    study = whole(estimate=(ESTIMATE, unknown), money=money(seconds=9.0))
    section = estimate_section(study)
    assert [row[1:4] for row in cells(section)[1:]] == [
        ["1.50 s (assumed)", "3.00 s", "0.50"],
        ["unknown", "-", "-"],
    ]
    assert "at list price" not in section
