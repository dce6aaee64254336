"""Data sources: files, the Hugging Face hub, data frames, and lists of dicts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tune.errors import DataError, install_command
from tune.safety.untrusted import CELLS, DATA_BYTES, TooMuch, shown_bytes
from tune.task.table import (
    PlacedRow,
    Row,
    SizedSample,
    Table,
    make_table,
    numbered,
    sample_positions,
)
from tune.task.text_files import read_csv, read_json_list, read_jsonl

BATCH_ROWS = 256
"""Rows of a parquet file that are unpacked at once."""


def read_table(source: Any, *, seed: int = 0) -> Table:
    """Return the rows of a path, of `hf:org/name:split`, or of an object in memory.

    Of a large source, only a sample of the rows is read; see `make_table`.

    Args:
        source: see `tune.task.load.load_data`.
        seed: of the sample.

    Raises:
        DataError: the source is missing, or cannot be read as rows.
    """
    if isinstance(source, str) and source.startswith("hf:"):
        return _read_hub(source, seed)
    if isinstance(source, str | os.PathLike):
        return _read_path(Path(source).expanduser(), seed)
    return _read_object("data", source, seed)


# --- files


def _read_path(path: Path, seed: int) -> Table:
    if not path.exists():
        raise DataError(
            f"there is no data file {str(path)!r} "
            "(a data set of the hub is written hf:org/name:split)"
        )
    if path.is_dir():
        raise DataError(f"the data file {str(path)!r} is a folder: name a file in it")
    # The ending decides, not the content: a CSV file may begin with a brace.
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"the data file {str(path)!r} is none of {', '.join(_READERS)}")
    try:
        return make_table(path.stem, reader(path), seed=seed)
    except OSError as error:
        raise DataError(
            f"the data file {str(path)!r} cannot be read: {error.strerror or error}"
        ) from None
    except TooMuch as error:
        raise DataError(f"the data file {str(path)!r} is too large: {error}") from None


def _read_parquet(path: Path) -> Iterator[PlacedRow]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise DataError(
            f"{str(path)!r} needs pyarrow: {install_command('data')}"
        ) from None
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            metadata = file.schema_arrow.metadata or {}
            classes = _recorded_class_names(metadata.get(b"huggingface", b""))
            yield from _unpacked(file, classes)
    except pyarrow.ArrowException as error:
        raise DataError(
            f"the data file {str(path)!r} is not a parquet file: {error}"
        ) from None


def _unpacked(file: Any, classes: Mapping[str, Sequence[str]]) -> Iterator[PlacedRow]:
    """Yield the rows of a parquet file, each as a function that turns it into Python's types.

    A small file can hold the same long text a million times, so the size is checked on the way.

    Raises:
        TooMuch: they are more than the limits allow.
    """
    stated = file.metadata
    if stated.num_rows * stated.num_columns > CELLS:
        raise TooMuch(
            f"it has more than {CELLS:,} cells (rows times columns), which is the limit"
        )
    size = number = 0
    for batch in file.iter_batches(batch_size=BATCH_ROWS):
        size += batch.nbytes
        if size > DATA_BYTES:
            most = shown_bytes(DATA_BYTES)
            raise TooMuch(f"it has more than {most} unpacked, which is the limit")
        for position in range(batch.num_rows):
            number += 1
            yield f"row {number}", partial(_batch_row, batch, position, classes)


def _batch_row(
    batch: Any,
    position: int,
    classes: Mapping[str, Sequence[str]],
) -> Row:
    """Return one row of a batch of Arrow's; its columns have texts as names."""
    (row,) = batch.slice(position, 1).to_pylist()
    return _with_names(row, classes)


_READERS: dict[str, Callable[[Path], Iterator[PlacedRow]]] = {
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".json": read_json_list,
    ".csv": read_csv,
    ".tsv": read_csv,
    ".parquet": _read_parquet,
}


# --- the hub, and objects in memory


def _read_hub(source: str, seed: int) -> Table:
    place, _, part = source.removeprefix("hf:").partition(":")
    if not place:
        raise DataError(
            f"a data set of the hub is written hf:org/name:split, but got {source!r}"
        )
    try:
        import datasets
    except ImportError:
        raise DataError(
            f"{source!r} needs datasets: {install_command('data')}"
        ) from None
    path, config = place, None
    # org/name/config; a folder of this machine may have as many slashes.
    if place.count("/") == 2 and not Path(place).is_dir():
        path, _, config = place.rpartition("/")
    try:
        found = datasets.load_dataset(path, config, split=part or None)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        first_line = str(error).partition("\n")[0]
        # The rest is advice for authors of data sets, over many lines.
        raise DataError(
            f"the data set {source!r} cannot be loaded: {first_line}"
        ) from None
    if isinstance(found, Mapping):
        if len(found) != 1:
            raise DataError(
                f"{source!r} has the splits {list(found)}: "
                f"name one, as {source}:{next(iter(found))}"
            )
        found = next(iter(found.values()))
    return _read_object(Path(path).name, found, seed)


