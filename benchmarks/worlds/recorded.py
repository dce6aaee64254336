"""Recorded tables as files: one row for each draw, and what the table is in the file's own
metadata.

`benchmarks/worlds/tables/README.md` says what the columns mean. `load` makes of a file what
`benchmarks/worlds/replay.py` serves.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.worlds.replay import Cell, Table, told
from tune.completion import Completion
from tune.errors import DataError
from tune.pricing.prices import Price
from tune.task.extract import Extractor, parse_extractor

TABLES = Path(__file__).parent / "tables"

Row = dict[str, Any]
"""One draw, by column."""

COLUMNS = {
    "model": "string",
    "prompt": "string",
    "temperature": "double",
    "example": "int32",
    "target": "string",
    "prompt_tokens": "int32",
    "max_tokens": "int32",
    "draw": "int16",
    "answer": "string",
    "tokens": "int32",
    "reasoning_tokens": "int32",
    "finish": "string",
    "score": "double",
    "text": "string",
    "token_ends": "ends",
}
"""Every column and its type; `ends` is a list of int32."""

NEEDED = frozenset(COLUMNS) - {"reasoning_tokens", "text", "token_ends"}
"""Columns that every table has."""


def save(path: Path, rows: Iterable[Row], about: Mapping[str, str]) -> None:
    """Write a table, whole or not at all.

    Args:
        path: where.
        rows: in the order in which they are kept; what is alike should lie together. A row may lack
            `text` and `token_ends`.
        about: what the table is: task, licence, origin, prices, ...

    Raises:
        DataError: it cannot be written there.
    """
    import pyarrow as pa
    from pyarrow import parquet

    ends = pa.list_(pa.field("element", pa.int32()))
    fields = [
        (name, ends if kind == "ends" else pa.type_for_alias(kind))
        for name, kind in COLUMNS.items()
    ]
    table = pa.Table.from_pylist(
        list(rows), schema=pa.schema(fields, metadata=dict(about))
    )
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(
            table,
            part,
            compression="zstd",
            compression_level=19,
            use_dictionary=[
                name for name in COLUMNS if name not in ("text", "token_ends")
            ],
            column_encoding={"token_ends.list.element": "DELTA_BINARY_PACKED"},
            write_statistics=False,
        )
        os.replace(part, path)
    except OSError as error:
        raise DataError(
            f"the table {str(path)!r} cannot be written: {error.strerror or error}"
        ) from None


def read_rows(path: Path) -> list[Row]:
    """Every draw of a table, in the order of the file.

    Raises:
        DataError: there is no such file, or it is no table of draws.
    """
    from pyarrow import ArrowInvalid, parquet

    try:
        found = parquet.read_table(path)
    except (OSError, ArrowInvalid) as error:
        raise DataError(f"the table {str(path)!r} cannot be read: {error}") from None
    missing = sorted(NEEDED - set(found.column_names))
    if missing:
        raise DataError(
            f"the file {str(path)!r} is no table of draws: it lacks the columns {missing}"
        )
    rows: list[Row] = found.to_pylist()
    return rows


def read_about(path: Path) -> dict[str, str]:
    """Return a table's own description: task, licence, origin, prices, date, version, ..."""
    from pyarrow import parquet

    stated = parquet.read_schema(path).metadata or {}
    return {
        key.decode(): value.decode()
        for key, value in stated.items()
        if not key.startswith(b"ARROW:")
    }


def load(
    path: Path, prices: Mapping[str, Price] | None = None, *, texts: bool = True
) -> Table:
    """A recorded table as an endpoint serves it.

    A draw without a text is made up of as many tokens as it had, its answer last (`replay.told`).

    Args:
        path: the file.
        prices: by model, instead of those that the file states.
        texts: whether draws say what they said; otherwise each is made up, so that its answer is
            the last word.

    Raises:
        DataError: the file cannot be read, states no price of a model, or lacks draws of a cell.
    """
    rows = read_rows(path)
    targets = {row["example"]: row["target"] or "" for row in rows}
    found: dict[Cell, dict[int, list[Completion]]] = {}
    caps: dict[Cell, int] = {}
    for row in rows:
        cell = Cell(row["model"], row["prompt"], row["temperature"])
        caps[cell] = max(caps.get(cell, 0), row["max_tokens"])
        found.setdefault(cell, {}).setdefault(row["example"], []).append(
            to_completion(row if texts else {**row, "text": None})
        )
    for cell, draws in found.items():
        if draws.keys() != targets.keys():
            raise DataError(
                f"{str(path)!r} has {len(targets)} examples, but {len(draws)} of them for {cell}"
            )
    stated = prices if prices is not None else read_prices(path)
    unpriced = sorted({cell.model for cell in found} - stated.keys())
    if unpriced:
        raise DataError(
            f"{str(path)!r} states no price of {unpriced}: give load(path, prices)"
        )
    order = sorted(targets)
    return Table(
        name=path.stem,
        cells={
            cell: [draws[example] for example in order] for cell, draws in found.items()
        },
        caps=caps,
        targets=[targets[example] for example in order],
        prices=dict(stated),
    )


def dump_prices(prices: Mapping[str, Price]) -> str:
    """Prices by model, as the metadata state them."""
    return json.dumps(
        {
            model: {k: v for k, v in asdict(price).items() if v != ()}
            for model, price in prices.items()
        }
    )


def read_prices(path: Path) -> dict[str, Price]:
    """The prices that a table states, by model; none where it states none."""
    stated: dict[str, dict[str, Any]] = json.loads(read_about(path).get("prices", "{}"))
    return {model: _price(record) for model, record in stated.items()}


def _price(record: Mapping[str, Any]) -> Price:
    long = tuple((start, _price(dearer)) for start, dearer in record.get("long", ()))
    return Price(**{**record, "long": long})


def read_extract(path: Path) -> Extractor:
    """Return the answer rule of a table, for texts that are cut shorter than they were drawn."""
    return parse_extractor(json.loads(read_about(path)["space"]).get("answer"))


def read_scores(path: Path) -> dict[tuple[int, str], float]:
    """Return the scores by the task's own metric, by example and answer.

    They serve tables whose metric is expensive to run again, such as one that runs code. Answers in
    texts that are cut shorter than they were drawn are not among them.
    """
    return {
        (row["example"], row["answer"]): row["score"]
        for row in read_rows(path)
        if row["answer"] is not None
    }


def to_completion(row: Row) -> Completion:
    """One row as the draw that it was."""
    if row.get("text") is None and row["tokens"]:
        tokens = min(row["tokens"], row["max_tokens"])
        ended = row["finish"] == "stop" and row["tokens"] <= row["max_tokens"]
        draw = told(
            row["answer"], tokens, ended=ended, prompt_tokens=row["prompt_tokens"]
        )
        return replace(
            draw, completion_tokens=tokens
        )  # not every service counts the token that ends a text
    ends = row.get("token_ends")
    return Completion(
        text=row.get("text") or "",
        finish_reason=row["finish"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["tokens"],
        reasoning_tokens=row.get("reasoning_tokens") or 0,
        seconds=0.02
        * row["tokens"],  # as `told` has it: what it took on a busy machine says little
        model=row["model"],
        token_ends=None if ends is None else tuple(ends),
    )
