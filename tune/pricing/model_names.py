"""Names of models: the entry of a price list that a name means, exactly or with a date behind it.

A model whose name is merely near to an entry may cost ten times as much, so a near name matches
nothing: the user is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import date
from difflib import get_close_matches

# A version by its day, as providers write it: 2025-04-14, 20250414, 0414 (month and day) or 2504
# (year and month).
_DATED = re.compile(r"(?P<name>.+?)[-@](?P<day>\d{4}-\d{2}-\d{2}|\d{8}|\d{4})$")

# The newest version, or one by its number (gemini-2.0-flash-001).
_NEWEST = re.compile(r"(?P<name>.+)-(?:latest|00\d)$")

# No model that is sold is older.
_FIRST_YEAR = 2020


def match_entry(name: str, entries: Mapping[str, str], today: date) -> str | None:
    """Return the entry that a name surely means, or None.

    Args:
        name: in lower case, without a prefix.
        entries: from every name that the list spells out to its entry.
        today: a version of a later day cannot be.
    """
    if name in entries:
        return entries[name]
    dated = _DATED.match(name)
    if dated and _is_past_day(dated["day"], today):
        return entries.get(dated["name"])
    newest = _NEWEST.match(name)
    if newest:
        return entries.get(newest["name"])
    return None


def nearest_name(name: str, entries: Mapping[str, str]) -> str | None:
    """Return the name among the entries that a name looks most like; None where none is like it."""
    beginnings = [each for each in entries if name.startswith(each)]
    if beginnings:
        # o4-mini-high is most like o4-mini, however long its own ending is.
        return max(beginnings, key=len)
    for close in get_close_matches(name, entries, n=1, cutoff=0.75):
        return close
    return None


def without_prefixes(name: str, prefixes: Iterable[str]) -> list[str]:
    """Return a name as it stands, and without each of these prefixes (a vendor's, or `models`)."""
    plain = name.strip().lower()
    found = [plain]
    for prefix in prefixes:
        shorter = plain.removeprefix(f"{prefix}/")
        if shorter not in found:
            found.append(shorter)
    return found


def finetuned_base(name: str) -> str | None:
    """Return the base model in a fine-tuned model's name; None for other names.

    OpenAI writes such names as `ft:gpt-4.1-2025-04-14:org::id`.
    """
    parts = name.split(":")
    if parts[0] == "ft" and len(parts) > 1:
        return parts[1]
    return None


def _is_past_day(day: str, today: date) -> bool:
    """Tell whether the digits behind a name can be a day that is not in the future."""
    digits = day.replace("-", "")
    if len(digits) == 8:
        return _is_past(digits, today, _full_date)
    # A day without a year cannot be in the future.
    if _is_past(digits, date.max, _month_and_day):
        return True
    return _is_past(digits, today, _year_and_month)


def _full_date(digits: str) -> date:
    year = int(digits[:4])
    month = int(digits[4:6])
    return date(year, month, int(digits[6:]))


def _month_and_day(digits: str) -> date:
    month, day = int(digits[:2]), int(digits[2:])
    # A leap year, so that 29 February is a day.
    return date(2024, month, day)


def _year_and_month(digits: str) -> date:
    year = 2000 + int(digits[:2])
    return date(year, int(digits[2:]), 1)


def _is_past(digits: str, today: date, read: Callable[[str], date]) -> bool:
    """Tell whether digits, read in one way, are a day up to today."""
    with suppress(ValueError):
        return date(_FIRST_YEAR, 1, 1) <= read(digits) <= today
    return False
