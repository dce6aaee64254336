"""Tables from outside as worlds: one row for each answer, with its score.

A table is a parquet, CSV or JSON-lines file (the last two also as .gz). Its columns have the names
in `DEFAULTS`, or those that flags give. It holds scores and no answers, so that several answers
cannot vote: n is not searched. Temperature is searched only if the table has such a column.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from benchmarks.worlds.replay import Cell
from benchmarks.worlds.worlds import Counts, Scores, World
from tune.errors import DataError, SpaceError
from tune.pricing.prices import Price
from tune.space import Space

DEFAULTS = {
    "model": ("model",),
    "prompt": ("prompt",),
    "temperature": ("temperature",),
    "example": ("example", "example_id", "question_id", "id"),
    "draw": ("draw", "sample", "repeat"),
    "score": ("score", "correct"),
    "tokens": ("tokens", "completion_tokens", "output_tokens", "chars_out"),
    "prompt_tokens": ("prompt_tokens", "input_tokens", "chars_in"),
    "cost": ("cost", "cost_usd", "dollars"),
}
"""Names that a column may have, by what it holds. The first one that the file has is taken."""

HELP = {
    "model": "the model",
    "prompt": "the prompt",
    "temperature": "the temperature; without one it is not searched",
    "example": "the example",
    "draw": "the number of the answer, where an example has several",
    "score": "the score",
    "tokens": "length of the answer, in tokens or characters",
    "prompt_tokens": "length of the prompt, in the same unit",
    "cost": "dollars of the answer; lengths do not count then",
}

MOST_MISSING = 0.1
"""A config that lacks a larger share of the examples is left out; else the examples are."""

FEWEST = 10
"""Examples that a table needs."""

MOST_TOKENS = 1e9
"""Tokens of a prompt or an answer, or dollars, at most."""

INPUT, OUTPUT = 1.0, 4.0
"""Dollars per million tokens of every model, where a table has lengths and no dollars. A budget is
counted in average configs, so that only the ratio of the two matters.
"""

STEPS = 1000
"""Tokens of the most expensive answer of a model, where a table has dollars and no lengths."""

Row: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = tuple[Cell, str, object]
"""The config, the example and the number of an answer."""


@dataclass(frozen=True)
class TableOptions:
    """The way to read a table.

    Attributes:
        columns: names of columns, by what they hold, where they differ from the usual ones.
        low: the worst score; None takes 0 if all scores are within 0 and 1, else the smallest.
        high: the best score, likewise.
        smaller_is_better: whether small scores are good.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    smaller_is_better: bool = False


class OutsideTable(NamedTuple):
    """A table from outside.

    Attributes:
        world: the table as a world.
        notes: sentences on what was left out, or read in a way that may surprise.
    """

    world: World
    notes: tuple[str, ...]


