"""Columns that default prompts must not show, and names that templates can use.

Prompts that tune makes itself are filled with every column that is left. A column that tells the
answer would make the best score worthless, and a row's number or somebody's address teaches a model
nothing. Both are left out and named, and come back when the user names the inputs.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tune.errors import DataError
from tune.task.example import builtin_value, canonical_json, to_text
from tune.task.sources import Table

LEAST_ROWS = 10
"""With fewer rows any column may fit the target by chance."""

NEARLY_ALL = 0.98
"""The share of the rows in which a column must tell the target."""

ABOUT_AS_MANY = 1.5
"""A column that tells the target has at most so many times as many distinct values as it."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_HASH = re.compile(r"(?=\w*\d)(?=\w*[a-fA-F])[0-9a-fA-F]{16,}")
_NUMBERED = re.compile(r"([A-Za-z]+[-_#/]?|#)\d{2,}")
_TOKEN = re.compile(r"(?=\S*\d)\S{1,64}|\d+")
_ID_WORDS = ("id", "ids", "idx", "index", "uuid", "guid")


def template_names(columns: Sequence[str]) -> dict[str, str]:
    """Names that templates can use for the columns whose own names are none: "Customer Message" as
    Customer_Message.
    """
    found: dict[str, str] = {}
    for name in columns:
        if name.isidentifier():
            continue
        usable = "".join(character if f"a{character}".isidentifier() else " " for character in name)
        base = "_".join(usable.split()).strip("_")
        if not base:
            continue
        base = base if base.isidentifier() else f"c_{base}"
        alias, count = base, 2
        while alias in columns or alias in found.values():
            alias, count = f"{base}_{count}", count + 1
        found[name] = alias
    return found


def excluded_columns(table: Table, inputs: Sequence[str], target: str | None) -> dict[str, str]:
    """Return the columns that default prompts do not show, each with the reason in words.

    Args:
        table: the rows.
        inputs: the columns that would be shown. One of them at least stays.
        target: the column of wanted answers, or None.
    """
    wanted = None if target is None else [_fold(row.get(target)) for row in table.rows]
    found: dict[str, str] = {}
    for name in inputs:
        cells = [builtin_value(row.get(name)) for row in table.rows]
        reason = _tells_target(cells, wanted, target) or _identifies(name, cells)
        if reason:
            found[name] = reason
    return found if len(found) < len(inputs) else {}


def _fold(cell: Any) -> str:
    value = builtin_value(cell)
    if value is None:
        return ""
    try:
        return " ".join(to_text(value).casefold().split())
    except DataError:
        return canonical_json(value)


def _tells_target(cells: Sequence[Any], wanted: Sequence[str] | None, target: str | None) -> str:
    """Say how a column tells the target; "" where it does not."""
    if wanted is None or len(cells) < LEAST_ROWS:
        return ""
    pairs = [
        (folded, want)
        for cell, want in zip(cells, wanted, strict=True)
        if (folded := _fold(cell)) and want
    ]
    if len(pairs) < NEARLY_ALL * len(cells):
        return ""
    with_target: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for folded, want in pairs:
        with_target[folded][want] += 1
    told = sum(max(counts.values()) for counts in with_target.values())
    distinct = len({want for _, want in pairs})
    are_labels = 2 <= distinct <= len(pairs) / 2
    if (
        are_labels
        and len(with_target) <= ABOUT_AS_MANY * distinct
        and told >= NEARLY_ALL * len(pairs)
    ):
        folded, want = pairs[0]
        return f"it stands one-to-one with the target {target!r} ({folded!r} with {want!r})"
    ends = sum(bool(re.search(rf"(?<!\w){re.escape(want)}\W*$", folded)) for folded, want in pairs)
    return f"it ends with the target {target!r}" if ends >= NEARLY_ALL * len(pairs) else ""


def _identifies(name: str, cells: Sequence[Any]) -> str:
    """Say what a column identifies; "" where it holds anything else."""
    texts = [_fold(cell) for cell in cells if builtin_value(cell) is not None]
    if not texts:
        return ""
    if sum(_EMAIL.fullmatch(text) is not None for text in texts) > 0.8 * len(texts):
        return "it holds e-mail addresses"
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    is_named = bool(words) and words[-1].lower() in _ID_WORDS
    if (is_named or name.startswith(("Unnamed:", "__index"))) and all(
        _TOKEN.fullmatch(text) for text in texts
    ):
        return "it identifies rows"
    if len(texts) >= LEAST_ROWS and len(set(texts)) == len(texts) and _counts_rows(texts):
        return "it identifies rows"
    return ""


def _counts_rows(texts: Sequence[str]) -> bool:
    """Whether distinct values are row numbers, UUIDs, hashes, or one word with a number."""
    if all(text.isdecimal() for text in texts):
        numbers = [int(text) for text in texts]
        return all(after == before + 1 for before, after in itertools.pairwise(numbers))
    if all(_UUID.fullmatch(text) or _HASH.fullmatch(text) for text in texts):
        return True
    matches = [_NUMBERED.fullmatch(text) for text in texts]
    prefixes = {match[1] for match in matches if match is not None}
    return len(prefixes) == 1 and all(match is not None for match in matches)


def exclusion_notes(name: str, reasons: Mapping[str, str], shown: Collection[str]) -> list[str]:
    """One sentence for each column that is left out: why, and how it comes back."""
    found = []
    for column, reason in reasons.items():
        flags = " ".join(f"--input {each}" for each in (*shown, column))
        found.append(
            f"The column {column!r} of {name!r} is left out of the prompts, as {reason}; {flags} brings it back."
        )
    return found
