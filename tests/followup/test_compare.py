"""Two configurations on the examples that both answered, with those that changed sides."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.support.fixtures import MODELS
from tests.support.kept import SPACE, WORLD
from tune.errors import InputError, StudyError
from tune.fakes.server import Server
from tune.followup.answers import study_answers
from tune.followup.compare import _compared, _Side, compare
from tune.report.answers import AnswerRow, answers_jsonl, read_answers, without_texts


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


@pytest.mark.parametrize(
    "options", [{"group": "customer"}, {"metric": "balanced_accuracy"}]
)
def test_qualities_and_differences_are_those_of_the_report(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    """Also where rows belong together, or have weights."""
    rows = []
    for place, row in enumerate(WORLD.examples(120)):
        # A rare label, and customers with several tickets.
        if row["label"] != "refund" or place % 3 == 0:
            rows.append(row | {"customer": f"c{place // 5}"})
    data = tmp_path / "tickets.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "space.toml").write_text(SPACE)
    with Server(models=MODELS, world=WORLD) as server:
        study = tune.tune(
            data,
            tmp_path / "space.toml",
            input=["text"],
            target="label",
            base_url=server.base_url,
            price="small=0.1/0.4",
            budget=0.005,
            results=tmp_path / "study",
            quiet=True,
            **options,
        )
    record = study.record
    assert record.winner is not None
    assert record.baseline is not None
    assert record.difference is not None
    found = compare(f"{tmp_path / 'study'}:baseline", str(tmp_path / "study"))
    for ours, theirs in (
        (found.second_quality, record.winner.holdout),
        (found.first_quality, record.baseline.holdout),
        (found.difference, record.difference),
    ):
        assert theirs is not None
        assert ours.mean == pytest.approx(theirs.mean)
        # A report has a part of its errors left for later analyses, so it is a little wider.
        width = (theirs.high - theirs.low) / (ours.high - ours.low)
        assert 1.0 <= width < 1.2
    assert not found.unweighted


def answered(count: int, **values: Any) -> list[AnswerRow]:
    rows = []
    for place in range(count):
        row = AnswerRow(
            example=str(place),
            part="holdout",
            configuration="winner",
            inputs={"text": str(place)},
            score=float(place % 2),
        )
        rows.append(replace(row, **values))
    return rows


def side(rows: list[AnswerRow], metric: str = "exact_match", **values: Any) -> _Side:
    return _Side("a", rows, metric, "data", True, **values)


def test_the_bounds_are_those_of_the_metric_and_not_of_the_scores_that_were_seen() -> (
    None
):
    rows = answered(20, score=4.0)
    pairs = list(zip(rows, rows, strict=True))
    wide = side(rows, low=0.0, high=10.0)
    found = _compared(wide, wide, "holdout", pairs)
    # Equal scores say nothing about scores that were not seen.
    assert found.first_quality.high > 4.1
    unknown = side(rows)
    assert _compared(unknown, unknown, "holdout", pairs).first_quality.high == 4.0


def test_rows_of_one_group_are_one_observation() -> None:
    rows = answered(40)
    grouped = [replace(row, cluster=place // 10) for place, row in enumerate(rows)]
    alone = side(rows, low=0.0, high=1.0)
    narrow = _compared(alone, alone, "holdout", list(zip(rows, rows, strict=True)))
    for ours, theirs in ((grouped, grouped), (rows, grouped), (grouped, rows)):
        pairs = list(zip(ours, theirs, strict=True))
        wide = _compared(alone, alone, "holdout", pairs)
        gap = wide.difference.high - wide.difference.low
        assert gap > narrow.difference.high - narrow.difference.low


def test_weights_that_are_not_kept_are_told() -> None:
    rows = answered(20, weight=2.0)
    whole = side(rows, "balanced_accuracy({})", low=0.0, high=2.0)
    told = _compared(whole, whole, "holdout", list(zip(rows, rows, strict=True)))
    assert not told.unweighted
    assert "weighs" not in str(told)
    # A weight tells the label, so it is not kept where no texts are.
    bare = list(map(without_texts, rows))
    found = _compared(whole, whole, "holdout", list(zip(bare, bare, strict=True)))
    assert found.unweighted
    assert "The metric weighs examples" in str(found)
    assert read_answers(answers_jsonl(bare), "here") == tuple(bare)
