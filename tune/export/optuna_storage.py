"""A search as an Optuna study: its trials with both objectives, for optuna-dashboard."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tune.errors import InputError, StoreError, install_command
from tune.report.readings_table import scalar
from tune.report.records import Report, TrialRow, plain_config

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

SQLITE = (".db", ".sqlite", ".sqlite3")
"""Endings of a file that becomes an SQLite database; `.log` becomes Optuna's journal."""

ENDINGS = (*SQLITE, ".log")

Steps = Mapping[int, Mapping[int, float]]
"""The mean score of each trial after some numbers of examples."""


def check_out(out: str | Path | None) -> Path:
    """Return the file that a storage is written to.

    Raises:
        InputError: none is given, it has another ending, or it exists.
    """
    if out is None:
        raise InputError("an Optuna storage is a file: give --out FILE.db or FILE.log")
    place = Path(out)
    if place.suffix not in ENDINGS:
        raise InputError(
            f"an Optuna storage ends in {', '.join(ENDINGS)}, but got {str(place)!r}"
        )
    # It may hold other studies.
    if place.exists():
        raise InputError(f"{str(place)!r} exists: give another file with --out")
    return place


def write_storage(report: Report, steps: Steps, name: str, out: Path) -> None:
    """Write a search as an Optuna storage.

    A trial that was stopped early, on few examples, is "pruned"; a failed one has no values.

    Args:
        report: of the study.
        steps: the intermediate values.
        name: of the Optuna study.
        out: a new file; see `check_out`.

    Raises:
        InputError: optuna is not installed.
        StoreError: the file cannot be written.
    """
    try:
        import optuna
        from optuna.study import StudyDirection
    except ImportError:
        raise InputError(
            f"--to optuna needs the package optuna: {install_command('search')}"
        ) from None
    quality = StudyDirection.MINIMIZE
    if report.larger_is_better:
        quality = StudyDirection.MAXIMIZE
    directions = [quality, StudyDirection.MINIMIZE]
    level = optuna.logging.get_verbosity()
    # Optuna would tell of every study on the terminal.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with open_storage(out) as storage:
            study = optuna.create_study(
                storage=storage, study_name=name, directions=directions
            )
            with warnings.catch_warnings():
                # The names of objectives are an experimental feature of Optuna.
                warnings.simplefilter("ignore")
                study.set_metric_names([report.provenance.metric, "cost_per_request"])
            for key, value in _study_attributes(report).items():
                study.set_user_attr(key, value)
            study.add_trials(_trials(report, steps))
    except OSError as error:
        raise StoreError(f"{str(out)!r} cannot be written: {error.strerror}") from None
    finally:
        optuna.logging.set_verbosity(level)


@contextmanager
def open_storage(out: Path) -> Iterator[BaseStorage]:
    """Open a storage by the end of its name, and close it after the block."""
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    if out.suffix not in SQLITE:
        yield JournalStorage(JournalFileBackend(str(out)))
        return
    storage = RDBStorage(f"sqlite:///{out.resolve().as_posix()}")
    try:
        yield storage
    finally:
        # Else its connections stay open until the process ends.
        storage.remove_session()
        storage.engine.dispose()


def _study_attributes(report: Report) -> dict[str, Any]:
    facts = report.provenance
    found: dict[str, Any] = {
        "data": facts.data,
        "fingerprint": facts.fingerprint,
        "goal": facts.goal,
        "seed": facts.seed,
        "spent": report.money.spent,
        "budget": report.money.budget,
        "answer": report.headline,
    }
    for name, row in (("winner", report.winner), ("baseline", report.baseline)):
        if row is None:
            continue
        found[name] = plain_config(row.config)
        if row.holdout is not None:
            found[f"{name}_holdout"] = [
                row.holdout.mean,
                row.holdout.low,
                row.holdout.high,
            ]
    return found


def _trials(report: Report, steps: Steps) -> list[FrozenTrial]:
    from optuna.trial import create_trial

    distributions = _distributions(report.trials)
    found = []
    for trial in report.trials:
        params = {}
        for name, value in _settings(trial).items():
            if value is not None:
                params[name] = value
        values = _values(trial)
        found.append(
            create_trial(
                state=_state(report, trial, values),
                values=values,
                params=params,
                distributions={name: distributions[name] for name in params},
                user_attrs=_attributes(report, trial),
                intermediate_values=dict(steps.get(trial.number, {})),
            )
        )
    return found


def _settings(trial: TrialRow) -> dict[str, Any]:
    """Return the best configuration of a trial; without one, its paid point."""
    config = trial.point if trial.best is None else trial.best
    return {name: scalar(value) for name, value in config.items()}


def _values(trial: TrialRow) -> list[float] | None:
    """Return quality and cost; None without both. Seconds take the place of dollars."""
    cost = trial.cost
    if trial.service_per_request is not None:
        cost = trial.service_per_request
    if trial.quality is None or cost is None or cost != cost:  # noqa: PLR0124  (NaN)
        return None
    return [trial.quality.mean, cost]


def _state(report: Report, trial: TrialRow, values: Sequence[float] | None) -> Any:
    from optuna.trial import TrialState

    if values is None:
        return TrialState.FAIL
    # A score on a tenth of the examples is no rival of one on all of them.
    most = max(one.examples for one in report.trials)
    is_winner = report.winner is not None and report.winner.trial == trial.number
    if 2 * trial.examples >= most or is_winner:
        return TrialState.COMPLETE
    return TrialState.PRUNED


def _attributes(report: Report, trial: TrialRow) -> dict[str, Any]:
    found: dict[str, Any] = {
        "trial": trial.number,
        "state": trial.state,
        "reason": trial.reason,
        "examples": trial.examples,
        "draws": trial.draws,
        "unanswered": trial.unanswered,
        "spent": trial.spent,
        "winner": report.winner is not None and report.winner.trial == trial.number,
    }
    if trial.quality is not None:
        found["quality_low"] = trial.quality.low
        found["quality_high"] = trial.quality.high
    return found


def _distributions(trials: Sequence[TrialRow]) -> dict[str, BaseDistribution]:
    """Return a distribution for each setting that holds all of its values."""
    seen: dict[str, dict[str, Any]] = {}
    for trial in trials:
        for name, value in _settings(trial).items():
            if value is not None:
                seen.setdefault(name, {})[json.dumps(value)] = value
    return {name: _distribution(list(values.values())) for name, values in seen.items()}


def _distribution(values: Sequence[Any]) -> BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    # True is an int in Python, and no number here.
    if not all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in values
    ):
        return CategoricalDistribution(sorted(values, key=str))
    if all(isinstance(one, int) for one in values):
        return IntDistribution(min(values), max(values))
    return FloatDistribution(float(min(values)), float(max(values)))
