"""The fields of a model's entry as users write them: their names and types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tune.errors import InputError
from tune.space.named_values import RESERVED

FIELDS = (
    "name",
    "model",
    "base_url",
    "key_env",
    "price",
    "price_as",
    "alias",
    "requests_per_minute",
    "tokens_per_minute",
    "timeout",
    "headers",
    "query",
    "allow_http",
    "max_output",
    "client",
    "takes",
)
"""The fields that an `Entry` has under the same names."""

READ_FIELDS = (*FIELDS, "extra_body", "api_type", "api_version")
"""The fields that a user may write in an entry."""

LISTED_FIELDS = (
    *READ_FIELDS,
    "api_key",
    "azure_ad_token_provider",
    "azure_deployment",
    "azure_endpoint",
    "organization",
    "project",
)
"""The fields of an entry in a config list. Every other one is a setting of its requests."""

# The type of each field, in words for a user.
_TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "model": ((str,), "a text"),
    "base_url": ((str,), "a text"),
    "key_env": ((str,), "a text"),
    "price_as": ((str,), "a text"),
    "alias": ((str,), "a text"),
    "requests_per_minute": ((int, float), "a number above 0"),
    "tokens_per_minute": ((int, float), "a number above 0"),
    "timeout": ((int, float), "a number above 0"),
    "headers": ((Mapping,), "a table"),
    "query": ((Mapping,), "a table"),
    "extra_body": ((Mapping,), "a table"),
    "allow_http": ((bool,), "true or false"),
}


def check_types(name: str, record: Mapping[str, Any]) -> None:
    """Check the type of each field.

    Raises:
        InputError: a field has another one; its value is not shown, as it may be a key.
    """
    for field_name, value in record.items():
        types, words = _TYPES.get(field_name, ((object,), ""))
        fits = isinstance(value, types)
        if words == "a number above 0":
            # True is an integer in Python, and NaN is above nothing.
            fits = fits and not isinstance(value, bool) and value > 0
        if value is not None and not fits:
            raise InputError(
                f"{field_name} in the entry of model {name!r} is {words}, "
                f"but got {type(value).__name__}"
            )


def check_body(name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Check that extra fields of a request do not decide what a call costs.

    Raises:
        InputError: one does.
    """
    ours = sorted(RESERVED & set(body))
    if ours:
        raise InputError(
            f"extra_body in the entry of model {name!r} has {', '.join(ours)}, which tune sends "
            f"itself: leave it out"
        )
    return dict(body)


def check_max_output(name: str, most: Any) -> None:
    """Check the largest output of a model.

    Raises:
        InputError: it is not a number of tokens.
    """
    if most is None:
        return
    # True and False are integers in Python.
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise InputError(
            f"max_output of model {name!r} is a whole number of tokens from 1 on, but got {most!r}"
        )
