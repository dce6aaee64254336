"""Seconds that a service asks a caller to wait, from its headers and its error body."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that an answer asks us to wait: Retry-After in milliseconds, seconds or as a date,
    else the reset of a limit that is used up.
    """
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        if (seconds := _number(headers.get(name))) is not None:
            return seconds * unit
    if "retry-after" in headers:
        try:
            then = parsedate_to_datetime(headers["retry-after"])
        except ValueError:
            return None
        then = then if then.tzinfo else then.replace(tzinfo=UTC)
        return max(0.0, (then - (now or datetime.now(UTC))).total_seconds())
    waits = [
        _duration(headers.get(f"x-ratelimit-reset-{kind}", ""))
        for kind in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{kind}") == "0"
    ]
    return max((wait for wait in waits if wait is not None), default=None)


def retry_delay(body: object, depth: int = 6) -> float | None:
    """Return the seconds that an error body asks us to wait, or None where it does not.

    Google puts a RetryInfo with `retryDelay` ("34074.82s") among the details; others say it in
    words.
    """
    if depth and isinstance(body, Mapping):
        own = [
            _delay(body[name])
            for name in ("retryDelay", "retry_delay", "retry_after")
            if name in body
        ]
        return longest_wait(*own, *(retry_delay(value, depth - 1) for value in body.values()))
    if depth and isinstance(body, list):
        return longest_wait(*(retry_delay(value, depth - 1) for value in body[:100]))
    if isinstance(body, str) and (found := _AGAIN.search(body[:10_000])):
        return _duration(found[1].replace(" ", ""))
    return None


_AGAIN = re.compile(
    r"(?:try again|retry)(?: again)? (?:in|after) ((?:\d+(?:\.\d+)? ?(?:ms|h|m|s)(?![a-z]) ?)+)",
    re.IGNORECASE,
)


def _delay(value: object) -> float | None:
    """Return the seconds of a delay: a number, "12.5s" or {"seconds": 12}."""
    if isinstance(value, Mapping):
        value = value.get("seconds")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    return (
        _duration(value) if isinstance(value, str) and not _is_plain(value) else _number(str(value))
    )


def _is_plain(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()


def longest_wait(*waits: float | None) -> float | None:
    """Return the longest of the waits that are known, in seconds; None where none is."""
    return max((wait for wait in waits if wait is not None), default=None)


def _number(text: str | None) -> float | None:
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3}


def _duration(text: str) -> float | None:
    """Seconds of a duration like `6m0s` or `20ms`."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", text)
    if not parts or "".join(n + u for n, u in parts) != text:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
