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

from tune.safety.escape import visible
from tune.stats.intervals import Interval

_INLINE = re.compile(r"([\\`*\[\]|~<>&]|\$(?!\d)|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z]))")
_BLOCK_START = re.compile(r"^(\d*)(#{1,6}(?=\s|$)|[+\-](?=\s|$)|[\-=]{2}|[.)](?=\s|$))")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
# Signs that a spreadsheet takes for the start of a formula, full width too.
_FORMULA_STARTS = "=+-@\uff1d\uff0b\uff0d\uff20"


def inline(text: str, *, limit: int = 300) -> str:
    """Escape text for a paragraph, a list item or a table cell of Markdown."""
    text = visible(text).strip()
    # Model output may be very long. The file with all of it is elsewhere.
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    text = _INLINE.sub(lambda m: _ENTITIES.get(m[0], "\\" + m[0]), text)
    return _BLOCK_START.sub(r"\1\\\2", text)


def fence(text: str, language: str = "") -> str:
    """A fenced block of Markdown that its text cannot close."""
    text = visible(text, lines=True)
    # A fence must be longer than every run of backticks inside it (CommonMark 4.5).
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{language}\n{text}\n{ticks}"


def csv_cell(value: Any) -> str | int | float:
    """A value for a spreadsheet: numbers as numbers, no formula, nothing for None and NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    text = str(value)
    shown = visible(text)
    # A number may begin with a sign without being a formula.
    if _NUMBER.fullmatch(shown):
        return shown
    starts_formula = shown.lstrip()[:1] in tuple(_FORMULA_STARTS) or text[:1] in tuple(
        "\t\r\n"
    )
    return "'" + shown if starts_formula else shown


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table of cells that are already escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float) -> str:
    """A score: three decimals where it is small, four digits else."""
    if math.isinf(value):
        return "no limit"
    shown = (
        f"{value:.3f}"
        if abs(value) < 10
        else f"{value:,.4g}"
        if abs(value) < 1000
        else f"{value:,.0f}"
    )
    return "0.000" if shown == "-0.000" else shown


def dollars(value: float) -> str:
    """Dollars: to the cent from a dollar on, with three digits below it."""
    if math.isinf(value):
        return "no limit"
    size = abs(value)
    if size >= 0.9995:
        shown = f"{size:,.2f}"
    # Below a picodollar's thousandth it is a rounding error.
    elif size < 1e-15:
        shown = "0"
    else:
        whole, _, decimals = f"{size:.{2 - math.floor(math.log10(size))}f}".partition(
            "."
        )
        shown = f"{whole}.{decimals.rstrip('0'):0<2}"
    return f"-${shown}" if value < 0 and shown != "0" else f"${shown}"


def exact_seconds(value: float) -> str:
    """Format seconds with as many digits as dollars have."""
    return "no limit" if math.isinf(value) else f"{dollars(value).replace('$', '')} s"


def with_limits(interval: Interval | None, shown: Any = number) -> str:
    """An estimate and its limits, as `0.712 (0.651 to 0.766)`; `-` where there is none."""
    if interval is None:
        return "-"
    return f"{shown(interval.mean)} ({shown(interval.low)} to {shown(interval.high)})"


def seconds(value: float | None) -> str:
    """Seconds; `-` where they are not known."""
    return "-" if value is None else f"{value:.2f} s"


def count(number_of: int, thing: str) -> str:
    """`1 draw`, `1,204 draws`."""
    return f"{number_of:,} {thing}" if number_of == 1 else f"{number_of:,} {thing}s"


def describe_config(config: Mapping[str, Any]) -> str:
    """Describe a configuration or a paid point on one line.

    The text is not escaped: pass it through `inline`, `csv_cell` or `visible`.
    """
    parts = [str(config[name]) for name in ("model",) if name in config]
    if "prompt" in config:
        parts.append(f"prompt {config['prompt']}")
    known = ("model", "prompt", "n", "aggregate", "max_tokens", "stop")
    parts += [
        f"{name} {_value(value)}" for name, value in config.items() if name not in known
    ]
    if "n" in config:
        by = (
            f" by {config['aggregate']}"
            if config["n"] != 1 and "aggregate" in config
            else ""
        )
        parts.append(f"n {config['n']}{by}")
    if "max_tokens" in config:
        parts.append(f"max_tokens {config['max_tokens']}")
    if config.get("stop"):
        parts.append(f"stop {_value(config['stop'])}")
    return ", ".join(parts)


def _value(value: Any) -> str:
    if isinstance(value, tuple | list):
        return json.dumps(list(value), ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
