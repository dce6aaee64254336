"""Rows of text files: JSON lines, JSON, CSV and TSV."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tune.errors import DataError
from tune.safety.untrusted import (
    CELL_BYTES,
    DATA_BYTES,
    TooMuch,
    read_file,
    read_json,
    shown_bytes,
)
from tune.task.table import PlacedRow, Row

ROWS_TO_COMPARE = 20
"""Rows of a CSV file that must have as many cells as the header, for a separator to be taken."""

_UTF8_MARK = b"\xef\xbb\xbf"
"""The byte order mark that some editors put before UTF-8."""

_UTF8_NAMES = ("utf-8", "utf-8-sig")

_MARKED_NAMES = ("utf-8-sig", "utf-16", "utf-32")
"""Encodings as they are named where a file begins with a byte order mark."""

_SEPARATORS = (",", ";", "\t", "|")

LONGEST_SHOWN = 60
"""Characters of a wrong record that a message shows."""


OPEN_QUOTE = "unexpected end of data"
"""What Python's csv says of a file that ends within a quoted cell."""

LINES_NAME = "a file with one object a line is named .jsonl"

LIST_NAME = "a file with one list of objects is named .json"


def read_jsonl(path: Path) -> Iterator[PlacedRow]:
    """Yield the rows of a file with one JSON object a line.

    Raises:
        DataError: the file is not UTF-8, or a line is not a JSON object.
    """
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            yield f"line {number}", partial(_json_line, path, number, line)


