"""A search space for data that comes without one."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tune.errors import InputError
from tune.task.example import Data, to_text

MOST_LABELS = 20
"""Targets with at most this many different values, each used at least twice on average, are labels."""

LONGEST_LABEL = 60
"""Characters of a label, at most: a longer target is a text."""


def default_space(data: Data) -> dict[str, Any]:
    """The tables of a space file for a data set: plain, few-shot and reasoned templates over its
    inputs.

    Where the targets are a few labels, the templates name them and the answer is the label found in
    the text; else the answer is what follows "Answer:", or the whole text.
    """
    inputs = (
        "\n".join(f"{name}: {{{name}}}" for name in data.inputs)
        if len(data.inputs) > 1
        else f"{{{data.inputs[0]}}}"
    )
    labels, several = find_labels(data), find_label_lists(data)
    if labels or several:
        names = ", ".join(labels or several)
        ask = f"Which of these labels fits: {names}?"
        last = f"Answer with one of: {names}."
        if several:
            ask = f"Which of these labels fit: {names}? Several may."
            last = f"Answer with all that fit, with commas between them, of: {names}."
        plain = f"{ask}\n\n{inputs}"
        answer = default_answer(data)
    else:
        plain, last = inputs, "Answer as briefly as possible."
        answer = {"pattern": r"(?s)^(?:.*Answer:)?\s*(.*?)\s*$"}
    shot = [{"role": "user", "content": inputs}, {"role": "assistant", "content": "{target}"}]
    prompts: dict[str, Any] = {
        "plain": plain,
        "brief": [{"role": "system", "content": last}, {"role": "user", "content": inputs}],
        "reasoned": f"{plain}\n\nThink step by step, then write 'Answer:' and the answer.",
    }
    if len(data.examples) >= 24:
        prompts["few-shot"] = {
            "messages": [{"role": "system", "content": last}, {"role": "user", "content": inputs}],
            "shots": 4,
            "shot": shot,
        }
    return {
        "space": {
            "prompt": prompts,
            "temperature": {"low": 0.0, "high": 1.2, "step": 0.1},
            "n": {"low": 1, "high": 5, "integer": True},
            "max_tokens": {"low": 16, "high": 256, "integer": True, "log": True},
            "aggregate": ["first", "vote"],
        },
        "answer": answer,
    }


def default_answer(data: Data) -> dict[str, Any] | None:
    """The answer rule for targets that are a few short labels: the last label that stands in the
    text; else None.

    Where the targets are lists of them, it is every label in the text.
    """
    several = find_label_lists(data)
    if several:
        return {"labels": several, "which": "all"}
    labels = find_labels(data)
    return {"labels": labels, "which": "last"} if labels else None


def find_labels(data: Data) -> list[str]:
    """The different targets, the commonest first, where they are few and short enough to be labels;
    else nothing.

    Targets that differ in case and spaces alone are one label, spelled as it is most often.
    """
    targets = [example.target for example in data.examples]
    if any(isinstance(target, list | tuple | dict) for target in targets):
        return []
    spelled: dict[str, Counter[str]] = {}
    for target in targets:
        if target is not None:
            text = to_text(target)
            spelled.setdefault(_fold(text), Counter())[text.strip()] += 1
    uses = {folded: ways.total() for folded, ways in spelled.items()}
    few = 2 <= len(uses) <= MOST_LABELS and sum(uses.values()) >= 2 * len(uses)
    short = all(folded and len(folded) <= LONGEST_LABEL for folded in uses)
    if not (few and short):
        return []
    commonest = sorted(uses, key=lambda folded: -uses[folded])
    return [spelled[folded].most_common(1)[0][0] for folded in commonest]


def find_label_lists(data: Data) -> list[str]:
    """The different labels of targets that are lists of them, the commonest first; nothing for
    other targets.

    Lists in which each text stands once, as several names of one thing, are no labels: they are
    accepted answers.
    """
    targets = [example.target for example in data.examples]
    if not all(isinstance(target, list | tuple) for target in targets):
        return []
    labels = [label for target in targets for label in target]
    if not all(isinstance(label, str | int | bool) and to_text(label).strip() for label in labels):
        return []
    spelled: dict[str, str] = {}
    uses: Counter[str] = Counter()
    for label in labels:
        folded = _fold(to_text(label))
        spelled.setdefault(folded, to_text(label).strip())
        uses[folded] += 1
    few = 2 <= len(uses) <= MOST_LABELS and uses.total() >= 2 * len(uses)
    if not few or max(map(len, uses)) > LONGEST_LABEL:
        return []
    return [spelled[folded] for folded, _ in uses.most_common()]


def with_label_weights(metric: Any, data: Data) -> Any:
    """The metric balanced_accuracy with the weight of each label; every other metric as it is.

    Raises:
        InputError: the targets are no labels.
    """
    table = {"name": metric} if isinstance(metric, str) else metric
    if (
        not isinstance(table, dict)
        or table.get("name") != "balanced_accuracy"
        or "weights" in table
    ):
        return metric
    labels = find_labels(data)
    if not labels:
        raise InputError(
            f"balanced_accuracy is the mean recall of labels, but the targets of {data.name!r} are not "
            f"{MOST_LABELS} labels or fewer that are each used at least twice: take exact_match"
        )
    uses = Counter(
        _fold(to_text(example.target)) for example in data.examples if example.target is not None
    )
    weights = {folded: uses.total() / (len(uses) * count) for folded, count in sorted(uses.items())}
    return {"name": "balanced_accuracy", "weights": weights}


def default_metric(data: Data) -> str:
    """The metric where none is named: whole lists of labels are compared, and every other target
    with one answer.
    """
    return "same_set" if find_label_lists(data) else "exact_match"


def _fold(text: str) -> str:
    return " ".join(text.lower().split())
