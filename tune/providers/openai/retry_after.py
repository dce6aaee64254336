"""The seconds that a service asks us to wait, from its headers and its error body."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# An error body may be large or deep: only so many levels, items of each list and characters of each
# text are searched for a wait.
_MOST_DEPTH = 6
_MOST_ITEMS = 100
_MOST_CHARACTERS = 10_000

# A number with its unit.
_PART = re.compile(
    r"(\d+(?:\.\d+)?) ?(milliseconds?|ms|days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)"
    r"(?![a-z])",
    re.IGNORECASE,
)
# The seconds of a unit by its first letter; milliseconds are told apart from minutes.
_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}

# "Please try again in 6m0s", "retry after 20 s", "Please retry after 86400 seconds",
# "Please wait 10 hours 58 minutes before trying again"
_AGAIN = re.compile(
    r"(?:(?:try|trying) again|retry|wait)(?: again)? (?:(?:in|after|for|about) )*"
    rf"((?:{_PART.pattern}(?:,? (?:and )?)?)+)",
    re.IGNORECASE,
)


def retry_after(
    headers: Mapping[str, str], now: datetime | None = None
) -> float | None:
    """Return the seconds that the headers of a response ask us to wait, or None.

    They are in Retry-After, in milliseconds, seconds or as a date (RFC 9110), else the reset of a
    limit that is used up.
    """
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        seconds = _number(headers.get(name))
        if seconds is not None:
            return seconds * unit
    if "retry-after" in headers:
        return _until(headers["retry-after"], now or datetime.now(UTC))
    waits: list[float | None] = []
    for kind in ("requests", "tokens"):
        if headers.get(f"x-ratelimit-remaining-{kind}") == "0":
            waits.append(_duration(headers.get(f"x-ratelimit-reset-{kind}", "")))
    return longest_wait(*waits)


def _until(text: str, now: datetime) -> float | None:
    """Return the seconds until an HTTP date; None where the text is not a date."""
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return None
    # A date that ends in -0000 says that its zone is not known.
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (then - now).total_seconds())


def retry_delay(body: object, depth: int = _MOST_DEPTH) -> float | None:
    """Return the seconds that an error body asks us to wait, or None where it does not.

    Google puts a RetryInfo with `retryDelay` ("34074.82s") among the details; others say it in
    words.
    """
    if isinstance(body, str):
        found = _AGAIN.search(body[:_MOST_CHARACTERS])
        return _sum_of_parts(found[1]) if found else None
    if not depth:
        return None
    waits: list[float | None] = []
    if isinstance(body, Mapping):
        for name in ("retryDelay", "retry_delay", "retry_after"):
            if name in body:
                waits.append(_delay(body[name]))
        inner = list(body.values())
    elif isinstance(body, list):
        inner = body[:_MOST_ITEMS]
    else:
        return None
    for value in inner:
        waits.append(retry_delay(value, depth - 1))
    return longest_wait(*waits)


def longest_wait(*waits: float | None) -> float | None:
    """Return the longest of the waits that are known, in seconds; None where none is."""
    known = [wait for wait in waits if wait is not None]
    return max(known, default=None)


def _delay(value: object) -> float | None:
    """Return the seconds of a delay: a number, "12.5s" or {"seconds": 12}."""
    if isinstance(value, Mapping):
        value = value.get("seconds")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and not value.replace(".", "", 1).isdecimal():
        return _duration(value)
    return _number(str(value))


def _number(text: str | None) -> float | None:
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None


def _duration(text: str) -> float | None:
    """Return the seconds of a duration like `6m0s` or `20ms`; None for any other text."""
    # Text between the parts is not a duration.
    if not text or _PART.sub("", text):
        return None
    return _sum_of_parts(text)


def _sum_of_parts(text: str) -> float:
    """Return the seconds of all numbers with units in a text."""
    seconds = 0.0
    for number, name in _PART.findall(text):
        unit = name.lower()
        thousandths = unit == "ms" or unit.startswith("milli")
        scale = 1e-3 if thousandths else _UNITS[unit[0]]
        seconds += float(number) * scale
    return seconds
