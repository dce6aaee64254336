"""Records of where a configuration fails: confusion matrix, slices and doubtful labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tune.report.text import inline, number, table, with_limits
from tune.stats.intervals import Interval

MOST_DOUBTFUL_LABELS = 20
"""Rows with a doubtful label that a report shows."""

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
        return self.counts[place][place] / examples if examples else None

    @property
    def balanced_accuracy(self) -> float | None:
        """The mean recall of the labels that have examples; None if none has."""
        known = [
            recall
            for label in self.labels
            if (recall := self.recall(label)) is not None
        ]
        return sum(known) / len(known) if known else None


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
    """A row whose label all strong configurations contradict with one voice.

    Attributes:
        example: the row's id.
        label: what the data says.
        answer: what they say.
        configs: how many of them.
        answers: how many answers they gave.
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
    """Where the winner fails.

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
    """The section of `report.md`; "" where nothing is known."""
    if failing is None:
        return ""
    parts = [*_confusion(failing), *_slices(failing), *_doubtful_labels(failing)]
    return "\n\n".join(["## Where it fails", *parts]) if parts else ""


def _confusion(failing: Failing) -> list[str]:
    confusion = failing.confusion
    if confusion is None or confusion.balanced_accuracy is None:
        return []
    said = (
        f"Of the winner on {failing.on} examples, by label. Balanced accuracy, the mean of the "
        f"recalls: {number(confusion.balanced_accuracy)}."
    )
    wide = len(confusion.labels) > MOST_COLUMNS
    answers = [] if wide else [*map(inline, confusion.labels), "another answer", "none"]
    rows = []
    for label, counts in zip(confusion.labels, confusion.counts, strict=True):
        recall = confusion.recall(label)
        shown = "-" if recall is None else number(recall)
        cells = [] if wide else [f"{round(count, 1):g}" for count in counts]
        rows.append([inline(label), f"{confusion.examples(label):,}", shown, *cells])
    return [said, table(["label in the data", "examples", "recall", *answers], rows)]


def _slices(failing: Failing) -> list[str]:
    if not failing.slices:
        return []
    rows = [
        [
            inline(one.column),
            inline(one.value),
            f"{one.quality.n:,}",
            with_limits(one.quality),
            with_limits(one.baseline),
        ]
        for one in failing.slices
    ]
    note = (
        f"By column, on {failing.on} examples. Many slices are looked at, so one that stands out "
        "may do so by luck."
    )
    return [note, table(["column", "value", "examples", "winner", "baseline"], rows)]


def _doubtful_labels(failing: Failing) -> list[str]:
    if not failing.doubtful_labels:
        return []
    rows = [
        [
            inline(one.example),
            inline(one.label),
            inline(one.answer),
            f"{one.configs}",
            inline(one.shown),
        ]
        for one in failing.doubtful_labels[:MOST_DOUBTFUL_LABELS]
    ]
    more = len(failing.doubtful_labels) - MOST_DOUBTFUL_LABELS
    note = (
        "Check these labels: on these tuning rows all strong configurations agree with each "
        "other, and not with the data."
        + (f" {more} more are in `best.json`." if more > 0 else "")
    )
    return [
        note,
        table(
            ["row", "label in the data", "they all say", "configurations", "inputs"],
            rows,
        ),
    ]


def failing_sentences(failing: Failing | None) -> list[str]:
    """The lines in a terminal: the label with the lowest recall, and how many labels look wrong."""
    if failing is None:
        return []
    found = []
    confusion = failing.confusion
    if confusion is not None and confusion.balanced_accuracy is not None:
        known = {
            label: recall
            for label in confusion.labels
            if (recall := confusion.recall(label)) is not None
        }
        worst = min(known, key=lambda label: known[label])
        found.append(
            f"Balanced accuracy of the winner: {number(confusion.balanced_accuracy)} on "
            f"{failing.on} examples; lowest recall: {number(known[worst])} for {worst!r} "
            f"({confusion.examples(worst)} examples)."
        )
    if failing.doubtful_labels:
        rows = ", ".join(one.example for one in failing.doubtful_labels[:5])
        found.append(
            "Check these labels: all strong configurations contradict the data on "
            f"{len(failing.doubtful_labels)} tuning rows (rows "
            f"{rows}{', ...' if len(failing.doubtful_labels) > 5 else ''})."
        )
    return found


def failing_record(failing: Failing | None) -> dict[str, Any] | None:
    """The same for programs."""
    if failing is None:
        return None
    confusion = failing.confusion
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
    """A mapping for each slice."""
    return [
        {
            "column": one.column,
            "value": one.value,
            "examples": one.quality.n,
            "quality": one.quality.mean,
            "quality_low": one.quality.low,
            "quality_high": one.quality.high,
            "baseline": None if one.baseline is None else one.baseline.mean,
        }
        for one in slices
    ]


def doubtful_label_rows(
    doubtful_labels: Sequence[DoubtfulLabel],
) -> list[dict[str, Any]]:
    """A mapping for each row whose label looks wrong."""
    return [
        {
            "row": one.example,
            "label": one.label,
            "answer": one.answer,
            "configs": one.configs,
            "answers": one.answers,
            "inputs": one.shown,
        }
        for one in doubtful_labels
    ]


def confusion_rows(confusion: Confusion) -> Mapping[str, list[float]]:
    """The columns of the matrix: by answer, the counts for each label in order."""
    answers = (*confusion.labels, "another answer", "no answer")
    return {
        answer: [counts[place] for counts in confusion.counts]
        for place, answer in enumerate(answers)
    }
