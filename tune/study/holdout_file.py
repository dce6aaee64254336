"""The study's holdout beside its `best.json`: its examples, with the scores of the selected config.

With it, `tune check` asks the same examples again, even if the data file and the store are gone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tune.errors import InputError, StudyError
from tune.store.files import write_private
from tune.task.example import Example, builtin_value

HOLDOUT_FILE = "holdout.jsonl"


@dataclass(frozen=True, slots=True)
class HoldoutScores:
    """The examples that a config met on the holdout, and its score on each.

    Attributes:
        config: its values, as `best.json` has them.
        metric: the identity of the metric.
        examples: those with a score.
        scores: one for each.
    """

    config: Mapping[str, Any]
    metric: str
    examples: tuple[Example, ...]
    scores: tuple[float, ...]


def write_holdout(folder: Path, met: HoldoutScores) -> None:
    """Write the holdout into a results folder, for its owner alone.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    first = {"config": dict(met.config), "metric": met.metric}
    lines = [_json_line(first)]
    for example, score in zip(met.examples, met.scores, strict=True):
        lines.append(_json_line(_row(example, score)))
    write_private(folder / HOLDOUT_FILE, "".join(lines))


def _json_line(value: Mapping[str, Any]) -> str:
    # Values of a metadata column may be dates and the like, which JSON does not know.
    return json.dumps(value, ensure_ascii=False, default=str) + "\n"


def _row(example: Example, score: float) -> dict[str, Any]:
    # Scores and values may be numpy's, which JSON does not know.
    return {
        "id": example.id,
        "inputs": dict(example.inputs),
        "target": builtin_value(example.target),
        "target_name": example.target_name,
        "metadata": builtin_value(dict(example.metadata)),
        "score": float(score),
    }


def read_holdout(folder: Path) -> HoldoutScores:
    """Read what `write_holdout` wrote.

    Raises:
        InputError: there is none; the message says what to give instead.
        StudyError: the file is damaged.
    """
    place = folder / HOLDOUT_FILE
    try:
        # By line ends alone: `splitlines` would also cut at other characters that texts may hold.
        text = place.read_text(encoding="utf-8")
        lines = list(filter(None, text.split("\n")))
    except OSError as error:
        raise InputError(
            f"without --data the study's own holdout is asked again, but {str(place)!r} cannot be "
            f"read ({error.strerror}): give new labelled examples with --data"
        ) from None
    examples: list[Example] = []
    scores: list[float] = []
    try:
        first, *rows = map(json.loads, lines)
        for row in rows:
            scores.append(float(row.pop("score")))
            examples.append(Example(**row))
        found = HoldoutScores(
            first["config"], first["metric"], tuple(examples), tuple(scores)
        )
    # Each of these is what one kind of damage raises: a torn line, a missing or an unknown field.
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StudyError(
            f"{str(place)!r} is damaged ({error}): give new labelled examples with --data"
        ) from None
    if not found.examples or not all(map(math.isfinite, found.scores)):
        raise StudyError(
            f"{str(place)!r} holds no scored example: give new labelled examples with --data"
        )
    return found


def holdout_scores(
    config: Mapping[str, Any],
    metric: str,
    examples: Sequence[Example],
    positions: Sequence[int],
    scores: Any,
) -> HoldoutScores:
    """Return a config's scores at these positions; examples without a score are left out."""
    met: list[Example] = []
    known: list[float] = []
    for position, score in zip(positions, scores, strict=True):
        # NaN: a judge has not scored it.
        if math.isfinite(score):
            met.append(examples[position])
            known.append(float(score))
    return HoldoutScores(config, metric, tuple(met), tuple(known))
