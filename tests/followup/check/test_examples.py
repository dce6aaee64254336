"""The examples of a check: new ones, or the study's own holdout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.checks import NEW, export, tuned
from tune.commands.cli import main
from tune.errors import InputError, StudyError
from tune.fakes.faults import Model
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.followup.check import check
from tune.pricing.prices import to_picodollars


def test_a_check_says_what_it_can_see_before_it_pays_and_stops_where_nothing_can_decide(
    server: Server, tmp_path: Path
) -> None:
    path, said = export(tmp_path, server), list[tuple[str, int]]()
    record = json.loads(path.read_text())
    record["winner"]["holdout"]["examples"] = 30
    path.write_text(json.dumps(record))
    found = check(
        path,
        NEW,
        budget=0.5,
        margin=0.05,
        notice=lambda text: said.append((text, len(server.posts))),
    )
    assert (found.decision, found.reason, found.status) == ("undecided", "recorded", 4)
    assert len(server.posts) < 600
    assert {sent for _, sent in said} == {0}
    notice = found.notices[-1]
    assert notice in [text for text, _ in said]
    assert (
        "rests on too few examples to show that it holds within 0.05, whatever is bought"
        in notice
    )
    assert "too few for any number of new ones" in str(found)
    assert found.visible > 0.1


def test_without_data_the_own_holdout_is_asked_again_with_new_draws_and_paired(
    server: Server, tmp_path: Path
) -> None:
    folder = tuned(tmp_path, server)
    (folder / "draws.db").unlink()
    before, bill = len(server.posts), server.bill
    found = check(folder, budget=0.05, margin=0.08)
    assert (found.decision, found.paired, found.look.interval.mean) == (
        "holds",
        True,
        0.0,
    )
    assert len(server.posts) - before == found.look.interval.n <= found.available
    assert to_picodollars(found.spent) == server.bill - bill
    assert found.overlap == {"holdout": found.available}
    assert found.visible < 0.08
    assert "holdout examples, asked again" in found.headline
    assert found.to_record()["paired"] is True


def test_a_model_that_changed_is_seen_on_the_own_holdout(
    server: Server, tmp_path: Path
) -> None:
    folder = tuned(tmp_path, server)
    with Server(
        models={"small": Model(0.10, 0.40)}, world=LabelledWorld(models={"small": 0.5})
    ) as worse:
        found = check(folder, budget=0.05, base_url=worse.base_url)
    assert (found.decision, found.status) == ("regressed", 3)
    assert found.look.interval.high < -0.05
    assert "It has regressed" in found.headline


def test_a_holdout_that_is_not_there_or_of_another_config_is_refused_in_one_sentence(
    server: Server, tmp_path: Path
) -> None:
    path = export(tmp_path, server)
    with pytest.raises(
        InputError, match="without --data the study's own holdout is asked again"
    ):
        check(path, budget=0.5)
    folder = tuned(tmp_path, server)
    with pytest.raises(InputError, match="name columns of --data"):
        check(folder, budget=0.5, target="label")
    kept = folder / "holdout.jsonl"
    assert kept.stat().st_mode & 0o777 == 0o600
    text = kept.read_text()
    kept.write_text(text.replace('"max_tokens": 16', '"max_tokens": 8', 1))
    with pytest.raises(InputError, match="that of another config"):
        check(folder, budget=0.5)
    kept.write_text(text[:200])
    with pytest.raises(StudyError, match="damaged"):
        check(folder, budget=0.5)


def cut_short(folder: Path) -> None:
    """Leave a results folder as an interruption before the holdout does."""
    (folder / "holdout.jsonl").unlink()
    record = json.loads((folder / "best.json").read_text())
    record["interrupted"], record["stopped"] = True, "interrupted"
    record["winner"]["holdout"] = None
    (folder / "best.json").write_text(json.dumps(record))


def test_an_interrupted_study_has_no_holdout_yet_and_the_way_out_is_said(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tuned(tmp_path, server)
    cut_short(folder)
    before = len(server.posts)
    with pytest.raises(InputError, match="interrupted before it had met its holdout"):
        check(folder, budget=0.5)
    assert main(["check", str(folder), "--budget", "0.5"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "run the command that started the study once more" in said
    assert "or give new labelled examples with --data" in said
    assert len(server.posts) == before


def test_a_choice_of_an_interrupted_study_is_checked_on_new_examples_with_a_notice(
    server: Server, tmp_path: Path
) -> None:
    folder = tuned(tmp_path, server)
    cut_short(folder)
    found = check(folder, NEW, budget=0.5, margin=0.2)
    assert found.decision == "holds"
    assert any(
        notice.startswith("The study was interrupted, so its choice may still change")
        for notice in found.notices
    )


def test_a_study_that_was_killed_before_it_had_a_result_says_how_it_goes_on(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tuned(tmp_path, server)
    (folder / "best.json").unlink()
    assert main(["check", str(folder), "--budget", "0.5"]) != 0
    said = " ".join(capsys.readouterr().err.split())
    assert "was interrupted before it had a result" in said
    assert "run the command that started the study once more" in said
