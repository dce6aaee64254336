"""The result page: each part is written by its own run, and keeps the others as they are."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.command_line import commit

PAGE = Path(__file__).parent.parent.parent / "results" / "speed.md"

_HEADER = "# Speed\n"


def made_by(command: str, packages: Sequence[str] = ()) -> str:
    """Return the sentence that says how, when and where a part was measured."""
    found = [f"Python {platform.python_version()}"]
    found += [f"{name} {version(name)}" for name in packages]
    return (
        f"Made by `python -m benchmarks.speed {command}` at {commit()}, "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {', '.join(found)}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.0f}."
    )


def write_part(title: str, lines: Sequence[str], page: Path = PAGE) -> str:
    """Put a part into the page, in the place of an older one with the same title.

    Returns:
        The part's text.
    """
    text = f"## {title}\n\n" + "\n".join(lines).strip() + "\n"
    whole = page.read_text(encoding="utf-8") if page.exists() else _HEADER
    old = re.search(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", whole, re.S | re.M)
    if old is None:
        whole = whole.rstrip("\n") + "\n\n" + text
    else:
        after = whole[old.end() :]
        whole = whole[: old.start()] + text + ("\n" + after if after else "")
    page.write_text(whole, encoding="utf-8")
    return text
