"""Names that services give their calls, and the bills that they tell by those names."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tune.providers.openai.bill_lookup import bill_url, name_call, read_bill

URL = "https://host/api/v1"


@pytest.mark.parametrize(
    ("headers", "body", "name", "asked"),
    [
        (
            {"x-generation-id": "gen-1"},
            {"error": {"code": 500}},
            "generation:gen-1",
            f"{URL}/generation?id=gen-1",
        ),
        (
            {},
            {"id": "gen-2", "error": {"code": 502}},
            "generation:gen-2",
            f"{URL}/generation?id=gen-2",
        ),
        (
            {},
            '{"id": "gen-3", "choices": [{"mess',
            "generation:gen-3",
            f"{URL}/generation?id=gen-3",
        ),
        (
            {"x-litellm-call-id": "c"},
            '{"id":"chatcmpl-4","cho',
            "spend:chatcmpl-4",
            "https://host/api/spend/logs?request_id=chatcmpl-4",
        ),
        (
            {"x-litellm-call-id": "c-5"},
            "<html>",
            "spend:c-5",
            "https://host/api/spend/logs?request_id=c-5",
        ),
        ({"x-request-id": "req_6"}, {"error": {}}, "call:req_6", None),
        ({"x-generation-id": "gen-7&id=other/../x"}, None, "", None),
        ({}, {"id": 8}, "", None),
        ({}, None, "", None),
    ],
)
def test_a_call_has_the_name_by_which_its_bill_is_found(
    headers: dict[str, str], body: object, name: str, asked: str | None
) -> None:
    assert name_call(headers, body) == name
    assert bill_url(URL, name) == asked


@pytest.mark.parametrize(
    ("call", "body", "picodollars"),
    [
        (
            "generation:g",
            {"data": {"total_cost": 0.0012, "is_byok": False}},
            1_200_000_000,
        ),
        ("generation:g", {"data": {"total_cost": 0.0}}, 0),
        (
            "generation:g",
            {
                "data": {
                    "total_cost": 1e-5,
                    "is_byok": True,
                    "upstream_inference_cost": 2e-4,
                }
            },
            210_000_000,
        ),
        ("generation:g", {"data": {"total_cost": 1e-5, "is_byok": True}}, None),
        ("generation:g", {"data": {"total_cost": "0.1"}}, None),
        ("generation:g", {"data": {"total_cost": -1.0}}, None),
        ("generation:g", {"data": {"total_cost": math.nan}}, None),
        ("generation:g", {"data": {"total_cost": True}}, None),
        ("generation:g", ["data"], None),
        ("generation:g", "<html>", None),
        (
            "spend:s",
            [{"spend": 0.001, "total_tokens": 9}, {"spend": 0.002, "total_tokens": 9}],
            3_000_000_000,
        ),
        ("spend:s", [{"spend": 0.0, "total_tokens": 0}], 0),
        (
            "spend:s",
            [{"spend": 0.0, "total_tokens": 31}],
            None,
        ),  # the proxy knows no price of the model
        ("spend:s", [{"spend": 0.001}, "row"], None),
        ("spend:s", [], None),
        ("spend:s", {"error": "no database"}, None),
    ],
)
def test_a_bill_is_read_only_where_it_is_told(
    call: str, body: Any, picodollars: int | None
) -> None:
    assert read_bill(call, body) == picodollars
