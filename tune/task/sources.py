"""Tables of rows, from wherever data lies: files, the hub, data frames, lists of dicts."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from tune.errors import DataError
from tune.safety.untrusted import (
    CELL_BYTES,
    CELLS,
    COLUMNS,
    DATA_BYTES,
    TooMuch,
    check_nesting,
    read_file,
    read_json,
    shown_bytes,
)

LOOKED_AT = 20
"""Rows of a text file that are looked at to see what stands between its cells."""

_SEPARATORS = (",", ";", "\t", "|")

Row: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows as read.

    Attributes:
        name: what to call the data set.
        rows: cells by column; a row may lack columns that others have.
        places: where each row stands in its source, for messages ("line 7", "row 3").
        columns: every column that any row has, in order of first appearance.
    """

    name: str
    rows: Sequence[Row]
    places: Sequence[str]
    columns: tuple[str, ...]


def read_table(source: Any) -> Table:
    """The rows of a path, of `hf:org/name:split`, or of an object in memory.

    Raises:
        DataError: there is no such thing, or it cannot be read as rows.
    """
    if isinstance(source, str) and source.startswith("hf:"):
        return _read_hub(source)
    if isinstance(source, str | os.PathLike):
        return _read_file(Path(source).expanduser())
    return _read_object("data", source)


def _table(name: str, placed: Iterable[tuple[str, Row]]) -> Table:
    pairs: list[tuple[str, Row]] = []
    columns: dict[str, None] = {}
    for place, row in placed:
        pairs.append((place, row))
        columns |= dict.fromkeys(row)
        if len(columns) > COLUMNS:
            raise DataError(
                f"the data set {name!r} has more than {COLUMNS:,} columns, which is the limit"
            )
        if len(columns) * len(pairs) > CELLS:
            raise DataError(
                f"the data set {name!r} has more than {CELLS:,} cells (rows times columns), which is the limit: take a "
                f"part of its rows, or leave columns out"
            )
        _check_cells(name, place, row)
    return Table(name, [row for _, row in pairs], [place for place, _ in pairs], tuple(columns))


def _check_cells(name: str, place: str, row: Row) -> None:
    """See that no cell of a row is beyond what can be handled."""
    for column, cell in row.items():
        if isinstance(cell, str | bytes) and len(cell) > CELL_BYTES:
            most = shown_bytes(CELL_BYTES)
            raise DataError(
                f"{place} of {name!r} has more than {most} in the column {column!r}, which is the limit"
            )
        try:
            check_nesting(cell)
        except TooMuch as error:
            raise DataError(f"{place} of {name!r}, column {column!r}: {error}") from None


def _read_file(path: Path) -> Table:
    if not path.exists():
        raise DataError(
            f"there is no data file {str(path)!r} (a data set of the hub is written hf:org/name:split)"
        )
    reader = _READERS.get(path.suffix.lower())
    if reader is None or path.is_dir():
        raise DataError(f"the data file {str(path)!r} is none of {', '.join(_READERS)}")
    try:
        return _table(path.stem, reader(path))
    except OSError as error:
        raise DataError(
            f"the data file {str(path)!r} cannot be read: {error.strerror or error}"
        ) from None
    except TooMuch as error:
        raise DataError(f"the data file {str(path)!r} is too large: {error}") from None


def _text(path: Path) -> str:
    content = read_file(path, DATA_BYTES)
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))  # as spreadsheets save "Unicode text"
    try:
        if wide:
            return content.decode("utf-16")
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise DataError(
            f"the data file {str(path)!r} is not UTF-8: byte 0x{content[error.start]:02x} at position {error.start}; "
            f"save it as UTF-8"
        ) from None


def _json(path: Path, place: str, text: str) -> Any:
    try:
        return read_json(text)
    except TooMuch as error:
        raise DataError(f"{place}{str(path)!r} cannot be read: {error}") from None
    except ValueError as error:
        raise DataError(f"{place}{str(path)!r} is no JSON: {error}") from None


