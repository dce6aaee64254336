"""Two configurations on the examples that both answered, with those that changed sides."""

from __future__ import annotations

from pathlib import Path

import pytest

from tune.errors import InputError, StudyError
from tune.followup.answers import study_answers
from tune.followup.compare import compare


def test_the_winner_against_the_baseline_is_the_difference_in_the_answers(
    kept_once: Path,
) -> None:
    one = kept_once / "results" / "one"
    found = compare(f"{one}:baseline", str(one))
    scores = {
        (row.configuration, row.example): row
        for row in study_answers(one)
        if row.part == "holdout"
    }
    names = {name for _, name in scores}
    gaps = []
    sides = {"first": 0, "second": 0}
    for name in names:
        before, after = scores["baseline", name], scores["winner", name]
        gaps.append((after.score or 0.0) - (before.score or 0.0))
        if bool(before.reason) != bool(after.reason):
            sides["second" if before.reason else "first"] += 1
    assert (found.part, found.examples) == ("holdout", len(names))
    assert found.difference.mean == pytest.approx(sum(gaps) / len(gaps))
    counted = [one.better for one in found.changed]
    assert {side: counted.count(side) for side in sides} == sides
    assert "that B has right and A has wrong" in str(found)
    assert found.to_record()["difference"]["examples"] == found.difference.n


def test_the_other_way_round_it_is_the_negative(kept_once: Path) -> None:
    one = str(kept_once / "results" / "one")
    there, back = compare(f"{one}:baseline", one), compare(one, f"{one}:baseline")
    assert there.difference.mean == pytest.approx(-back.difference.mean)
    verdicts = {there.verdict, back.verdict}
    assert verdicts in ({"better", "worse"}, {"not distinguishable"})


def test_two_trials_are_paired_on_tuning_examples_and_that_is_said(
    kept_once: Path,
) -> None:
    one = str(kept_once / "results" / "one")
    trials = [
        str(number)
        for number in range(7)
        if {row.part for row in study_answers(one, str(number))} == {"tuning"}
    ]
    found = compare(f"{one}:{trials[0]}", f"{one}:{trials[1]}")
    assert found.part == "tuning"
    assert "looks better than it is" in str(found)


def test_two_studies_share_the_examples_that_both_held_back(kept_once: Path) -> None:
    results = kept_once / "results"
    found = compare(str(results / "one"), str(results / "two"))
    both = []
    for name in ("one", "two"):
        rows = study_answers(results / name)
        both.append({row.example for row in rows if row.part == "holdout"})
    assert found.examples == len(both[0] & both[1])
    assert found.examples < len(both[0])


def test_what_cannot_be_compared_is_one_sentence(kept_once: Path, kept: Path) -> None:
    one = str(kept_once / "results" / "one")
    with pytest.raises(StudyError, match="there is no study in"):
        compare(one, "nowhere")
    with pytest.raises(InputError, match="there is no configuration 'best'"):
        compare(one, f"{one}:best")
    text = (kept / "study.jsonl").read_text()
    (kept / "study.jsonl").write_text(
        text.replace('"metric":"exact_match"', '"metric":"contains"', 1)
    )
    with pytest.raises(InputError, match="scored by different metrics"):
        compare(one, str(kept))
