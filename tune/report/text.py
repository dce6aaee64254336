"""Text that cannot break out of where it is put, and numbers as people read them.

Model output, model names as a service returns them, file names and templates are data: nothing in
them may open a table cell, a tag, a link that hides its address, a spreadsheet formula or a
terminal's escape sequence.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from tune.pricing.amounts import dollars
from tune.safety.escape import visible
from tune.stats.intervals import Interval

# Everything that CommonMark or GitHub reads as a sign: emphasis, code, links, tags, formulas. A `$`
# before a digit is money, and an underscore inside a word is no emphasis.
_INLINE = re.compile(r"([\\`*\[\]|~<>&]|\$(?!\d)|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z]))")
# The start of a heading, a list item, a rule or an underline.
_BLOCK_START = re.compile(r"^(\d*)(#{1,6}(?=\s|$)|[+\-](?=\s|$)|[\-=]{2}|[.)](?=\s|$))")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
# Signs that a spreadsheet takes for the start of a formula, full width too.
_FORMULA_STARTS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
_BLANKS = ("\t", "\r", "\n")


def inline(text: str, *, limit: int = 300) -> str:
    """Escape text for a paragraph, a list item or a table cell of Markdown."""
    text = visible(text).strip()
    # Model output may be very long. The file with all of it is elsewhere.
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    text = _INLINE.sub(lambda m: _ENTITIES.get(m[0], "\\" + m[0]), text)
    return _BLOCK_START.sub(r"\1\\\2", text)


def fence(text: str, language: str = "") -> str:
    """Return a fenced block of Markdown that its text cannot close."""
    text = visible(text, lines=True)
    # A fence must be longer than every run of backticks inside it (CommonMark 4.5).
    longest = max(map(len, re.findall("`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{language}\n{text}\n{ticks}"


def csv_cell(value: Any) -> str | int | float:
    """Return a value for a spreadsheet: numbers as numbers, no formula, "" for None and NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    # Before numbers: True is an int, and would be written as 1.
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return value
    text = str(value)
    shown = visible(text)
    # A number may begin with a sign without being a formula.
    if _NUMBER.fullmatch(shown):
        return shown
    # Spreadsheets skip blanks before a sign, and some take a tab or a line end for a sign (OWASP,
    # "CSV Injection").
    if shown.lstrip().startswith(_FORMULA_STARTS) or text.startswith(_BLANKS):
        return f"'{shown}"
    return shown


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table of cells that are already escaped."""
    lines = []
    for row in [header, ["---"] * len(header), *rows]:
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def number(value: float) -> str:
    """Format a score: three decimals where it is small, four digits else."""
    if math.isinf(value):
        return "no limit"
    size = abs(value)
    # From 1,000 on, four digits would be written with an exponent.
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:,.4g}"
    shown = f"{value:.3f}"
    # A tiny loss looks like none, and no zero has a sign.
    if shown == "-0.000":
        return "0.000"
    return shown


def exact_seconds(value: float) -> str:
    """Format seconds with as many digits as dollars have."""
    if math.isinf(value):
        return "no limit"
    return f"{dollars(value).replace('$', '')} s"


def with_limits(interval: Interval | None, shown: Any = number) -> str:
    """Format an estimate and its limits, as `0.712 (0.651 to 0.766)`; `-` where there is none."""
    if interval is None:
        return "-"
    return f"{shown(interval.mean)} ({shown(interval.low)} to {shown(interval.high)})"


def seconds(value: float | None) -> str:
    """Format seconds; `-` where they are not known."""
    if value is None:
        return "-"
    return f"{value:.2f} s"


def count(number_of: int, thing: str) -> str:
    """Format a count, as `1 draw` or `1,204 draws`."""
    if number_of == 1:
        return f"1 {thing}"
    return f"{number_of:,} {thing}s"


# Dimensions with a place of their own in the line. Others stand between prompt and n.
_IN_ORDER = ("model", "prompt", "n", "aggregate", "max_tokens", "stop")


def describe_config(config: Mapping[str, Any]) -> str:
    """Describe a configuration or a paid point on one line.

    The text is not escaped: pass it through `inline`, `csv_cell` or `visible`.
    """
    parts = []
    if "model" in config:
        parts.append(str(config["model"]))
    if "prompt" in config:
        parts.append(f"prompt {config['prompt']}")
    for name, value in config.items():
        if name not in _IN_ORDER:
            parts.append(f"{name} {describe_value(value)}")
    if "n" in config:
        answers = f"n {config['n']}"
        # One answer needs no vote.
        if config["n"] != 1 and "aggregate" in config:
            answers += f" by {config['aggregate']}"
        parts.append(answers)
    if "max_tokens" in config:
        parts.append(f"max_tokens {config['max_tokens']}")
    if config.get("stop"):
        parts.append(f"stop {describe_value(config['stop'])}")
    return ", ".join(parts)


def describe_value(value: Any) -> str:
    """Return a value of a dimension as JSON writes it; stop strings as a list."""
    # The request does not name it, so the model takes its own.
    if value is None:
        return "default"
    if isinstance(value, tuple | list):
        return json.dumps(list(value), ensure_ascii=False)
    # As JSON writes it, because a user copies it from there.
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