def _json_object(path: Path, place: str, record: Any) -> Row:
    if not isinstance(record, dict):
        raise DataError(
            f"{place} of {str(path)!r} is no JSON object, but {_short(json.dumps(record))}"
        )
    return record


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _read_jsonl(path: Path) -> Iterator[tuple[str, Row]]:
    # Not splitlines(): JSON strings may hold other line separators, such as U+2028, as they are.
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if line.strip():
            place = f"line {number}"
            yield place, _json_object(path, place, _json(path, f"{place} of ", line))


def _read_json(path: Path) -> Iterator[tuple[str, Row]]:
    records = _json(path, "", _text(path))
    if not isinstance(records, list):
        raise DataError(
            f"{str(path)!r} is no JSON list of objects, but {_short(json.dumps(records))} "
            f"(a file with one object a line is named .jsonl)"
        )
    for number, record in enumerate(records, start=1):
        yield f"row {number}", _json_object(path, f"row {number}", record)


def _read_csv(path: Path) -> Iterator[tuple[str, Row]]:
    text = _text(path)
    separator = _separator(text, "\t" if path.suffix.lower() == ".tsv" else ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    limit = csv.field_size_limit(
        CELL_BYTES
    )  # a document may be longer than the 131,072 characters of the default
    try:
        header = [name.strip() for name in next(reader, [])]
        for name, count in Counter(header).items():
            if count > 1:
                raise DataError(
                    f"the columns of {str(path)!r} must differ, but {name!r} is there {count} times"
                )
        line = reader.line_num + 1
        for row in reader:
            if row and len(row) != len(header):
                raise DataError(
                    f"line {line} of {str(path)!r} has {len(row)} cells, but the header names {len(header)} columns"
                )
            if row:
                yield (
                    f"line {line}",
                    {name: cell or None for name, cell in zip(header, row, strict=True)},
                )
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"line {reader.line_num} of {str(path)!r} cannot be read: {error}"
        ) from None
    finally:
        csv.field_size_limit(limit)


def _separator(text: str, usual: str) -> str:
    """What stands between cells: the usual mark, or another that the header has and that parts the
    first rows alike.
    """
    header = text.partition("\n")[0]
    for mark in dict.fromkeys((usual, *_SEPARATORS)):
        if mark in header and _parts_alike(text, mark):
            return mark
    return usual


def _parts_alike(text: str, mark: str) -> bool:
    """Whether the first rows have as many cells as the header, and more than one."""
    try:
        rows = itertools.islice(
            csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True), LOOKED_AT
        )
        counts = {len(row) for row in rows if row}
    except csv.Error:
        return False
    return len(counts) == 1 and max(counts) > 1