def _json_line(path: Path, number: int, line: bytes) -> Row:
    place = f"line {number}"
    text = _decoded(f"{place} of {str(path)!r}", line)
    return _json_object(path, place, _json(path, f"{place} of ", text))


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a text file as UTF-8, so that a large file need not fit in memory.

    Raises:
        TooMuch: the file is larger than the limit.
    """
    # Not splitlines(): JSON strings may hold other line separators, such as U+2028, as they are.
    left = DATA_BYTES
    with path.open("rb") as file:
        first = file.readline(left + 1)
        if _encoding(first) not in _UTF8_NAMES:
            for text in _text(path).split("\n"):
                yield text.encode()
            return
        line = first.removeprefix(_UTF8_MARK)
        while line:
            left -= len(line)
            if left < 0:
                raise TooMuch(
                    f"it has more than {shown_bytes(DATA_BYTES)}, which is the limit"
                )
            yield line
            line = file.readline(left + 1)


def read_json_list(path: Path) -> Iterator[PlacedRow]:
    """Yield the rows of a file that is one JSON list of objects.

    Raises:
        DataError: the file is not UTF-8, or not a JSON list of objects.
    """
    records = _json(path, "", _text(path))
    if not isinstance(records, list):
        raise DataError(
            f"{str(path)!r} is not a JSON list of objects, but {_short(json.dumps(records))} "
            f"({LINES_NAME})"
        )
    for number, record in enumerate(records, start=1):
        place = f"row {number}"
        yield place, _json_object(path, place, record)


def read_csv(path: Path) -> Iterator[PlacedRow]:
    """Yield the rows of a CSV or TSV file with a header; an empty cell is None.

    Raises:
        DataError: the file is not UTF-8, or a row has more or fewer cells than the header.
    """
    text = _text(path)
    if "\0" in text.partition("\n")[0]:
        raise DataError(
            f"the data file {str(path)!r} is no text: a zero byte is in its first line"
        )
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    reader, line = _csv_reader(text, _separator(text, usual)), 1
    # A document may be longer than the 131,072 characters that csv takes by default.
    limit = csv.field_size_limit(CELL_BYTES)
    try:
        header = _header(path, next(reader, []))
        # Where a row begins: its cells may hold line ends, so reader.line_num is its last line.
        line = reader.line_num + 1
        for row in reader:
            place = f"line {line}"
            line = reader.line_num + 1
            if not row:  # an empty line
                continue
            if len(row) != len(header):
                cells_there = "1 cell" if len(row) == 1 else f"{len(row)} cells"
                raise DataError(
                    f"{place} of {str(path)!r} has {cells_there}, "
                    f"but the header names {len(header)} columns"
                )
            cells = [cell or None for cell in row]
            yield place, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        where, what = reader.line_num, str(error)
        # The last line of the file says nothing: the cell that takes all in began above it.
        if what == OPEN_QUOTE:
            where, what = line, "a quote opens a cell there, and no quote closes it"
        raise DataError(
            f"line {where} of {str(path)!r} cannot be read: {what}"
        ) from None
    finally:
        csv.field_size_limit(limit)


def _csv_reader(text: str, separator: str) -> Any:
    return csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        strict=True,
    )


def _header(path: Path, cells: Sequence[str]) -> list[str]:
    # "text, label" is written as often as "text,label".
    header = [name.strip() for name in cells]
    for name, count in Counter(header).items():
        if count > 1:
            raise DataError(
                f"the columns of {str(path)!r} must differ, but {name!r} is there {count} times"
            )
    return header


def _separator(text: str, usual: str) -> str:
    """Return the separator of a CSV file: the usual one, or another one that fits the first rows.

    Spreadsheets write semicolons where the comma is the decimal point.
    """
    # The usual one first: a text column may hold semicolons.
    header = text.partition("\n")[0]
    for separator in dict.fromkeys((usual, *_SEPARATORS)):
        if separator in header and _fits(text, separator):
            return separator
    return usual


def _fits(text: str, separator: str) -> bool:
    """Tell whether the first rows have as many cells as the header, and more than one."""
    counts = set[int]()
    try:
        for row in itertools.islice(_csv_reader(text, separator), ROWS_TO_COMPARE):
            if row:
                counts.add(len(row))
    except csv.Error:
        return False
    return len(counts) == 1 and max(counts) > 1


def _text(path: Path) -> str:
    content = read_file(path, DATA_BYTES)
    what = f"the data file {str(path)!r}"
    encoding = _encoding(content)
    if encoding in _UTF8_NAMES:
        return _decoded(what, content.removeprefix(_UTF8_MARK))
    try:
        # Spreadsheets save "Unicode text" as UTF-16.
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise _not_unicode(what, error) from None


def _encoding(start: bytes) -> str:
    """Return the encoding of a file that begins with these bytes: UTF-8, UTF-16 or UTF-32."""
    # A byte order mark tells it. Without one, zeros do: a header or a JSON text begins with two
    # ASCII characters (RFC 4627, section 3).
    found = json.detect_encoding(start[:4])
    if found in _MARKED_NAMES:
        return found
    begin = start[:4].decode(found, "replace").strip()
    # Zeros between other bytes are those of a file that is no text.
    return found if begin.isascii() and begin.isprintable() else "utf-8"


def _decoded(what: str, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_unicode(what, error) from None


def _not_unicode(what: str, error: UnicodeDecodeError) -> DataError:
    byte = error.object[error.start]
    return DataError(
        f"{what} is not {error.encoding.upper()}: byte 0x{byte:02x} at position {error.start}; "
        "save it as UTF-8"
    )


def _json(path: Path, place: str, text: str) -> Any:
    try:
        return read_json(text)
    except TooMuch as error:
        raise DataError(f"{place}{str(path)!r} cannot be read: {error}") from None
    except ValueError as error:
        raise DataError(
            f"{place}{str(path)!r} is not JSON: {_fault(error, place)}"
        ) from None


def _fault(error: ValueError, place: str) -> str:
    """Return what is wrong with a text, and where; a `place` has said the line."""
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    if place:
        return f"{error.msg} at character {error.pos + 1}"
    hint = f" ({LINES_NAME})" if error.msg == "Extra data" else ""
    return f"{error.msg} at line {error.lineno}, column {error.colno}{hint}"


def _json_object(path: Path, place: str, record: Any) -> Row:
    if not isinstance(record, dict):
        shown = _short(json.dumps(record))
        hint = ""
        if isinstance(record, list) and path.suffix.lower() != ".json":
            hint = f" ({LIST_NAME})"
        raise DataError(
            f"{place} of {str(path)!r} is not a JSON object, but {shown}{hint}"
        )
    return record


def _short(text: str) -> str:
    if len(text) <= LONGEST_SHOWN:
        return text
    return text[: LONGEST_SHOWN - 3] + "..."