def add_table_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of tables from outside to a command line."""
    group = parser.add_argument_group("tables from outside")
    group.add_argument(
        "--table",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="parquet, csv or jsonl with one row for each answer; may be given several times",
    )
    for name, said in HELP.items():
        usual = ", ".join(DEFAULTS[name])
        group.add_argument(
            f"--{name.replace('_', '-')}-column",
            metavar="NAME",
            help=f"{said} (default: {usual})",
        )
    group.add_argument(
        "--score-range",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="the worst and the best score that can be (default: 0 and 1 if all scores are within)",
    )
    group.add_argument(
        "--smaller-is-better", action="store_true", help="small scores are good"
    )


def read_flags(given: argparse.Namespace) -> TableOptions:
    """Return what the flags say."""
    columns = {}
    for name in DEFAULTS:
        column = getattr(given, f"{name}_column")
        if column is not None:
            columns[name] = column
    low, high = given.score_range or (None, None)
    return TableOptions(columns, low, high, given.smaller_is_better)


def load_outside(path: Path, options: TableOptions | None = None) -> OutsideTable:
    """Read a table from outside.

    Raises:
        DataError: the file cannot be read, lacks a column, holds an answer twice, or has nothing
            to search.
    """
    options = options or TableOptions()
    rows = _read_rows(path)
    if not rows:
        raise DataError(f"the table {str(path)!r} has no rows")
    columns = _find_columns(path, rows[0], options.columns)
    found = _answers(path, rows, columns)
    notes: list[str] = []
    kept = _complete(path, found, notes)
    scale = _scale(path, kept, options, notes)
    digest = hashlib.sha256(path.read_bytes())
    digest.update(repr((sorted(columns.items()), options)).encode())
    name = f"{path.name.partition('.')[0]}#{digest.hexdigest()[:8]}"
    try:
        world = _world(name, kept, columns, scale)
    except SpaceError as error:
        raise DataError(
            f"the table {str(path)!r} cannot be searched: {error}"
        ) from None
    return OutsideTable(world, tuple(notes))


def load_tables(
    parser: argparse.ArgumentParser, given: argparse.Namespace
) -> list[World]:
    """Return the tables that the flags name; say what was left out, or end with what is wrong."""
    found: dict[str, World] = {}
    for path in given.table:
        try:
            world, notes = load_outside(path, read_flags(given))
        except DataError as error:
            parser.exit(2, f"{parser.prog}: error: {error}\n")
        for note in notes:
            print(note, file=sys.stderr)
        found[world.name] = world
    return list(found.values())


# --- the file


def _read_rows(path: Path) -> list[Row]:
    """Return the rows of a file, by its ending."""
    name = path.name.removesuffix(".gz").lower()
    try:
        if name.endswith(".parquet"):
            return _read_parquet(path)
        if name.endswith(".csv"):
            return list(csv.DictReader(_text(path).splitlines()))
        if name.endswith((".jsonl", ".ndjson")):
            lines = _text(path).splitlines()
            return [_object(line, place) for place, line in enumerate(lines, 1) if line]
    except (OSError, EOFError, ValueError, csv.Error) as error:
        said = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise DataError(f"the table {str(path)!r} cannot be read: {said}") from None
    raise DataError(
        f"the table {str(path)!r} cannot be read: its name must end in .parquet, .csv or .jsonl"
    )


def _object(line: str, place: int) -> Row:
    row = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError(f"line {place} is no JSON object")
    return row


def _read_parquet(path: Path) -> list[Row]:
    from pyarrow import parquet

    # What pyarrow raises on a bad file is a ValueError or an OSError.
    rows: list[Row] = parquet.read_table(path).to_pylist()
    return rows


def _text(path: Path) -> str:
    raw = path.read_bytes()
    if path.name.lower().endswith(".gz"):
        raw = gzip.decompress(raw)
    return raw.decode("utf-8-sig")


def _find_columns(path: Path, row: Row, named: Mapping[str, str]) -> dict[str, str]:
    """Return the column of everything that the table holds."""
    columns = ", ".join(map(repr, row))
    found = {}
    for name, usual in DEFAULTS.items():
        names = (named[name],) if name in named else usual
        there = [column for column in names if column in row]
        if there:
            found[name] = there[0]
        elif name in named:
            raise DataError(
                f"the table {str(path)!r} has no column {named[name]!r}; it has {columns}"
            )
    lost = [name for name in ("example", "score") if name not in found]
    if "model" not in found and "prompt" not in found:
        lost.append("model")
    if lost:
        raise DataError(
            f"the table {str(path)!r} has no column for the {lost[0]}: name it with "
            f"--{lost[0]}-column; it has {columns}"
        )
    return found


def _answers(
    path: Path, rows: Iterable[Row], columns: Mapping[str, str]
) -> dict[Answer, dict[str, float]]:
    """Return the numbers of every answer that has a score."""
    found: dict[Answer, dict[str, float]] = {}
    seen: set[Answer] = set()
    usual = {"model": "model", "prompt": "prompt", "temperature": 0.0}
    for place, row in enumerate(rows, 1):
        where = f"row {place} of {str(path)!r}"
        given = dict(usual)
        for name in usual:
            if name in columns:
                given[name] = _required(row, columns[name], where)
        heat = _number(given["temperature"], where, "temperature")
        cell = Cell(str(given["model"]), str(given["prompt"]), heat)
        example = str(_required(row, columns["example"], where))
        draw = row.get(columns["draw"]) if "draw" in columns else 0
        answer = (cell, example, draw)
        if answer in seen:
            raise DataError(
                f"{where} is a second answer to example {example!r} by {_said(cell)}: name the "
                "column that tells answers apart with --draw-column"
            )
        seen.add(answer)
        numbers = {}
        for name in ("score", "tokens", "prompt_tokens", "cost"):
            if name in columns and not _empty(row.get(columns[name])):
                number = _number(row[columns[name]], where, columns[name])
                if name != "score" and not 0 <= number <= MOST_TOKENS:
                    raise DataError(
                        f"{where} has a {columns[name]!r} that is not within 0 and "
                        f"{MOST_TOKENS:g}: {number:g}"
                    )
                numbers[name] = number
        if "score" in numbers:
            found[answer] = numbers
    return found


def _required(row: Row, column: str, where: str) -> Any:
    value = row.get(column)
    if _empty(value):
        raise DataError(f"{where} has no value in the column {column!r}")
    return value


def _empty(value: object) -> bool:
    return (
        value is None or value == "" or (isinstance(value, float) and math.isnan(value))
    )


def _number(value: Any, where: str, name: str) -> float:
    words = {"true": 1.0, "false": 0.0}
    try:
        number = words.get(str(value).strip().lower())
        number = float(value) if number is None else number
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"{where} has no number in the column {name!r}: {value!r}")
    return number


def _said(cell: Cell) -> str:
    return f"model {cell.model!r}, prompt {cell.prompt!r}, temperature {cell.temperature:g}"


# --- what is complete

Table: TypeAlias = dict[Cell, dict[str, list[dict[str, float]]]]
"""The numbers of all answers, by config and example."""


def _complete(
    path: Path, found: Mapping[Answer, dict[str, float]], notes: list[str]
) -> Table:
    """Return the configs and examples of which nothing is missing; note what is left out."""
    table: Table = {}
    examples: dict[str, None] = {}
    for (cell, example, _), numbers in found.items():
        table.setdefault(cell, {}).setdefault(example, []).append(numbers)
        examples[example] = None
    gone = [
        cell
        for cell, held in table.items()
        if len(held) < (1 - MOST_MISSING) * len(examples)
    ]
    _leave_out(path, table, gone, "answered fewer than nine in ten examples", notes)
    some = [name for name in examples if any(name not in h for h in table.values())]
    if some and table:
        few = ", ".join(map(repr, some[:3])) + (", ..." if len(some) > 3 else "")
        notes.append(
            f"{path.name}: {len(some)} of {len(examples)} examples are left out, as not every "
            f"config answered them: {few}"
        )
    _leave_out(path, table, _ragged(table), "lack a config of the same model", notes)
    left = [example for example in examples if example not in set(some)]
    if len(table) < 2 or len(left) < FEWEST:
        raise DataError(
            f"the table {str(path)!r} has {len(table)} configs and {len(left)} examples of which "
            f"nothing is missing; there must be 2 configs and {FEWEST} examples"
        )
    return {cell: {name: held[name] for name in left} for cell, held in table.items()}


def _leave_out(
    path: Path, table: Table, gone: Sequence[Cell], why: str, notes: list[str]
) -> None:
    if gone:
        few = "; ".join(map(_said, gone[:3])) + ("; ..." if len(gone) > 3 else "")
        notes.append(
            f"{path.name}: {len(gone)} of {len(table)} configs are left out, as they {why}: {few}"
        )
    for cell in gone:
        del table[cell]


def _ragged(table: Table) -> list[Cell]:
    """Return the configs that keep a model from having all prompts at all of its temperatures."""
    gone: list[Cell] = []
    for model in dict.fromkeys(cell.model for cell in table):
        own = [cell for cell in table if cell.model == model]
        heats = {cell.temperature for cell in own}
        by_prompt: dict[str, set[float]] = {}
        for cell in own:
            by_prompt.setdefault(cell.prompt, set()).add(cell.temperature)
        whole = {prompt for prompt, there in by_prompt.items() if there == heats}
        common = set.intersection(*by_prompt.values())
        if len(whole) * len(heats) >= len(by_prompt) * len(common):
            gone += [cell for cell in own if cell.prompt not in whole]
        else:
            gone += [cell for cell in own if cell.temperature not in common]
    return gone


# --- the world


def _scale(
    path: Path, table: Table, options: TableOptions, notes: list[str]
) -> tuple[float, float]:
    """Return the scores that become 0 and 1."""
    scores = [
        numbers["score"]
        for held in table.values()
        for answers in held.values()
        for numbers in answers
    ]
    least, most = min(scores), max(scores)
    if least == most:
        raise DataError(f"every score of the table {str(path)!r} is {least:g}")
    low, high = options.low, options.high
    if low is None or high is None:
        within = least >= 0 and most <= 1
        low, high = (0.0, 1.0) if within else (least, most)
        if not within:
            notes.append(
                f"{path.name}: scores are from {least:g} to {most:g}; a point is a hundredth of "
                "that. --score-range gives another range."
            )
    if not low <= least < most <= high:
        raise DataError(
            f"the scores of the table {str(path)!r} are from {least:g} to {most:g}, not within "
            f"--score-range {low:g} {high:g}"
        )
    return (high, low) if options.smaller_is_better else (low, high)


def _world(
    name: str, table: Table, columns: Mapping[str, str], scale: tuple[float, float]
) -> World:
    worst, best = scale
    priced = "cost" in columns
    several = any(len(one) > 1 for held in table.values() for one in held.values())
    # Where the table says nothing, several answers are taken to be random.
    heat = None if "temperature" in columns else float(several)
    answers: dict[Cell, Scores] = {}
    tokens: dict[Cell, Counts] = {}
    prompts: dict[Cell, Counts] = {}
    dearest = _dearest(table)
    for cell, held in table.items():
        at = cell if heat is None else cell._replace(temperature=heat)
        # Draws are dealt out in random order, so that some may stand twice.
        most = max(map(len, held.values()))
        full = [[one[i % len(one)] for i in range(most)] for one in held.values()]
        scores = np.array([[draw["score"] for draw in row] for row in full])
        answers[at] = ((scores - worst) / (best - worst)).astype(np.float32)
        if priced:
            part = STEPS / dearest[cell.model]
            long = [[part * draw.get("cost", 0.0) for draw in row] for row in full]
        else:
            long = [[draw.get("tokens", 1.0) for draw in row] for row in full]
        tokens[at] = np.maximum(1, np.ceil(long)).astype(np.int32)
        given = [0.0 if priced else row[0].get("prompt_tokens", 0.0) for row in full]
        prompts[at] = np.ceil(given).astype(np.int32)
    cap = max(int(count.max()) for count in tokens.values())
    models = list(dict.fromkeys(cell.model for cell in answers))
    prices = {
        model: Price(0.0, 1e6 * dearest[model] / STEPS)
        if priced
        else Price(INPUT, OUTPUT)
        for model in models
    }
    return World(
        name, _space(answers, models, cap), answers, tokens, prompts, None, prices
    )


def _dearest(table: Table) -> dict[str, float]:
    """Return the dollars of the most expensive answer of each model."""
    found: dict[str, float] = {}
    for cell, held in table.items():
        costs = [draw.get("cost", 0.0) for draws in held.values() for draw in draws]
        found[cell.model] = max(found.get(cell.model, 1e-9), *costs)
    return found


def _space(cells: Iterable[Cell], models: Sequence[str], cap: int) -> Space:
    """Return a space with the prompts and temperatures that each model has."""
    cells = list(cells)
    when = {
        model: {
            "prompt": list(dict.fromkeys(c.prompt for c in cells if c.model == model)),
            "temperature": sorted({c.temperature for c in cells if c.model == model}),
        }
        for model in models
    }
    return Space(
        model=list(models),
        prompt=dict.fromkeys((cell.prompt for cell in cells), "{text}"),
        temperature=sorted({cell.temperature for cell in cells}),
        n=[1],
        max_tokens=[cap],
        when=when,
    )
