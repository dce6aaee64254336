"""The holdout beside `best.json`: written, read back, and refused where it is damaged."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tune.errors import InputError, StudyError
from tune.study.holdout_file import (
    HOLDOUT_FILE,
    HoldoutScores,
    holdout_scores,
    read_holdout,
    write_holdout,
)
from tune.task.example import Example

EXAMPLES = tuple(
    Example(str(i), {"text": f"süß {i}"}, "yes", {"weight": i}, target_name="label")
    for i in range(4)
)
SCORED = HoldoutScores({"model": "m", "n": 1}, "exact_match", EXAMPLES[:2], (1.0, 0.25))


def test_it_comes_back_as_it_was_written_and_only_its_owner_may_read_it(
    tmp_path: Path,
) -> None:
    write_holdout(tmp_path, SCORED)
    assert read_holdout(tmp_path) == SCORED
    assert (tmp_path / HOLDOUT_FILE).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "end", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\r", "\r\n", "\ud800"]
)
def test_a_text_may_hold_any_other_end_of_a_line(tmp_path: Path, end: str) -> None:
    example = Example("1", {"text": f"one{end}two"}, f"yes{end}", {"note": end})
    scored = HoldoutScores({"model": "m"}, "exact_match", (example,), (1.0,))
    write_holdout(tmp_path, scored)
    assert read_holdout(tmp_path) == scored


def test_only_examples_with_a_score_are_kept() -> None:
    found = holdout_scores({"n": 1}, "f1", EXAMPLES, [3, 1, 2], [0.5, math.nan, 1.0])
    assert found.examples == (EXAMPLES[3], EXAMPLES[2])
    assert found.scores == (0.5, 1.0)


def test_without_the_file_it_is_said_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give new labelled examples with --data"):
        read_holdout(tmp_path)


@pytest.mark.parametrize(
    "lines", ["", "{}", '{"config": {}, "metric": "f1"}\n{"score": "x"}']
)
def test_a_damaged_file_is_refused(tmp_path: Path, lines: str) -> None:
    (tmp_path / HOLDOUT_FILE).write_text(lines)
    with pytest.raises(StudyError, match="is damaged"):
        read_holdout(tmp_path)


def test_a_file_without_a_score_is_refused(tmp_path: Path) -> None:
    write_holdout(tmp_path, HoldoutScores({}, "f1", (), ()))
    with pytest.raises(StudyError, match="holds no scored example"):
        read_holdout(tmp_path)
