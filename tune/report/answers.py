"""Single answers: one record for each example and configuration, as `answers.jsonl` and as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tune.errors import StudyError
from tune.report.text import csv_cell
from tune.safety.redact import scrub, scrubbed_json

JSONL = "answers.jsonl"
"""The file with one JSON object for each record."""

CSV = "answers.csv"
"""The same for spreadsheets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRow:
    """The answers of one configuration to one example.

    Attributes:
        example: the example's id.
        part: "tuning" or "holdout".
        configuration: "winner", "baseline", or the name that was asked for.
        inputs: the input columns as text.
        target: the right answer as text; None where the data has none.
        texts: the whole text of each draw, cut as the configuration cuts it.
        answers: the answer that was found in each text, or None.
        answer: the one answer of the configuration, made of its first n draws; None where nothing
            was found, and where a metric judges all answers together.
        votes: how many draws gave each answer.
        draw_scores: the score of each draw; None where it has none alone.
        score: the expected score of a request; None where it was not scored.
        reason: why the answer has the metric's worst score: one of `tune.readout.outcomes.KINDS`;
            "" where its score is better.
        draws: the number of draws.
        cluster: examples with the same number count as one observation in every interval.
        weight: the weight of the example in the mean score; None where all count the same.
    """

    example: str
    part: str
    configuration: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    texts: tuple[str, ...] = ()
    answers: tuple[str | None, ...] = ()
    answer: str | None = None
    votes: Mapping[str, int] = field(default_factory=dict)
    draw_scores: tuple[float | None, ...] = ()
    score: float | None = None
    reason: str = ""
    draws: int = 0
    cluster: int | None = None
    weight: float | None = None


def without_texts(row: AnswerRow) -> AnswerRow:
    """Return the record without the texts of the example, its target and its answers."""
    return replace(
        row,
        inputs={},
        target=None,
        texts=(),
        answers=(),
        answer=None,
        votes={},
        # It would tell the label.
        weight=None,
    )


def answers_jsonl(rows: Iterable[AnswerRow]) -> str:
    """Return one JSON object a line; secrets that a service echoed are hidden."""
    return "".join(f"{scrubbed_json(asdict(row))}\n" for row in rows)


def read_answers(text: str, place: str) -> tuple[AnswerRow, ...]:
    """Return the records of `answers_jsonl`.

    Args:
        text: the content of the file.
        place: its path, for messages.

    Raises:
        StudyError: the file is damaged, or of another version.
    """
    rows: list[AnswerRow] = []
    try:
        # By line ends alone: `splitlines` would also cut at other characters that texts may hold.
        for line in text.split("\n"):
            if line:
                rows.append(_read_row(json.loads(line)))
    except (ValueError, TypeError, AttributeError) as error:
        raise StudyError(
            f"{place!r} is damaged or of another version of tune ({error}): run "
            "`tune report STUDY` to make it again"
        ) from None
    return tuple(rows)


def _read_row(record: Mapping[str, Any]) -> AnswerRow:
    lists = {
        name: tuple(record[name])
        for name in ("texts", "answers", "draw_scores")
        if name in record
    }
    return AnswerRow(**{**record, **lists})


def answer_records(rows: Sequence[AnswerRow]) -> list[dict[str, Any]]:
    """Return one flat mapping for each record, for data frames: `input.COLUMN` holds an input."""
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row.inputs))
    found = []
    for row in rows:
        inputs = {f"input.{name}": row.inputs.get(name) for name in names}
        record = asdict(row)
        # The inputs come before the target, as a reader expects them.
        head = {name: record.pop(name) for name in ("example", "part", "configuration")}
        del record["inputs"]
        found.append({**head, **inputs, **record})
    return found


def answers_csv(rows: Sequence[AnswerRow]) -> str:
    """Return the records as CSV with a header; lists and votes are JSON. No cell is a formula."""
    # Without records the header is there all the same, so that programs can read the file.
    empty = AnswerRow(example="", part="", configuration="")
    (header,) = answer_records([empty])
    records = answer_records(rows)
    if records:
        header = records[0]
    out = io.StringIO()
    # One kind of line end on every system, so that files can be compared.
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(list(map(csv_cell, header)))
    for record in records:
        writer.writerow(list(map(_cell, record.values())))
    return scrub(out.getvalue())


def _cell(value: Any) -> str | int | float:
    if isinstance(value, tuple | dict):
        value = json.dumps(value, ensure_ascii=False)
    return csv_cell(value)


def answer_lines(rows: Sequence[AnswerRow], most: int) -> list[str]:
    """Return a line for each record for a terminal, wrong ones first, and counts above them."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for row in rows:
        counts.setdefault((row.configuration, row.part), Counter())[row.reason] += 1
    lines = []
    for (configuration, part), reasons in counts.items():
        said = [f"{count} {kind}" for kind, count in reasons.most_common() if kind]
        wrong = ", ".join(said) or "none is wrong"
        lines.append(f"{configuration}: {reasons.total()} {part} examples; {wrong}")
    # A stable order: wrong ones first, then as in the study.
    ordered = sorted(rows, key=lambda row: not row.reason)
    for row in ordered[:most]:
        shown = [row.example, row.part, row.configuration, row.reason or "right"]
        if row.score is not None:
            shown.append(f"{row.score:.3g}")
        shown.append(f"{_line(row.answer)} (target {_line(row.target)})")
        lines.append("  ".join(shown))
    if len(rows) > most:
        lines.append(f"and {len(rows) - most} more: --out FILE writes all of them")
    return lines


def _line(text: str | None) -> str:
    if text is None:
        return "-"
    line = " ".join(text.split())
    if len(line) > 60:
        line = f"{line[:60]} ..."
    return repr(line)