def _read_parquet(path: Path) -> Iterator[tuple[str, Row]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise DataError(f"{str(path)!r} needs pyarrow: pip install 'tune-llm[data]'") from None
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            rows = list(_unpacked(file))
            classes = _class_names((file.schema_arrow.metadata or {}).get(b"huggingface", b""))
    except pyarrow.ArrowException as error:
        raise DataError(f"the data file {str(path)!r} is no parquet: {error}") from None
    return _numbered(
        {**row, **{name: _named(row.get(name), classes[name]) for name in classes}} for row in rows
    )


def _class_names(record: bytes) -> dict[str, list[str]]:
    """The names of classes by column, as the package datasets writes them into a file beside the
    numbers.
    """
    try:
        features = json.loads(record)["info"]["features"]
        found = {name: _names_of(feature) for name, feature in features.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {name: names for name, names in found.items() if names}


def _names_of(feature: Any) -> list[str]:
    """The names of a class label, or of a list of class labels; nothing for any other feature."""
    if isinstance(feature, list):
        return _names_of(feature[0]) if feature else []
    if not isinstance(feature, dict):
        return []
    if feature.get("_type") == "ClassLabel":
        return [str(name) for name in feature.get("names") or []]
    return _names_of(feature.get("feature"))


def _named(cell: Any, names: Sequence[str]) -> Any:
    """A class, or a list of classes, by name; -1 stands for no label."""
    if isinstance(cell, list):
        return [_named(one, names) for one in cell]
    if isinstance(cell, int) and not isinstance(cell, bool):
        return names[cell] if 0 <= cell < len(names) else None if cell == -1 else cell
    return cell


def _unpacked(file: Any) -> Iterator[Row]:
    """The rows of a parquet file, a few at a time: a small file may say the same long text a
    million times.

    Raises:
        TooMuch: they are more than can be handled.
    """
    stated = file.metadata
    if stated.num_rows * stated.num_columns > CELLS:
        raise TooMuch(f"it has more than {CELLS:,} cells (rows times columns), which is the limit")
    unpacked_bytes = 0
    for batch in file.iter_batches(batch_size=256):
        unpacked_bytes += batch.nbytes
        if unpacked_bytes > DATA_BYTES:
            raise TooMuch(
                f"it has more than {shown_bytes(DATA_BYTES)} unpacked, which is the limit"
            )
        yield from batch.to_pylist()


_READERS = {
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".json": _read_json,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
}


def _read_hub(source: str) -> Table:
    place, _, part = source.removeprefix("hf:").partition(":")
    if not place:
        raise DataError(f"a data set of the hub is written hf:org/name:split, but got {source!r}")
    try:
        import datasets
    except ImportError:
        raise DataError(f"{source!r} needs datasets: pip install 'tune-llm[data]'") from None
    path, config = place, None
    if place.count("/") == 2 and not Path(place).is_dir():
        path, _, config = place.rpartition("/")
    try:
        found = datasets.load_dataset(path, config, split=part or None)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise DataError(
            f"the data set {source!r} cannot be loaded: {str(error).partition(chr(10))[0]}"
        ) from None
    if isinstance(found, Mapping):
        if len(found) != 1:
            raise DataError(
                f"{source!r} has the splits {list(found)}: name one, as {source}:{next(iter(found))}"
            )
        found = next(iter(found.values()))
    return _read_object(Path(path).name, found)


def _read_object(name: str, source: Any) -> Table:
    if hasattr(source, "columns") and hasattr(source, "notna"):  # a pandas DataFrame
        if not source.columns.is_unique:
            raise DataError(
                f"the columns of a data frame must differ, but got {list(source.columns)}"
            )
        source = source.astype(object).where(source.notna(), None).to_dict("records")
    elif hasattr(source, "column_names") and hasattr(source, "features"):  # a datasets.Dataset
        source = _dataset_rows(source)
    elif isinstance(source, Mapping):  # a datasets.DatasetDict among them
        raise DataError(
            f"data is one dict a row, but got a single mapping of {list(source)}: pass one part of it"
        )
    if not isinstance(source, Iterable) or isinstance(source, bytes):
        raise DataError(
            f"data is a path, 'hf:org/name:split', a data frame, a datasets.Dataset or dicts, one a row, "
            f"but got {type(source).__name__}"
        )
    return _table(name, _numbered(source))


def _numbered(rows: Iterable[Any]) -> Iterator[tuple[str, Row]]:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise DataError(f"row {number} of the data is no dict, but {type(row).__name__}")
        yield f"row {number}", {str(name): cell for name, cell in row.items()}


def _dataset_rows(source: Any) -> Iterator[Row]:
    """Rows of a `datasets.Dataset`; a class label is given by its name, since that is what a model
    can say.
    """
    classes = {name: _class_list(feature) for name, feature in (source.features or {}).items()}
    for row in source:
        named = {name: _named(row[name], names) for name, names in classes.items() if names}
        yield {**row, **named}


def _class_list(feature: Any) -> list[str]:
    """The names of a feature of the package datasets that is a class label, or a list of them."""
    inner = feature if hasattr(feature, "int2str") else getattr(feature, "feature", None)
    if inner is None or not hasattr(inner, "int2str"):
        return []
    return [str(name) for name in inner.names]
