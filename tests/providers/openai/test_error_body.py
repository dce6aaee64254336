"""The words and the codes of error bodies."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tune.providers.openai.error_body import error_codes, error_words

BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "detail", "code", "metadata", "raw"]),
            inner,
            max_size=3,
        )
    ),
)


@given(BODIES)
def test_any_body_has_words_and_codes(body: Any) -> None:
    assert isinstance(error_words(body), str)
    assert isinstance(error_codes(body), str)


def test_the_words_of_a_vendor_behind_a_router_are_read() -> None:
    body = {
        "error": {
            "message": "Provider returned error",
            "metadata": {"raw": '{"error": {"message": "no temperature here"}}'},
        }
    }
    assert error_words(body) == "Provider returned error: no temperature here"


def test_codes_are_gathered_from_inside_too() -> None:
    body = {
        "error": {
            "code": "content_filter",
            "innererror": {"code": "ResponsibleAIPolicyViolation"},
        }
    }
    assert error_codes(body).split() == [
        "content_filter",
        "responsibleaipolicyviolation",
    ]


def test_a_bare_status_and_the_message_beside_it_are_both_words() -> None:
    """docs.nestjs.com, validation; scaleway.com, understanding errors."""
    body = {"statusCode": 400, "message": ["n is too large"], "error": "Bad Request"}
    assert error_words(body) == "Bad Request: n is too large"
    assert error_words({"error": "gone", "message": "gone"}) == "gone"


def test_a_list_of_errors_is_read() -> None:
    """anomalyco/opencode#23773, Cloudflare."""
    body = {
        "result": None,
        "success": False,
        "errors": [{"code": 7003, "message": "Could not route to /x"}],
        "messages": [],
    }
    assert error_words(body) == "Could not route to /x"
