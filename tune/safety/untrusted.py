"""Limits on foreign input: answers, data files, space files and records.

Each limit is far above what honest input has. All foreign input is read here, or by these numbers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

NESTING = 64
"""Lists and objects within each other; deeper ones would break what walks through them."""

ANSWER_BYTES = 16 * 2**20
"""Bytes of one answer of a service, as it is sent and as it is unpacked."""

FILE_BYTES = 32 * 2**20
"""Bytes of a space file, a template, a baseline or a best.json."""

DATA_BYTES = 2**30
"""Bytes of a data file; of one that is packed, unpacked."""

COLUMNS = 2_000
"""Columns of a table."""

CELLS = 20_000_000
"""Rows times columns of a table."""

CELL_BYTES = 16 * 2**20
"""Bytes of one cell of a table."""


class TooMuch(ValueError):
    """A limit was met; the message says which, and begins with what was measured."""


def read_json(text: str | bytes) -> Any:
    """Decode foreign JSON.

    Raises:
        TooMuch: it is nested too deeply.
        ValueError: it is not JSON.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise _too_deep() from None
    # Text with few brackets is not nested deeply, and to count them is quicker than to look.
    brackets = ("[", "{") if isinstance(text, str) else (b"[", b"{")
    if sum(map(text.count, brackets)) > NESTING:  # type: ignore[arg-type]
        check_nesting(value)
    return value


def check_nesting(value: Any) -> None:
    """See that a value is not nested too deeply.

    Raises:
        TooMuch: it is.
    """
    # Level by level, not by recursion: Python's own limit must not be met here.
    level, depth = _containers([value]), 0
    while level:
        depth += 1
        if depth > NESTING:
            raise _too_deep()
        below: list[Any] = []
        for each in level:
            values = each.values() if isinstance(each, dict) else each
            below += _containers(values)
        level = below


def _containers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, dict | list | tuple)]


def _too_deep() -> TooMuch:
    return TooMuch(
        f"lists and objects stand within each other more than {NESTING} times, which is the limit"
    )


def read_file(path: str | os.PathLike[str], most: int = FILE_BYTES) -> bytes:
    """Read a whole file, unless it is larger than the limit; one that has no end is not read to it.

    Raises:
        TooMuch: it is larger.
        OSError: it cannot be read.
    """
    with Path(path).open("rb") as file:
        # One byte more than the limit shows that the file is larger; /dev/zero ends here too.
        content = file.read(most + 1)
    if len(content) > most:
        raise TooMuch(f"it has more than {shown_bytes(most)}, which is the limit")
    return content


def shown_bytes(count: int) -> str:
    """A number of bytes for people: 32 MiB."""
    return f"{count / 2**30:.3g} GiB" if count >= 2**30 else f"{count / 2**20:.3g} MiB"
