"""Names of models: which entry of a price list a name means, exactly or with a date behind it.

A name that is merely near to an entry may cost ten times as much, so it matches nothing: the user
is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import date
from difflib import get_close_matches

_DATED = re.compile(r"(?P<name>.+?)[-@](?P<day>\d{4}-\d{2}-\d{2}|\d{8}|\d{4})$")
"""A version by its day, as providers write it: 2025-04-14, 20250414, 0414 (month and day) or 2504
(year and month).
"""

_NEWEST = re.compile(r"(?P<name>.+)-(?:latest|00\d)$")
"""The newest version, or one by its number (gemini-2.0-flash-001)."""

_FIRST_YEAR = 2020
"""No model that is sold is older."""


def match_entry(name: str, entries: Mapping[str, str], today: date) -> str | None:
    """Return the entry that a name means; None where it means none for sure.

    Args:
        name: in lower case, without a prefix.
        entries: from every name that the list spells out to its entry.
        today: a version of a later day cannot be.
    """
    if name in entries:
        return entries[name]
    dated, newest = _DATED.match(name), _NEWEST.match(name)
    if dated and _has_been(dated["day"], today):
        return entries.get(dated["name"])
    return entries.get(newest["name"]) if newest else None


def nearest_name(name: str, entries: Mapping[str, str]) -> str | None:
    """Return the spelled-out name that a name looks most like; None where it is like none."""
    begun = [each for each in entries if name.startswith(each)]
    if begun:
        return max(begun, key=len)
    return next(iter(get_close_matches(name, entries, n=1, cutoff=0.75)), None)


def without_prefixes(name: str, prefixes: Iterable[str]) -> list[str]:
    """Return a name as it stands, and without each of these prefixes (a vendor's, or `models`)."""
    plain = name.strip().lower()
    shorter = [plain.removeprefix(f"{prefix}/") for prefix in prefixes]
    return list(dict.fromkeys([plain, *shorter]))


def finetuned_base(name: str) -> str | None:
    """Return the model that was fine-tuned, from a name as `ft:gpt-4.1-2025-04-14:org::id`;
    None for others.
    """
    parts = name.split(":")
    return parts[1] if parts[0] == "ft" and len(parts) > 1 else None


def _has_been(day: str, today: date) -> bool:
    """Tell whether a day is one, and not in the future."""
    digits = day.replace("-", "")
    if len(digits) == 8:
        return _past(digits, today, lambda d: date(int(d[:4]), int(d[4:6]), int(d[6:])))
    month_first = _past(digits, date.max, lambda d: date(2024, int(d[:2]), int(d[2:])))
    year_first = _past(digits, today, lambda d: date(2000 + int(d[:2]), int(d[2:]), 1))
    return month_first or year_first


def _past(digits: str, today: date, read: Callable[[str], date]) -> bool:
    with suppress(ValueError):
        return date(_FIRST_YEAR, 1, 1) <= read(digits) <= today
    return False
