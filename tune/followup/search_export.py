"""The whole search of a study for other tools: an Optuna storage, a table as CSV or Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tune.errors import InputError, StoreError, TuneError, install_command
from tune.export.optuna_storage import check_out, write_storage
from tune.followup.kept_study import KeptStudy
from tune.report.readings_table import reading_records, readings_csv
from tune.store.files import write_private
from tune.study.study import Study, recorded_study

NAMES = ("optuna", "csv", "parquet")
"""Exports of a whole search; those of a winner are in `tune.export`."""

FIRST_STEP = 8
"""Examples of the first intermediate value; each further one has twice as many."""


@dataclass(frozen=True, slots=True)
class SearchExport:
    """The result of an export.

    Attributes:
        name: of the export.
        text: the table, where it goes to standard output; else "".
        written: the file, or None.
        notes: what the reader should know.
    """

    name: str
    text: str = ""
    written: Path | None = None
    notes: tuple[str, ...] = ()


def export_search(
    folder: str | Path, name: str, out: str | Path | None = None, **given: Any
) -> SearchExport:
    """Write a search for another tool. Nothing is sent.

    Args:
        folder: the study's results folder, or a file in it.
        name: one of `NAMES`.
        out: the file.
        given: as for `tune.followup.report`.

    Raises:
        InputError: the file is missing or exists, or a package is missing.
        StudyError: there is no finished study.
        StoreError: the file cannot be written.
    """
    place = Path(folder)
    if place.is_file():
        place = place.parent
    if name == "optuna":
        return _optuna(place, check_out(out), given)
    if out is not None and Path(out).is_dir():
        raise InputError(
            f"{str(out)!r} is a folder: give a file, as --out {Path(out) / f'search.{name}'}"
        )
    study = _study(place)
    if name == "parquet":
        return _parquet(study, out)
    text = readings_csv(study.record)
    if out is None:
        return SearchExport(name, text=text)
    _write(Path(out), text)
    return SearchExport(name, written=Path(out))


def _study(place: Path) -> Study:
    kept = KeptStudy(place)
    return recorded_study(place, kept.events)


def _optuna(place: Path, out: Path, given: Mapping[str, Any]) -> SearchExport:
    study = _study(place)
    steps: Mapping[int, Mapping[int, float]] = {}
    notes: tuple[str, ...] = ()
    try:
        steps = _steps(KeptStudy(place, given))
    except TuneError as error:
        notes = (f"intermediate values are missing: {error}",)
    write_storage(study.record, steps, place.resolve().name, out)
    return SearchExport("optuna", written=out, notes=notes)


def _steps(kept: KeptStudy) -> dict[int, dict[int, float]]:
    """Return the mean score of each trial's best reading after 8, 16, 32, ... examples."""
    found: dict[int, dict[int, float]] = {}
    with kept.replayed(as_study="export") as (_, record):
        for number, standing in record.standings.items():
            best = standing.best(record.problem)
            if best is None:
                continue
            # Examples are bought in the study's seeded order, in which readings have them.
            sums = np.cumsum(best.scores)
            weights = np.arange(1, len(sums) + 1, dtype=float)
            if best.weights is not None:
                weights = np.cumsum(best.weights)
            size, means = FIRST_STEP, {}
            while size < len(sums):
                means[size] = float(sums[size - 1] / weights[size - 1])
                size *= 2
            means[len(sums)] = float(sums[-1] / weights[-1])
            found[number] = {
                step: mean for step, mean in means.items() if np.isfinite(mean)
            }
    return found


def _parquet(study: Study, out: str | Path | None) -> SearchExport:
    import pandas as pd

    if out is None:
        raise InputError("a Parquet table is a file: give --out FILE.parquet")
    frame = pd.DataFrame(reading_records(study.record))
    # A dimension may have numbers for one model and words for another.
    for column in frame.columns:
        kinds = set(map(type, frame[column].dropna()))
        if len(kinds) > 1 and str in kinds:
            frame[column] = frame[column].map(
                lambda value: None if value is None else str(value)
            )
    try:
        frame.to_parquet(out)
    except ImportError:
        raise InputError(
            f"--to parquet needs the package pyarrow: {install_command('data')}"
        ) from None
    except OSError as error:
        raise StoreError(
            f"{str(out)!r} cannot be written: {error.strerror or error}"
        ) from None
    return SearchExport("parquet", written=Path(out))


def _write(out: Path, text: str) -> None:
    try:
        write_private(out, text)
    except OSError as error:
        raise StoreError(f"{str(out)!r} cannot be written: {error.strerror}") from None
