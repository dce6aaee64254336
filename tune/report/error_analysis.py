"""Records of where a configuration fails: confusion matrix, slices and doubtful labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tune.report.text import inline, number, table, with_limits
from tune.stats.intervals import Interval

MOST_DOUBTFUL_LABELS = 20
"""Rows with a doubtful label that a report shows."""

MOST_NAMED = 5
"""Rows with a doubtful label that a terminal names."""

MOST_COLUMNS = 12
"""Labels up to which the confusion matrix is shown as a table; larger ones are in the JSON."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """The confusion matrix, one answer for each example.

    Attributes:
        labels: the labels of the data.
        counts: one row for each label of the data: how often each label was answered, then any
            other answer, then none. If the answer depends on the order of the draws, it counts in
            parts.
    """

    labels: tuple[str, ...]
    counts: tuple[tuple[float, ...], ...]

    def examples(self, label: str) -> int:
        """Return the number of examples with a label."""
        return round(sum(self.counts[self.labels.index(label)]))

    def recall(self, label: str) -> float | None:
        """Return the share of a label's examples answered right; None without examples."""
        place = self.labels.index(label)
        examples = sum(self.counts[place])
        if not examples:
            return None
        return self.counts[place][place] / examples

    @property
    def recalls(self) -> dict[str, float]:
        """The recall of each label that has examples."""
        known = {}
        for label in self.labels:
            recall = self.recall(label)
            if recall is not None:
                known[label] = recall
        return known

    @property
    def balanced_accuracy(self) -> float | None:
        """The mean recall of the labels that have examples; None if none has."""
        known = self.recalls
        if not known:
            return None
        return sum(known.values()) / len(known)


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows with one value of a column, or with values in one range.

    Attributes:
        column: its name.
        value: in words.
        quality: of the winner on these rows.
        baseline: of the baseline on them, or None.
    """

    column: str
    value: str
    quality: Interval
    baseline: Interval | None = None


@dataclass(frozen=True, slots=True)
class DoubtfulLabel:
    """A row whose label all strong configurations contradict with the same answer.

    Attributes:
        example: the row's id.
        label: the label in the data.
        answer: the answer that they agree on.
        configs: the number of these configurations.
        answers: the number of their answers.
        shown: the beginning of the row's inputs.
    """

    example: str
    label: str
    answer: str
    configs: int
    answers: int
    shown: str


@dataclass(frozen=True, slots=True)
class Failing:
    """The errors of the winner.

    Attributes:
        on: "holdout" or "tuning": the examples of the confusion matrix and the slices.
        confusion: None unless the targets are a few labels.
        slices: the quality by the columns that the user named.
        doubtful_labels: tuning rows with a label that looks wrong.
    """

    on: str = "tuning"
    confusion: Confusion | None = None
    slices: tuple[Slice, ...] = ()
    doubtful_labels: tuple[DoubtfulLabel, ...] = ()


def failing_section(failing: Failing | None) -> str:
    """Return the section of `report.md`; "" where nothing is known."""
    if failing is None:
        return ""
    parts = [*_confusion(failing), *_slices(failing), *_doubtful_labels(failing)]
    if not parts:
        return ""
    return "\n\n".join(["## Where it fails", *parts])


def _confusion(failing: Failing) -> list[str]:
    confusion = failing.confusion
    if confusion is None or confusion.balanced_accuracy is None:
        return []
    said = (
        f"Of the winner on {failing.on} examples, by label. Balanced accuracy, the mean of the "
        f"recalls: {number(confusion.balanced_accuracy)}."
    )
    header = ["label in the data", "examples", "recall"]
    is_wide = len(confusion.labels) > MOST_COLUMNS
    if not is_wide:
        header += [*map(inline, confusion.labels), "another answer", "none"]
    rows = []
    for label, counts in zip(confusion.labels, confusion.counts, strict=True):
        recall = confusion.recall(label)
        shown = "-"
        if recall is not None:
            shown = number(recall)
        row = [inline(label), f"{confusion.examples(label):,}", shown]
        if not is_wide:
            # Answers that depend on the order of the draws count in parts.
            row += [f"{round(count, 1):g}" for count in counts]
        rows.append(row)
    return [said, table(header, rows)]


def _slices(failing: Failing) -> list[str]:
    if not failing.slices:
        return []
    rows = []
    for one in failing.slices:
        row = [
            inline(one.column),
            inline(one.value),
            f"{one.quality.n:,}",
            with_limits(one.quality),
            with_limits(one.baseline),
        ]
        rows.append(row)
    # Intervals of slices are not corrected for their number, so the reader must be warned.
    note = (
        f"By column, on {failing.on} examples. Many slices are looked at, so one that stands out "
        "may do so by luck."
    )
    return [note, table(["column", "value", "examples", "winner", "baseline"], rows)]


def _doubtful_labels(failing: Failing) -> list[str]:
    if not failing.doubtful_labels:
        return []
    rows = []
    for one in failing.doubtful_labels[:MOST_DOUBTFUL_LABELS]:
        row = [
            inline(one.example),
            inline(one.label),
            inline(one.answer),
            f"{one.configs}",
            inline(one.shown),
        ]
        rows.append(row)
    note = (
        "Check these labels: on these tuning rows all strong configurations agree with each other, "
        "and not with the data."
    )
    more = len(failing.doubtful_labels) - MOST_DOUBTFUL_LABELS
    if more > 0:
        note += f" {more} more are in `best.json`."
    header = ["row", "label in the data", "they all say", "configurations", "inputs"]
    return [note, table(header, rows)]


def failing_sentences(failing: Failing | None) -> list[str]:
    """Return the lines in a terminal: the lowest recall, and the number of doubtful labels."""
    if failing is None:
        return []
    found = []
    confusion = failing.confusion
    if confusion is not None and confusion.balanced_accuracy is not None:
        recalls = confusion.recalls
        # The label that is most often wrong, which the mean hides.
        worst = min(recalls, key=recalls.__getitem__)
        found.append(
            f"Balanced accuracy of the winner: {number(confusion.balanced_accuracy)} on "
            f"{failing.on} examples; lowest recall: {number(recalls[worst])} for {worst!r} "
            f"({confusion.examples(worst)} examples)."
        )
    doubtful = [one.example for one in failing.doubtful_labels]
    if doubtful:
        rows = ", ".join(doubtful[:MOST_NAMED])
        if len(doubtful) > MOST_NAMED:
            rows += ", ..."
        found.append(
            "Check these labels: all strong configurations contradict the data on "
            f"{len(doubtful)} tuning rows (rows {rows})."
        )
    return found


def failing_record(failing: Failing | None) -> dict[str, Any] | None:
    """Return the same for programs."""
    if failing is None:
        return None
    confusion = failing.confusion
    # Programs get the whole matrix, however many labels it has.
    matrix = None
    if confusion is not None:
        matrix = {
            "labels": list(confusion.labels),
            "counts": list(map(list, confusion.counts)),
            "recall": {label: confusion.recall(label) for label in confusion.labels},
            "balanced_accuracy": confusion.balanced_accuracy,
        }
    return {
        "on": failing.on,
        "confusion": matrix,
        "slices": slice_rows(failing.slices),
        "check_these_labels": doubtful_label_rows(failing.doubtful_labels),
    }


def slice_rows(slices: Sequence[Slice]) -> list[dict[str, Any]]:
    """Return a mapping for each slice."""
    rows = []
    for one in slices:
        row: dict[str, Any] = {
            "column": one.column,
            "value": one.value,
            "examples": one.quality.n,
            "quality": one.quality.mean,
            "quality_low": one.quality.low,
            "quality_high": one.quality.high,
            "baseline": None,
        }
        if one.baseline is not None:
            row["baseline"] = one.baseline.mean
        rows.append(row)
    return rows


def doubtful_label_rows(
    doubtful_labels: Sequence[DoubtfulLabel],
) -> list[dict[str, Any]]:
    """Return a mapping for each row whose label looks wrong."""
    rows = []
    for one in doubtful_labels:
        row = {
            "row": one.example,
            "label": one.label,
            "answer": one.answer,
            "configs": one.configs,
            "answers": one.answers,
            "inputs": one.shown,
        }
        rows.append(row)
    return rows


def confusion_rows(confusion: Confusion) -> Mapping[str, list[float]]:
    """Return the columns of the matrix: by answer, the counts for each label in order."""
    answers = (*confusion.labels, "another answer", "no answer")
    columns = map(list, zip(*confusion.counts, strict=True))
    return dict(zip(answers, columns, strict=True))
