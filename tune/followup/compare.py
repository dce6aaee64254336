"""Two configurations side by side, paired where they answered the same examples."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tune.errors import InputError
from tune.followup.answers import study_answers
from tune.followup.kept_study import read_study
from tune.report.answers import AnswerRow
from tune.result.answers import WINNER
from tune.stats.intervals import (
    Interval,
    difference_interval,
    mean_interval,
    verdict,
)

MOST_SHOWN = 10
"""Examples of each side that the text shows; `--json` has all of them."""

WIDTH = 60
"""Characters of an answer in a line."""


@dataclass(frozen=True, slots=True)
class Changed:
    """An example that one configuration got right and the other one did not.

    Attributes:
        example: its id in the first study.
        target: the right answer, or None.
        first: the answer of the first configuration.
        second: that of the second.
        better: "first" or "second".
    """

    example: str
    target: str | None
    first: str | None
    second: str | None
    better: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two configurations on the examples that both answered.

    Attributes:
        first: the first as the user named it.
        second: the second.
        part: "holdout" or "tuning": where the shared examples are.
        examples: their number.
        first_quality: the mean score of the first on them.
        second_quality: that of the second.
        difference: the second minus the first, paired.
        verdict: "better", "worse" or "not distinguishable", of the second.
        changed: the examples that changed sides.
        unweighted: the metric weighs examples, and these answers do not say how.
    """

    first: str
    second: str
    part: str
    examples: int
    first_quality: Interval
    second_quality: Interval
    difference: Interval
    verdict: str
    changed: tuple[Changed, ...]
    unweighted: bool = False

    def to_record(self) -> dict[str, Any]:
        """Return the same in JSON's types."""
        record = asdict(self)
        for name in ("first_quality", "second_quality", "difference"):
            interval: Interval = getattr(self, name)
            record[name] = {
                "mean": interval.mean,
                "low": interval.low,
                "high": interval.high,
                "examples": interval.n,
            }
        return record

    def __str__(self) -> str:
        lines = [
            f"A: {self.first}: {_interval(self.first_quality)}",
            f"B: {self.second}: {_interval(self.second_quality)}",
            f"B - A: {_interval(self.difference, signed=True)} on {self.examples} {self.part} "
            f"examples that both answered: {self.verdict}.",
        ]
        lines.append(
            "Each interval is right 95 % of the time: of many comparisons, some differ by luck."
        )
        if self.part == "tuning":
            lines.append(
                "These are tuning examples: a configuration that was selected by them looks better "
                "than it is."
            )
        if self.unweighted:
            lines.append(
                "The metric weighs examples, and these answers do not say how: here, each counts "
                "the same."
            )
        for better, other, name in (("first", "B", "A"), ("second", "A", "B")):
            rows = [one for one in self.changed if one.better == better]
            lines.append(
                f"{len(rows)} examples that {name} has right and {other} has wrong"
            )
            for one in rows[:MOST_SHOWN]:
                lines.append(
                    f"  {one.example}: A {_short(one.first)}, B {_short(one.second)}, "
                    f"target {_short(one.target)}"
                )
            if len(rows) > MOST_SHOWN:
                lines.append(f"  and {len(rows) - MOST_SHOWN} more")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two: what it is called, its answers, and facts of its study.

    Attributes:
        name: as the user gave it.
        rows: its answers.
        metric: the identity of its metric.
        data: the fingerprint of its data.
        larger_is_better: the metric's direction.
        low: the smallest score; inf where it is not known.
        high: the largest score, weights included; -inf where it is not known.
    """

    name: str
    rows: Sequence[AnswerRow]
    metric: str
    data: str
    larger_is_better: bool
    low: float = math.inf
    high: float = -math.inf

    @property
    def weighs(self) -> bool:
        """True if the metric weighs examples."""
        return self.metric.startswith("balanced_accuracy")


def compare(
    first: str, second: str, *, allow_import: bool = False, **given: Any
) -> Comparison:
    """Compare two studies or two configurations. Nothing is sent.

    Args:
        first: a results folder, which stands for its winner, or FOLDER:CONFIG with a configuration
            as `tune answers` names it.
        second: the same of the other one.
        allow_import: modules may be imported that a study's journal names.
        given: `data`, `space` or `store`, where they are elsewhere now.

    Raises:
        InputError: they were scored by different metrics, or share no example.
        StudyError: there is no such study or configuration.
    """
    ours = _side(first, allow_import, given)
    theirs = _side(second, allow_import, given)
    if ours.metric != theirs.metric:
        raise InputError(
            f"the two are scored by different metrics, {ours.metric!r} and {theirs.metric!r}"
        )
    part, pairs = _pairs(ours, theirs)
    return _compared(ours, theirs, part, pairs)


def _side(named: str, allow_import: bool, given: Mapping[str, Any]) -> _Side:
    folder, config = _split(named)
    events = read_study(folder)
    identity = events[0]["identity"]
    if config == WINNER and (folder / "answers.jsonl").is_file():
        rows: Sequence[AnswerRow] = study_answers(folder)
        rows = [row for row in rows if row.configuration == WINNER]
    else:
        rows = study_answers(folder, config, allow_import=allow_import, **given)
    results = [event for event in events if event["event"] == "result"]
    side = _Side(named, rows, str(identity["metric"]), str(identity["data"]), True)
    if not results:
        return side
    report = results[-1]["record"]["report"]
    # It is empty where the study found no winner.
    metric = report["deployment_record"].get("metric", {})
    return replace(
        side,
        larger_is_better=bool(report["larger_is_better"]),
        low=float(metric.get("low", math.inf)),
        high=float(metric.get("high", -math.inf)),
    )


def _split(named: str) -> tuple[Path, str]:
    """Return the folder and the configuration that a user names."""
    # A folder may have a colon in its name, and on Windows it begins with a drive.
    if Path(named).is_dir():
        return Path(named), WINNER
    found = re.fullmatch(r"(.+):([\w -]+)", named)
    if found is None:
        return Path(named), WINNER
    return Path(found[1]), found[2]


def _pairs(ours: _Side, theirs: _Side) -> tuple[str, list[tuple[AnswerRow, AnswerRow]]]:
    """Return the part with shared examples, and the records of both on each of them.

    Raises:
        InputError: they share none.
    """
    same_data = ours.data == theirs.data
    for part in ("holdout", "tuning"):
        known = {_key(row, same_data): row for row in theirs.rows if row.part == part}
        pairs = []
        for row in ours.rows:
            key = _key(row, same_data)
            other = known.get(key) if row.part == part and key is not None else None
            if other is not None and row.score is not None and other.score is not None:
                pairs.append((row, other))
        if pairs:
            return part, pairs
    raise InputError(
        f"{ours.name} and {theirs.name} share no scored example: compare studies on the same data"
    )


def _key(row: AnswerRow, same_data: bool) -> str | None:
    """Return what makes two examples the same: their content, or their id in the same data."""
    if same_data:
        return row.example
    # Without texts nothing tells if two rows of different files are the same.
    if not row.inputs:
        return None
    return json.dumps([dict(row.inputs), row.target], sort_keys=True)


def _compared(
    ours: _Side,
    theirs: _Side,
    part: str,
    pairs: Sequence[tuple[AnswerRow, AnswerRow]],
) -> Comparison:
    first = [float(row.score or 0.0) for row, _ in pairs]
    second = [float(row.score or 0.0) for _, row in pairs]
    weights = _weights(pairs)
    heaviest = 1.0
    high = ours.high
    if ours.weighs:
        # The scores of answers are without their weights.
        heaviest, high = max(1.0, ours.high), 1.0
    low = ours.low
    if not low < high:
        # Nothing is known of the metric's range.
        low, high = 0.0, 1.0
    how: dict[str, Any] = {
        "clusters": _clusters(pairs),
        "weights": weights,
        "heaviest": heaviest,
        # The file may be of a run with other bounds.
        "low": min(low, *first, *second),
        "high": max(high, *first, *second),
    }
    difference = difference_interval(second, first, **how)
    changed = []
    for row, other in pairs:
        if bool(row.reason) != bool(other.reason):
            better = "second" if row.reason else "first"
            one = Changed(row.example, row.target, row.answer, other.answer, better)
            changed.append(one)
    return Comparison(
        first=ours.name,
        second=theirs.name,
        part=part,
        examples=len(pairs),
        first_quality=mean_interval(first, **how),
        second_quality=mean_interval(second, **how),
        difference=difference,
        verdict=verdict(difference, larger_is_better=ours.larger_is_better),
        changed=tuple(changed),
        unweighted=ours.weighs and weights is None,
    )


def _weights(pairs: Sequence[tuple[AnswerRow, AnswerRow]]) -> list[float] | None:
    """Return the weights of the examples; None where all count the same, or one is not known."""
    found: list[float] = []
    for row, other in pairs:
        weight = other.weight if row.weight is None else row.weight
        if weight is None:
            return None
        found.append(weight)
    return found


def _clusters(pairs: Sequence[tuple[AnswerRow, AnswerRow]]) -> list[Hashable]:
    """Return a label for each pair: pairs with the same one count as one observation.

    Rows of one group and rows with identical inputs do, as in every report. The two studies may
    have been told of different groups. Then the larger groups count.
    """
    ours: list[Hashable] = [row.cluster for row, _ in pairs]
    theirs: list[Hashable] = [other.cluster for _, other in pairs]
    known = [labels for labels in (ours, theirs) if None not in labels]
    if known:
        return min(known, key=lambda labels: len(set(labels)))
    # Files of older versions have no clusters.
    if all(row.inputs for row, _ in pairs):
        return [json.dumps(dict(row.inputs), sort_keys=True) for row, _ in pairs]
    return [row.example for row, _ in pairs]


def _interval(interval: Interval, *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    return (
        f"{interval.mean:{sign}.3f} [{interval.low:{sign}.3f}, "
        f"{interval.high:{sign}.3f}]"
    )


def _short(text: str | None) -> str:
    if text is None:
        return "(none)"
    line = " ".join(text.split())
    if len(line) > WIDTH:
        line = f"{line[:WIDTH]} ..."
    return repr(line)
