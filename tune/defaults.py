"""A search space for data that comes without one."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tune.data import Data, to_text

MOST_LABELS = 20
"""Targets with at most this many different values, each used at least twice on average, are labels."""

LONGEST_LABEL = 60
"""Characters of a label, at most: a longer target is a text."""


def default_space(data: Data) -> dict[str, Any]:
    """The tables of a space file for a data set: plain, few-shot and reasoned templates over its inputs.

    Where the targets are a few labels, the templates name them and the answer is the label found in the text;
    else the answer is what follows "Answer:", or the whole text.
    """
    inputs = (
        "\n".join(f"{name}: {{{name}}}" for name in data.inputs) if len(data.inputs) > 1 else f"{{{data.inputs[0]}}}"
    )
    labels = find_labels(data)
    if labels:
        names = ", ".join(labels)
        ask = f"Which of these labels fits: {names}?"
        plain, last = f"{ask}\n\n{inputs}", f"Answer with one of: {names}."
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
    """The answer rule for targets that are a few short labels: the last label that stands in the text; else None."""
    labels = find_labels(data)
    return {"labels": labels, "which": "last"} if labels else None


def find_labels(data: Data) -> list[str]:
    """The different targets, the commonest first, where they are few and short enough to be labels; else nothing.

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


def _fold(text: str) -> str:
    return " ".join(text.lower().split())
