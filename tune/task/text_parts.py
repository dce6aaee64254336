"""Parts of a model's text: reasoning between marks, numbers, code blocks and JSON objects."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from tune.safety.untrusted import TooMuch, check_nesting

_SIGN = r"(?:(?<![\w.,)])[-+\u2212])?"  # not the minus of 3-4 or of a date
_GROUPED = r"(?<![0-9,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])"  # 1,234,567
_DIGITS = rf"(?:(?:{_GROUPED}|[0-9]+)(?:\.[0-9]+)?|(?<![0-9.])\.[0-9]+)"
_EXPONENT = r"(?:[eE][-+]?[0-9]{1,2}(?![0-9A-Za-z]))?"
_NUMBER = re.compile(_SIGN + _DIGITS + _EXPONENT)

_MARKS = "think|thinking|thought"
_REASONING = re.compile(rf"<({_MARKS})>.*?</\1>", re.IGNORECASE | re.DOTALL)
_BEGIN = re.compile(rf"<(?:{_MARKS})>", re.IGNORECASE)
_END = re.compile(rf"</(?:{_MARKS})>", re.IGNORECASE)

# A fence of CommonMark: three or more backticks or tildes, closed by as many of the same.
_FENCE = re.compile(
    r"^ {0,3}(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[^\s`]*)[^\n`]*\n"
    r"(?P<code>.*?)(?:^ {0,3}(?P=fence)[`~]*\s*?$|\Z)",
    re.MULTILINE | re.DOTALL,
)
_PYTHON = ("python", "python3", "py", "py3")


def without_reasoning(text: str) -> str | None:
    """Return the text without the reasoning between marks; None where reasoning is not ended.

    Some servers put the opening mark into the prompt, so that only the closing one comes back.
    """
    # Most texts have no marks, and the patterns below are slow on long ones.
    lower = text.lower()
    if "think" not in lower and "thought" not in lower:
        return text
    rest = _REASONING.sub("", text)
    begin, end = _BEGIN.search(rest), _END.search(rest)
    if end is not None and (begin is None or end.start() < begin.start()):
        rest = rest[end.end() :]
    return None if _BEGIN.search(rest) else rest


def whole_text(text: str) -> str | None:
    """Return the whole text without the space around it; None where nothing is left."""
    return text.strip() or None


def last_number(text: str) -> str | None:
    """Return the last number in a text, normalized; None where there is none."""
    found = _NUMBER.findall(text)
    return normalize_number(found[-1]) if found else None


def normalize_number(text: str) -> str:
    """Return a number in digits alone, as 1234.5 for 1,234.50 and 1000 for 1e3."""
    # Decimal, since a float would change the digits of a long number.
    number = Decimal(text.replace(",", "").replace("\u2212", "-"))
    # "f" writes 1e3 as 1000; exponents have two digits at most, so this cannot fill the memory.
    plain = format(number, "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in ("-0", "") else plain.lstrip("+")


def code_blocks(text: str) -> list[str]:
    """Return the Python in a text's Markdown fences, else the code of fences without a language.

    A fence that is not closed, as in an answer that was cut off, reaches to the end.
    """
    python: list[str] = []
    unnamed: list[str] = []
    for match in _FENCE.finditer(text):
        language = match["language"].lower()
        if language in _PYTHON:
            python.append(match["code"])
        elif not language:
            unnamed.append(match["code"])
    return python or unnamed


def first_json_object(text: str) -> dict[str, Any] | None:
    """Return the first JSON object in a text; None where there is none."""
    decoder = json.JSONDecoder()
    start = text.find("{")
    while start >= 0:
        try:
            found, _ = decoder.raw_decode(text, start)
        except RecursionError:
            # Nested so deeply, it is garbage; the next brace would be only one level less.
            return None
        except ValueError:
            # A brace of prose, or of a template: the object may come later.
            start = text.find("{", start + 1)
            continue
        return found if isinstance(found, dict) and not _is_too_deep(found) else None
    return None


def _is_too_deep(found: Any) -> bool:
    try:
        check_nesting(found)
    except TooMuch:
        return True
    return False
