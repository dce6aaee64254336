"""The section of the page on single answers: a few wrong ones, and all of them to look through.

All answers are in the page, compressed: the page's script takes them out when they are shown. What
is too much for one page is on further ones beside it, because no script of a page on a disk may
read another file.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tune.report.answers import AnswerRow
from tune.report.wrong_answers import NAMES
from tune.safety.redact import scrubbed_json

WINNER, BASELINE = "winner", "baseline"

MOST_BYTES = 20_000_000
"""Characters that the answers take in one page, at most."""

FIRST_PAGE = "report.html"
"""The file of the first page."""

WRONG_SHOWN = 3
"""Wrong answers that stand in the page without its script."""

SHORT = 400
"""Characters of a text that stand in the page without its script."""


@dataclass(frozen=True, slots=True)
class AnswersPage:
    """The answers of one page.

    Attributes:
        number: of the page, from 1.
        file: its name, beside the others.
        first: the number of its first example, from 1.
        last: the number of its last one.
        packed: their answers, compressed.
    """

    number: int
    file: str
    first: int
    last: int
    packed: str


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of winner and baseline, by example and page.

    Attributes:
        total: the number of examples.
        examples: those that are shown.
        pages: at least one, if any example is there.
        wrong: a few wrong answers of the winner.
    """

    total: int
    examples: Sequence[Mapping[str, Any]]
    pages: tuple[AnswersPage, ...]
    wrong: Sequence[Mapping[str, Any]]

    def values(self, number: int = 1) -> dict[str, Any]:
        """Return the values of the template for one page."""
        page = self.pages[number - 1]
        shown = self.examples[page.first - 1 : page.last]
        return {
            "total": self.total,
            "shown": len(self.examples),
            "page": page,
            "pages": self.pages,
            "wrong": self.wrong,
            "packed": page.packed,
            "has_baseline": any(BASELINE in example["by"] for example in shown),
            "has_winner": any(WINNER in example["by"] for example in shown),
            "has_texts": any(example["inputs"] for example in shown),
        }


def page_answers(rows: Sequence[AnswerRow], most: int | None) -> Answers | None:
    """Return the answers by example and page; None without any.

    Args:
        rows: of the study.
        most: examples to show; None shows all.
    """
    examples = _by_example(rows)
    if not examples:
        return None
    shown = examples if most is None else examples[:most]
    pages: list[AnswersPage] = []
    first = 1
    for count, packed in _packed_pages(shown):
        number = 1 + len(pages)
        file = FIRST_PAGE if number == 1 else f"report-answers-{number}.html"
        last = first + count - 1
        pages.append(AnswersPage(number, file, first, last, packed))
        first = last + 1
    return Answers(len(examples), shown, tuple(pages), _wrong(rows))


def _packed_pages(examples: Sequence[Mapping[str, Any]]) -> list[tuple[int, str]]:
    """Return the answers of each page, with the number of its examples."""
    packed = _packed(examples)
    # One example has one page, however long its answers are.
    if len(packed) <= MOST_BYTES or len(examples) == 1:
        return [(len(examples), packed)]
    half = (len(examples) + 1) // 2
    return [*_packed_pages(examples[:half]), *_packed_pages(examples[half:])]


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
                "part": row.part,
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
