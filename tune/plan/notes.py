"""Notes on the data that a user should read before the first dollar, in whole sentences."""

from __future__ import annotations

from collections import Counter, defaultdict

from tune.plan.default_space import find_labels
from tune.task.example import Data, Example, canonical_json, to_text

MOST_NAMED = 3
"""Rows or spellings that a sentence names."""


def data_notes(data: Data, *, metric: str, is_default_space: bool) -> tuple[str, ...]:
    """Return the notes, those of reading the data first.

    Args:
        data: the examples as they were read.
        metric: the name of the metric.
        is_default_space: whether tune makes the prompts.
    """
    labels = find_labels(data)
    found = [
        *data.notes,
        *_spellings(data, labels),
        *_lists(data, metric),
        *_conflicts(data),
    ]
    # A model cannot know that 0 means negative; it guesses, and the search optimises the guesses.
    are_numbers = all(label.lstrip("-").isdigit() for label in labels)
    if is_default_space and labels and are_numbers:
        shown = ", ".join(labels[:MOST_NAMED])
        found.append(
            f"The labels ({shown}) are numbers, and no prompt says what they mean: name a column "
            f"with their names as --target, or give prompts that explain them with --space."
        )
    return tuple(found)


def _spellings(data: Data, labels: list[str]) -> list[str]:
    """Return a note on labels that differ only in case and spaces."""
    if not labels:
        return []
    # For each label its spellings, each with the first row that has it.
    spelled: defaultdict[str, dict[str, Example]] = defaultdict(dict)
    for example in data.examples:
        if example.target is not None:
            text = to_text(example.target)
            spelled[_fold(text)].setdefault(text, example)
    shown = []
    for ways in spelled.values():
        named = list(ways.items())[:MOST_NAMED]
        if len(named) > 1:
            shown.append(
                " and ".join(f"{text!r} (row {example.id})" for text, example in named)
            )
    if not shown:
        return []
    listed = "; ".join(shown[:MOST_NAMED])
    return [
        f"Labels of {data.name!r} are spelled in several ways: {listed}. Case and "
        f"spaces make no difference to the answer rule and to exact_match; a metric of your own "
        f"sees them as they stand."
    ]


def _lists(data: Data, metric: str) -> list[str]:
    """Return a note on targets that are lists."""
    if not any(isinstance(example.target, list | tuple) for example in data.examples):
        return []
    if metric == "same_set":
        return [
            f"Targets of {data.name!r} are lists of labels: an answer is right when it names "
            f"exactly these, in any order."
        ]
    if metric in ("exact_match", "one_of"):
        return [
            f"Targets of {data.name!r} are lists, read as accepted answers: an answer is right "
            f"when it is one of them. --metric same_set compares whole lists instead."
        ]
    return []


def _conflicts(data: Data) -> list[str]:
    """Return a note on rows with equal inputs and different targets."""
    rows: defaultdict[str, list[Example]] = defaultdict(list)
    for example in data.examples:
        if example.target is not None:
            rows[canonical_json(dict(example.inputs))].append(example)
    # A config answers equal inputs equally, so at best it is right on the most frequent target.
    best, disputed = 0, 0
    pair: tuple[Example, Example] | None = None
    for examples in rows.values():
        targets = [_fold(canonical_json(example.target)) for example in examples]
        best += max(Counter(targets).values())
        if len(set(targets)) > 1:
            disputed += len(examples)
            # One pair is enough to show the user where to look.
            if pair is None:
                others = [i for i, each in enumerate(targets) if each != targets[0]]
                pair = examples[0], examples[others[0]]
    if pair is None:
        return []
    one, other = pair
    total = sum(map(len, rows.values()))
    return [
        f"{disputed} rows of {data.name!r} have the same inputs as another row and another target: "
        f"rows {one.id} and {other.id} want {one.target!r} and {other.target!r}. No configuration "
        f"can be right on more than {best / total:.1%} of the rows: correct the labels, leave such "
        f"rows out, or name the column that tells them apart with --input."
    ]


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())
