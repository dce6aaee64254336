"""The section of the page on single answers: a few wrong ones, and all of them to look through.

All answers are in the page, compressed: the page's script takes them out when they are shown.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from tune.report.answers import AnswerRow
from tune.report.wrong_answers import NAMES
from tune.safety.redact import scrubbed_json

WINNER, BASELINE = "winner", "baseline"

MOST_BYTES = 20_000_000
"""Characters that all answers take in the page, at most."""

WRONG_SHOWN = 3
"""Wrong answers that stand in the page without its script."""

SHORT = 400
"""Characters of a text that stand in the page without its script."""


def answers(rows: Sequence[AnswerRow], most: int | None) -> dict[str, Any] | None:
    """Return the answers of winner and baseline by example; None without any.

    Args:
        rows: of the study.
        most: examples to show; None shows all that fit.
    """
    examples = _by_example(rows)
    if not examples:
        return None
    shown = examples if most is None else examples[:most]
    packed = _packed(shown)
    while len(packed) > MOST_BYTES and shown:
        # Texts differ in length, so the share that fits is looked for in small steps.
        share = min(0.95, MOST_BYTES / len(packed))
        shown = shown[: int(share * len(shown))]
        packed = _packed(shown)
    has_baseline = any(BASELINE in example["by"] for example in shown)
    return {
        "total": len(examples),
        "shown": len(shown),
        "wrong": _wrong(rows),
        "packed": packed,
        "has_baseline": has_baseline,
        "has_winner": any(WINNER in example["by"] for example in shown),
        "has_texts": any(example["inputs"] for example in shown),
    }


def _by_example(rows: Sequence[AnswerRow]) -> list[dict[str, Any]]:
    """Return one record for each example and part, the holdout first, with both configurations."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        if row.configuration not in (WINNER, BASELINE):
            continue
        example = found.setdefault(
            (row.part, row.example),
            {
                "example": row.example,
                "part": row.part,
                "inputs": dict(row.inputs),
                "target": row.target,
                "by": {},
            },
        )
        example["by"][row.configuration] = {
            "texts": row.texts,
            "answers": row.answers,
            "answer": row.answer,
            "votes": dict(row.votes),
            "scores": row.draw_scores,
            "score": row.score,
            "reason": row.reason,
        }
    return sorted(found.values(), key=lambda example: example["part"] != "holdout")


def _packed(examples: Sequence[Mapping[str, Any]]) -> str:
    """Return records as compressed JSON in letters that no HTML parser stumbles over."""
    text = scrubbed_json(examples, separators=(",", ":"))
    # Half characters are no UTF-8; the page shows a question mark for them.
    data = zlib.compress(text.encode("utf-8", "replace"), 9)
    return base64.b64encode(data).decode()


def _wrong(rows: Sequence[AnswerRow]) -> list[dict[str, Any]]:
    """Return a few wrong answers of the winner, those of the holdout first."""
    found = [row for row in rows if row.configuration == WINNER and row.reason]
    found.sort(key=lambda row: row.part != "holdout")
    shown = []
    for row in found[:WRONG_SHOWN]:
        said = row.answer
        if said is None and row.texts:
            said = row.texts[0]
        shown.append(
            {
                "example": row.example,
                "inputs": {name: _short(text) for name, text in row.inputs.items()},
                "target": _short(row.target),
                "said": _short(said),
                "reason": NAMES.get(row.reason, row.reason),
            }
        )
    return shown


def _short(text: str | None) -> str | None:
    if text is None or len(text) <= SHORT:
        return text
    return f"{text[:SHORT]} ..."
