"""The fields of an entry: their types, and what a request must not get by the way."""

from __future__ import annotations

from typing import Any

import pytest

from tune.errors import InputError
from tune.providers.entry_fields import check_body, check_max_output, check_types


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", 5),
        ("key_env", ["A"]),
        ("alias", {}),
        ("price_as", 1),
        ("requests_per_minute", "60"),
        ("tokens_per_minute", 0),
        ("timeout", True),
        ("headers", "a: b"),
        ("query", []),
        ("extra_body", "x"),
        ("allow_http", "yes"),
    ],
)
def test_a_wrong_type_is_told_without_the_value(field: str, value: Any) -> None:
    with pytest.raises(
        InputError, match=f"{field} in the entry of model 'm' is "
    ) as caught:
        check_types("m", {field: value})
    assert str(caught.value).endswith(f"but got {type(value).__name__}")


def test_what_fits_or_is_left_out_passes() -> None:
    check_types(
        "m", {"base_url": "http://h/v1", "timeout": 3, "headers": {}, "alias": None}
    )


@pytest.mark.parametrize(
    "name", ["n", "max_tokens", "stream", "num_predict", "messages"]
)
def test_an_extra_field_decides_nothing_that_a_call_costs(name: str) -> None:
    with pytest.raises(InputError, match=name):
        check_body("m", {name: 9})
    assert check_body("m", {"provider": {"sort": "price"}}) == {
        "provider": {"sort": "price"}
    }


def test_the_largest_output_is_a_number_of_tokens() -> None:
    check_max_output("m", 8)
    with pytest.raises(InputError, match="whole number"):
        check_max_output("m", True)