def _read_object(name: str, source: Any, seed: int) -> Table:
    # By their attributes, so that neither pandas nor datasets need be imported.
    if hasattr(source, "columns") and hasattr(source, "notna"):
        sample = sample_positions(len(source), seed)
        return _make_sampled(name, _frame_rows(source, sample.positions), sample)
    if hasattr(source, "column_names") and hasattr(source, "features"):
        # A streamed data set has no size.
        if not hasattr(source, "select"):
            return make_table(name, numbered(_dataset_rows(source)), seed=seed)
        sample = sample_positions(len(source), seed)
        return _make_sampled(name, _sampled_dataset(source, sample), sample)
    if isinstance(source, Mapping):  # a datasets.DatasetDict among them
        raise DataError(
            f"data is one dict a row, but got a single mapping of {list(source)}: "
            "pass one part of it"
        )
    if not isinstance(source, Iterable) or isinstance(source, bytes):
        raise DataError(
            "data is a path, 'hf:org/name:split', a data frame, a datasets.Dataset or dicts, "
            f"one a row, but got {type(source).__name__}"
        )
    return make_table(name, numbered(source), seed=seed)


def _make_sampled(name: str, rows: Iterable[Row], sample: SizedSample) -> Table:
    return make_table(name, numbered(rows, sample.positions), sampled=sample)


def _frame_rows(frame: Any, positions: Sequence[int]) -> Any:
    """Return rows of a pandas DataFrame, missing cells as None."""
    if not frame.columns.is_unique:
        raise DataError(
            f"the columns of a data frame must differ, but got {list(frame.columns)}"
        )
    # Before the conversion: a million rows as objects take hundreds of megabytes.
    if len(positions) < len(frame):
        frame = frame.iloc[positions]
    # As objects, since a column of numbers cannot hold None.
    filled = frame.astype(object).where(frame.notna(), None)
    return filled.to_dict("records")


def _sampled_dataset(source: Any, sample: SizedSample) -> Iterator[Row]:
    """Yield the rows of a sample; the others stay on the disk, where datasets maps them."""
    if len(sample.positions) < sample.total:
        source = source.select(sample.positions)
    return _dataset_rows(source)


def _dataset_rows(source: Any) -> Iterator[Row]:
    """Yield the rows of a `datasets.Dataset`, class labels by their names.

    A model can say the name of a class, but not its number.
    """
    classes: dict[str, list[str]] = {}
    for name, feature in (source.features or {}).items():
        names = _class_names(feature)
        if names:
            classes[name] = names
    for row in source:
        yield _with_names(row, classes)


def _class_names(feature: Any) -> list[str]:
    """Return the names of a feature of `datasets` that is a class label, or a list of them."""
    # A list of labels is a feature with the labels' feature inside.
    inner = feature
    if not hasattr(feature, "int2str"):
        inner = getattr(feature, "feature", None)
    if inner is None or not hasattr(inner, "int2str"):
        return []
    return list(map(str, inner.names))


# --- class labels in parquet files


def _recorded_class_names(record: bytes) -> dict[str, list[str]]:
    """Return the names of classes by column, as `datasets` records them in a parquet file."""
    found: dict[str, list[str]] = {}
    try:
        features = json.loads(record)["info"]["features"]
        for name, feature in features.items():
            names = _recorded_names(feature)
            if names:
                found[name] = names
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        # Somebody else's record, in another form: the numbers are shown.
        return {}
    return found


def _recorded_names(feature: Any) -> list[str]:
    """Return the names of a class label, or of a list of class labels; nothing for any other."""
    if isinstance(feature, list):
        return _recorded_names(feature[0]) if feature else []
    if not isinstance(feature, dict):
        return []
    if feature.get("_type") == "ClassLabel":
        return [str(name) for name in feature.get("names") or []]
    return _recorded_names(feature.get("feature"))


def _with_names(row: Row, classes: Mapping[str, Sequence[str]]) -> Row:
    """Return a row whose class numbers are replaced by the names of the classes."""
    named = {
        column: _named(row.get(column), names) for column, names in classes.items()
    }
    return {**row, **named}


def _named(cell: Any, names: Sequence[str]) -> Any:
    """Return a class, or a list of classes, by name; -1 stands for no label."""
    if isinstance(cell, list):
        return [_named(each, names) for each in cell]
    if not isinstance(cell, int) or isinstance(cell, bool):
        return cell
    if 0 <= cell < len(names):
        return names[cell]
    return None if cell == -1 else cell
