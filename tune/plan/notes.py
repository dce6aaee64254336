"""What a user should know of the data before the first dollar, in whole sentences."""

from __future__ import annotations

from collections import Counter, defaultdict

from tune.plan.default_space import find_labels
from tune.task.example import Data, Example, canonical_json, to_text

MOST_NAMED = 3
"""Rows or spellings that a sentence names."""


def data_notes(data: Data, *, metric: str, is_default_space: bool) -> tuple[str, ...]:
    """The sentences, those of reading the data first.

    Args:
        data: as it was read.
        metric: its name.
        is_default_space: whether tune makes the prompts.
    """
    labels = find_labels(data)
    found = [*data.notes, *_spellings(data, labels), *_lists(data, metric), *_conflicts(data)]
    if is_default_space and labels and all(label.lstrip("-").isdigit() for label in labels):
        shown = ", ".join(labels[:MOST_NAMED])
        found.append(
            f"The labels ({shown}) are numbers, and no prompt says what they mean: name a column with their names as "
            f"--target, or give prompts that explain them with --space."
        )
    return tuple(found)


def _spellings(data: Data, labels: list[str]) -> list[str]:
    """Labels that differ in case and spaces alone."""
    if not labels:
        return []
    spelled: defaultdict[str, dict[str, Example]] = defaultdict(dict)
    for example in data.examples:
        if example.target is not None:
            text = to_text(example.target)
            spelled[_fold(text)].setdefault(text, example)
    several = [ways for ways in spelled.values() if len(ways) > 1]
    if not several:
        return []
    shown = [
        " and ".join(
            f"{text!r} (row {example.id})" for text, example in list(ways.items())[:MOST_NAMED]
        )
        for ways in several[:MOST_NAMED]
    ]
    return [
        f"Labels of {data.name!r} are spelled in several ways: {'; '.join(shown)}. Case and spaces make no difference "
        f"to the answer rule and to exact_match; a metric of your own sees them as they stand."
    ]


def _lists(data: Data, metric: str) -> list[str]:
    """How lists as targets are read."""
    if not any(isinstance(example.target, list | tuple) for example in data.examples):
        return []
    if metric == "same_set":
        return [
            f"Targets of {data.name!r} are lists of labels: an answer is right when it names exactly these, in any "
            f"order."
        ]
    if metric in ("exact_match", "one_of"):
        return [
            f"Targets of {data.name!r} are lists, read as accepted answers: an answer is right when it is one of them. "
            f"--metric same_set compares whole lists instead."
        ]
    return []


def _conflicts(data: Data) -> list[str]:
    """Rows with equal inputs and different targets, and the ceiling that they set."""
    rows: defaultdict[str, list[Example]] = defaultdict(list)
    for example in data.examples:
        if example.target is not None:
            rows[canonical_json(dict(example.inputs))].append(example)
    best, disputed, pair = 0, 0, None
    for examples in rows.values():
        targets = Counter(_fold(canonical_json(example.target)) for example in examples)
        best += max(targets.values())
        if len(targets) > 1:
            disputed += len(examples)
            other = next(
                e
                for e in examples
                if _fold(canonical_json(e.target)) != _fold(canonical_json(examples[0].target))
            )
            pair = pair or (examples[0], other)
    if pair is None:
        return []
    one, other = pair
    total = sum(map(len, rows.values()))
    return [
        f"{disputed} rows of {data.name!r} have the same inputs as another row and another target: rows {one.id} and "
        f"{other.id} want {one.target!r} and {other.target!r}. No configuration can be right on more than "
        f"{best / total:.1%} of the rows: correct the labels, leave such rows out, or name the column that tells them "
        f"apart with --input."
    ]


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())
