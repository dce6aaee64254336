"""Columns that default prompts must not show, and the names of columns in templates.

A prompt that tune makes itself is filled with every input column. A column that gives the answer
away would make the best score worthless, and a row's number or an e-mail address teaches a model
nothing. Both kinds are excluded and named to the user, and come back when the user names the
inputs.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tune.errors import DataError
from tune.task.example import builtin_value, canonical_json, to_text
from tune.task.table import Table

LEAST_ROWS = 10
"""With fewer rows, any column may fit the target by chance."""

NEARLY_ALL = 0.98
"""The share of the rows in which a column must agree with the target."""

ABOUT_AS_MANY = 1.5
"""A column that gives the target away has at most this many times its number of distinct values."""

MOSTLY = 0.8
"""The share of the cells that must be e-mail addresses."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_HASH = re.compile(r"(?=\w*\d)(?=\w*[a-fA-F])[0-9a-fA-F]{16,}")
_NUMBERED = re.compile(r"([A-Za-z]+[-_#/]?|#)\d{2,}")
_TOKEN = re.compile(r"(?=\S*\d)\S{1,64}|\d+")
# The words of "customerID" and "row_id": a run of capitals, or a word with or without one.
_NAME_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_ID_WORDS = ("id", "ids", "idx", "index", "uuid", "guid")


def template_names(columns: Sequence[str]) -> dict[str, str]:
    """Return names that templates can use for columns whose own names cannot be used.

    The column "Customer Message", say, is Customer_Message in templates.
    """
    found: dict[str, str] = {}
    for name in columns:
        if name.isidentifier():
            continue
        base = _identifier(name)
        if not base:
            continue
        # "a-b" and "a b" would both be a_b.
        alias, count = base, 2
        while alias in columns or alias in found.values():
            alias = f"{base}_{count}"
            count += 1
        found[name] = alias
    return found


def _identifier(name: str) -> str:
    """Return an identifier made of a name; "" where the name has no letter and no digit."""
    # A character may stand in an identifier where it may stand behind its first letter.
    usable = ""
    for character in name:
        usable += character if f"a{character}".isidentifier() else " "
    base = "_".join(usable.split()).strip("_")
    if not base or base.isidentifier():
        return base
    return f"c_{base}"


def excluded_columns(
    table: Table,
    inputs: Sequence[str],
    target: str | None,
) -> dict[str, str]:
    """Return the columns that default prompts do not show, each with the reason in words.

    Args:
        table: the rows.
        inputs: the columns that would be shown. Where all would be excluded, none is.
        target: the column of correct answers, or None.
    """
    wanted = None
    if target is not None:
        wanted = [_fold(row.get(target)) for row in table.rows]
    found: dict[str, str] = {}
    for name in inputs:
        cells = [builtin_value(row.get(name)) for row in table.rows]
        reason = ""
        if wanted is not None:
            reason = _tells_target(cells, wanted, str(target))
        reason = reason or _identifies(name, cells)
        if reason:
            found[name] = reason
    return found if len(found) < len(inputs) else {}


def _fold(cell: Any) -> str:
    """Return a cell's text without case and extra space, for comparisons."""
    value = builtin_value(cell)
    if value is None:
        return ""
    try:
        return " ".join(to_text(value).casefold().split())
    except DataError:
        return canonical_json(value)


def _tells_target(
    cells: Sequence[Any],
    wanted: Sequence[str],
    target: str,
) -> str:
    """Return how a column gives the target away; "" where it does not."""
    if len(cells) < LEAST_ROWS:
        return ""
    pairs: list[tuple[str, str]] = []
    for cell, want in zip(cells, wanted, strict=True):
        folded = _fold(cell)
        if folded and want:
            pairs.append((folded, want))
    # A column with many gaps gives the target away only here and there.
    if len(pairs) < NEARLY_ALL * len(cells):
        return ""
    if _is_one_to_one(pairs):
        folded, want = pairs[0]
        return f"it stands one-to-one with the target {target!r} ({folded!r} with {want!r})"
    # As in the column of an export that holds prompt and completion together.
    ends = 0
    for folded, want in pairs:
        ends += re.search(rf"(?<!\w){re.escape(want)}\W*$", folded) is not None
    if ends >= NEARLY_ALL * len(pairs):
        return f"it ends with the target {target!r}"
    return ""


def _is_one_to_one(pairs: Sequence[tuple[str, str]]) -> bool:
    """Tell whether the cells of a column stand for labels, nearly one to one.

    Args:
        pairs: a cell and its row's target, both folded.
    """
    targets_of: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for cell, want in pairs:
        targets_of[cell][want] += 1
    labels = {want for _, want in pairs}
    # Where most targets differ, every column tells them, and none gives a label away.
    if not 2 <= len(labels) <= len(pairs) / 2:
        return False
    if len(targets_of) > ABOUT_AS_MANY * len(labels):
        return False
    agreeing = sum(max(counts.values()) for counts in targets_of.values())
    return agreeing >= NEARLY_ALL * len(pairs)


def _identifies(name: str, cells: Sequence[Any]) -> str:
    """Return a sentence part on what a column identifies; "" where it holds anything else."""
    texts = [_fold(cell) for cell in cells if builtin_value(cell) is not None]
    if not texts:
        return ""
    addresses = list(filter(_EMAIL.fullmatch, texts))
    if len(addresses) > MOSTLY * len(texts):
        return "it holds e-mail addresses"
    # A column named "paid" or "video" does not end in the word "id"; "user_id" of texts is kept.
    if _is_named_as_id(name) and all(map(_TOKEN.fullmatch, texts)):
        return "it identifies rows"
    # Few values that look alike may be codes with a meaning.
    all_differ = len(set(texts)) == len(texts)
    if len(texts) >= LEAST_ROWS and all_differ and _counts_rows(texts):
        return "it identifies rows"
    return ""


def _is_named_as_id(name: str) -> bool:
    # Names that pandas gives to an index without a name when it is written to a file.
    if name.startswith(("Unnamed:", "__index")):
        return True
    words = _NAME_WORD.findall(name)
    return bool(words) and words[-1].lower() in _ID_WORDS


def _counts_rows(texts: Sequence[str]) -> bool:
    """Tell whether distinct values are row numbers, UUIDs, hashes, or one word with a number."""
    if all(map(str.isdecimal, texts)):
        numbers = list(map(int, texts))
        return numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    if all(_UUID.fullmatch(text) or _HASH.fullmatch(text) for text in texts):
        return True
    prefixes = set[str]()
    for text in texts:
        match = _NUMBERED.fullmatch(text)
        if match is None:
            return False
        prefixes.add(match[1])
    return len(prefixes) == 1


def exclusion_notes(
    name: str,
    reasons: Mapping[str, str],
    shown: Collection[str],
) -> list[str]:
    """Return one sentence for each excluded column: why, and how it comes back."""
    found = []
    for column, reason in reasons.items():
        flags = " ".join(f"--input {each}" for each in (*shown, column))
        found.append(
            f"The column {column!r} of {name!r} is left out of the prompts, as {reason}; "
            f"{flags} brings it back."
        )
    return found
