"""A search space for data that comes without one."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tune.data import Data

MOST_LABELS = 20
"""Targets with at most this many different values, each used at least twice on average, are labels."""


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
        answer: dict[str, Any] = {"labels": labels, "which": "last"}
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


def find_labels(data: Data) -> list[str]:
    """The different targets, the commonest first, where they are few enough to be labels; else nothing."""
    counts = Counter(str(example.target) for example in data.examples if example.target is not None)
    few = 2 <= len(counts) <= MOST_LABELS and sum(counts.values()) >= 2 * len(counts)
    return [label for label, _ in counts.most_common()] if few else []
