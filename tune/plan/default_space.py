"""The search space, the answer rule and the metric for data that comes without them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import chain
from typing import Any

from tune.errors import InputError
from tune.task.example import Data, to_text

MOST_LABELS = 20
"""Targets are labels if they have at most so many values, each used at least twice on average."""

LONGEST_LABEL = 60
"""The most characters of a label: a longer target is a text."""

FEW_SHOT_ROWS = 24
"""Rows from which a few-shot prompt is worth trying: it takes some of them as examples."""

SHOTS = 4
"""Examples that a few-shot prompt shows."""


def default_space(data: Data) -> dict[str, Any]:
    """Return the tables of a space file: plain, few-shot and reasoned templates over the inputs.

    Where the targets are a few labels, the templates name them, and the answer is the label that is
    found in the text. Otherwise the answer is the text after "Answer:", or the whole text.
    """
    inputs = f"{{{data.inputs[0]}}}"
    # With several columns, the model needs their names to tell them apart.
    if len(data.inputs) > 1:
        inputs = "\n".join(f"{name}: {{{name}}}" for name in data.inputs)
    labels, several = find_labels(data), find_label_lists(data)
    plain, last = inputs, "Answer as briefly as possible."
    answer: dict[str, Any] | None = {"pattern": r"(?s)^(?:.*Answer:)?\s*(.*?)\s*$"}
    if labels or several:
        ask, last = _instructions(labels, several)
        plain = f"{ask}\n\n{inputs}"
        answer = default_answer(data)
    return {
        "space": {
            "prompt": _prompts(inputs, plain, last, rows=len(data.examples)),
            "temperature": {"low": 0.0, "high": 1.2, "step": 0.1},
            "n": {"low": 1, "high": 5, "integer": True},
            # Lengths differ by factors rather than by amounts, so the scale is logarithmic.
            "max_tokens": {"low": 16, "high": 256, "integer": True, "log": True},
            "aggregate": ["first", "vote"],
        },
        "answer": answer,
    }


def _instructions(labels: list[str], several: list[str]) -> tuple[str, str]:
    """Return the question for the labels, and the instruction on how to answer."""
    names = ", ".join(labels or several)
    if several:
        return (
            f"Which of these labels fit: {names}? Several may.",
            f"Answer with all that fit, with commas between them, of: {names}.",
        )
    return f"Which of these labels fits: {names}?", f"Answer with one of: {names}."


def _prompts(inputs: str, plain: str, last: str, *, rows: int) -> dict[str, Any]:
    prompts: dict[str, Any] = {
        "plain": plain,
        "brief": [
            {"role": "system", "content": last},
            {"role": "user", "content": inputs},
        ],
        "reasoned": f"{plain}\n\nThink step by step, then write 'Answer:' and the answer.",
    }
    # Shots are rows that nothing can be measured on any more.
    if rows >= FEW_SHOT_ROWS:
        shot = [
            {"role": "user", "content": inputs},
            {"role": "assistant", "content": "{target}"},
        ]
        prompts["few-shot"] = {
            "messages": [
                {"role": "system", "content": last},
                {"role": "user", "content": inputs},
            ],
            "shots": SHOTS,
            "shot": shot,
        }
    return prompts


def default_answer(data: Data) -> dict[str, Any] | None:
    """Return the answer rule for targets that are a few short labels, else None.

    The rule takes the last label that stands in the text, or every label where the targets are
    lists of them.
    """
    several = find_label_lists(data)
    if several:
        return {"labels": several, "which": "all"}
    labels = find_labels(data)
    return {"labels": labels, "which": "last"} if labels else None


def find_labels(data: Data) -> list[str]:
    """Return the different targets, the most frequent first, where they are labels; else nothing.

    Targets that differ only in case and spaces are one label, in its most frequent spelling.
    """
    targets = [example.target for example in data.examples]
    if any(isinstance(target, list | tuple | dict) for target in targets):
        return []
    # For each label, how often each of its spellings is used.
    spelled: dict[str, Counter[str]] = {}
    for target in targets:
        if target is not None:
            text = to_text(target)
            spelled.setdefault(_fold(text), Counter())[text.strip()] += 1
    uses = {folded: ways.total() for folded, ways in spelled.items()}
    if not all(uses) or not _are_labels(uses):
        return []
    most_frequent = sorted(uses, key=lambda folded: -uses[folded])
    return [spelled[folded].most_common(1)[0][0] for folded in most_frequent]


def find_label_lists(data: Data) -> list[str]:
    """Return the different labels of targets that are lists, the most frequent first; else nothing.

    Lists in which each text stands once, such as several names of one thing, hold no labels: they
    are accepted answers.
    """
    targets = [example.target for example in data.examples]
    if not all(isinstance(target, list | tuple) for target in targets):
        return []
    spelled: dict[str, str] = {}
    uses: Counter[str] = Counter()
    for label in chain.from_iterable(targets):
        text = to_text(label).strip() if isinstance(label, str | int) else ""
        # A number with a fraction, a table or an empty text is not a label, so the lists are texts.
        if not text:
            return []
        spelled.setdefault(_fold(text), text)
        uses[_fold(text)] += 1
    if not _are_labels(uses):
        return []
    return [spelled[folded] for folded, _ in uses.most_common()]


def _are_labels(uses: Mapping[str, int]) -> bool:
    """Return whether texts, with how often each is used, are few and short enough for labels."""
    # Targets that are used once on average are answers of their own, such as names.
    few = 2 <= len(uses) <= MOST_LABELS and sum(uses.values()) >= 2 * len(uses)
    return few and all(len(text) <= LONGEST_LABEL for text in uses)


def with_label_weights(metric: Any, data: Data) -> Any:
    """Return the metric balanced_accuracy with the weight of each label; any other is unchanged.

    Raises:
        InputError: the targets are not labels.
    """
    table = {"name": metric} if isinstance(metric, str) else metric
    if not isinstance(table, dict) or table.get("name") != "balanced_accuracy":
        return metric
    if "weights" in table:
        return metric
    if not find_labels(data):
        raise InputError(
            f"balanced_accuracy is the mean recall of labels, but the targets of {data.name!r} are "
            f"not {MOST_LABELS} labels or fewer that are each used at least twice: take exact_match"
        )
    targets = [
        example.target for example in data.examples if example.target is not None
    ]
    uses = Counter(_fold(to_text(target)) for target in targets)
    # A rare label weighs more, so that each label has the same share of the mean.
    weights = {
        folded: uses.total() / (len(uses) * count)
        for folded, count in sorted(uses.items())
    }
    return {"name": "balanced_accuracy", "weights": weights}


def default_metric(data: Data) -> str:
    """Return the metric where none is named.

    Lists of labels are compared as whole lists, and any other target with one answer.
    """
    return "same_set" if find_label_lists(data) else "exact_match"


def _fold(text: str) -> str:
    return " ".join(text.lower().split())
