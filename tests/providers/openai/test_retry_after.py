"""The seconds that a service asks us to wait, in every form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tune.errors import QuotaExhausted, RateLimited
from tune.providers.openai.errors import error_of_response
from tune.providers.openai.retry_after import longest_wait, retry_after, retry_delay

WHO = "model 'm' at http://h/v1"


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"error": {"details": [{"retryDelay": "3.5s"}]}}, 3.5),
        ({"error": {"retry_delay": {"seconds": 9}}}, 9.0),
        ({"error": {"message": "Please retry in 41.2s."}}, 41.2),
        ({"error": {"message": "Please try again in 6m0s."}}, 360.0),
        ({"error": {"message": "Please try again in 20ms."}}, 0.02),
        (
            {"error": {"message": "Please retry after 26 seconds. Please go here"}},
            26.0,
        ),
        ({"error": {"message": "Please wait 42 seconds before retrying."}}, 42.0),
        (
            {"error": {"message": "wait about 1 minute and 5 seconds, then retry"}},
            65.0,
        ),
        ({"error": {"message": "Please wait a moment before trying again."}}, None),
        ({"error": {"message": "You may retry 3 models"}}, None),
        ({"error": {"message": "Please try again later"}}, None),
        (
            {
                "error": {
                    "details": [
                        {"retryDelay": True},
                        {"retryDelay": "soon"},
                        {"retryDelay": -3},
                    ]
                }
            },
            None,
        ),
        (None, None),
    ],
)
def test_the_wait_that_is_asked_for_stands_in_the_body_too(
    body: object, seconds: float | None
) -> None:
    assert retry_delay(body) == seconds
    error = error_of_response(429, {}, body, who=WHO)
    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        # github/copilot-cli#2696
        ("Sorry, you've hit a rate limit. Please try again in 58 hours.", 208800.0),
        # microsoft/vscode-copilot-release#3519
        ("Please wait 10 hours 58 minutes before trying again.", 39480.0),
        # vanderschaarlab/climb#1
        ("Please retry after 86400 seconds. Please go here", 86400.0),
        ("Please try again in 2 days, 3 hours and 5 min.", 183900.0),
    ],
)
def test_a_wait_of_hours_in_words_is_that_of_a_used_up_quota(
    words: str, seconds: float
) -> None:
    error = error_of_response(429, {}, {"error": {"message": words}}, who=WHO)
    assert isinstance(error, QuotaExhausted)
    assert error.wait == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "6m0s",
            },
            360.0,
        ),
        (
            {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"},
            0.02,
        ),
        (
            {"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "20s"},
            None,
        ),
        (
            {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "soon"},
            None,
        ),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_the_wish_to_wait_is_read_in_every_form(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers) == seconds


def test_a_date_to_wait_for_becomes_seconds() -> None:
    now = datetime(2026, 11, 22, 8, tzinfo=UTC)
    later = format_datetime(now + timedelta(seconds=90), usegmt=True)
    assert retry_after({"retry-after": later}, now) == 90.0
    assert retry_after({"retry-after": later}, now + timedelta(hours=1)) == 0.0


def test_the_longest_known_wait_counts() -> None:
    assert longest_wait(1.0, None, 3.0) == 3.0
    assert longest_wait(None) is None
    assert longest_wait() is None


def test_a_wait_is_looked_for_a_few_levels_deep_only() -> None:
    deep: object = {"retryDelay": "5s"}
    for _ in range(10):
        deep = {"error": deep}
    assert retry_delay(deep) is None
    assert retry_delay([[{"retryDelay": "5s"}]]) == 5.0
