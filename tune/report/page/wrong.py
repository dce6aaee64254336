"""The section of the page on wrong answers: reasons, labels, and slices of the data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tune.report.error_analysis import MOST_COLUMNS, Confusion, Failing, failing_section
from tune.report.records import Report
from tune.report.spread import pass_at_k_section, repeats_section
from tune.report.text import number
from tune.report.wrong_answers import wrong_section

SHADES = 9
"""Shades of the confusion matrix, from no answer to all answers of a label."""


def wrong(report: Report) -> dict[str, Any] | None:
    """Return why answers are wrong and where the winner fails; None where nothing is known."""
    parts: dict[str, Any] = {
        "reasons": wrong_section(report),
        "confusion": _confusion(report.failing),
        "failing": _others(report.failing),
        "pass_at_k": pass_at_k_section(report.pass_at_k),
        "repeats": repeats_section(report.repeats),
    }
    if not any(parts.values()):
        return None
    return parts


def _others(failing: Failing | None) -> str:
    """Return slices and doubtful labels, and a matrix that is too wide to be shaded."""
    if failing is None:
        return ""
    if _confusion(failing) is not None:
        failing = replace(failing, confusion=None)
    return failing_section(failing)


def _confusion(failing: Failing | None) -> dict[str, Any] | None:
    """Return the confusion matrix; None without one, or if it is too wide for a page."""
    if failing is None or failing.confusion is None:
        return None
    confusion = failing.confusion
    balanced = confusion.balanced_accuracy
    if balanced is None or len(confusion.labels) > MOST_COLUMNS:
        return None
    rows = [_row(confusion, place) for place in range(len(confusion.labels))]
    return {
        "on": failing.on,
        "balanced": number(balanced),
        "answers": [*confusion.labels, "another answer", "none"],
        "rows": rows,
    }


def _row(confusion: Confusion, place: int) -> dict[str, Any]:
    """Return the answers to the examples of one label."""
    label, counts = confusion.labels[place], confusion.counts[place]
    recall = confusion.recall(label)
    total = sum(counts)
    cells = []
    for column, count in enumerate(counts):
        shade = round(SHADES * count / total) if total else 0
        # Answers that depend on the order of the draws count in parts.
        shown = f"{round(count, 1):g}"
        cells.append({"count": shown, "shade": shade, "right": column == place})
    return {
        "label": label,
        "examples": confusion.examples(label),
        "recall": "-" if recall is None else number(recall),
        "cells": cells,
    }
