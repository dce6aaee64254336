"""The diary of a study: durable, whole lines, one writer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tune.errors import StoreError, StudyError
from tune.store.journal import Journal, read_events


def test_events_come_back_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a" / "study.jsonl")
    journal.append("study", name="x")
    journal.append("wave", steps=[1, 2])
    journal.close()
    with Journal(tmp_path / "a" / "study.jsonl") as again:
        assert [e["event"] for e in again.events] == ["study", "wave"]
    assert read_events(tmp_path / "a" / "study.jsonl")[1]["steps"] == [1, 2]


def test_half_a_character_is_kept_and_the_file_stays_readable_for_all(
    tmp_path: Path,
) -> None:
    with Journal(tmp_path / "study.jsonl") as journal:
        journal.append("study", name="half \ud800 of \\\ud800 é 😀")
    assert (
        read_events(tmp_path / "study.jsonl")[0]["name"]
        == "half \ud800 of \\\ud800 é 😀"
    )
    assert "é 😀" in (tmp_path / "study.jsonl").read_text(encoding="utf-8")


def test_a_torn_last_line_is_dropped_with_a_notice_and_the_file_goes_on(
    tmp_path: Path,
) -> None:
    path = tmp_path / "study.jsonl"
    path.write_bytes(b'{"event":"study"}\n{"event":"wa')
    notices: list[str] = []
    journal = Journal(path, notice=notices.append)
    assert [e["event"] for e in journal.events] == ["study"]
    assert len(notices) == 1
    journal.append("wave")
    journal.close()
    assert [e["event"] for e in read_events(path)] == ["study", "wave"]


def test_a_last_line_of_zeros_as_a_crash_may_leave_it_is_dropped(
    tmp_path: Path,
) -> None:
    path = tmp_path / "study.jsonl"
    path.write_bytes(b'{"event":"study"}\n' + b"\0" * 20)
    journal = Journal(path)
    assert len(journal.events) == 1
    journal.close()
    assert path.read_bytes() == b'{"event":"study"}\n'


def test_a_torn_line_in_the_middle_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "study.jsonl"
    path.write_bytes(b'{"event":"study"}\n{"event":\n{"event":"wave"}\n')
    with pytest.raises(StudyError, match="line 2"):
        Journal(path)


def test_a_second_process_is_refused_and_admitted_once_the_first_has_ended(
    tmp_path: Path,
) -> None:
    path = tmp_path / "study.jsonl"
    hold = (
        f"from tune.store.journal import Journal; j = Journal({str(path)!r}); print('held', "
        "flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StudyError, match="another process"):
            Journal(path)
        other.kill()
        other.wait()
    Journal(path).close()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="--results"):
        Journal(tmp_path / "file" / "study.jsonl")


def test_a_full_disk_is_one_sentence() -> None:
    journal = Journal.__new__(Journal)
    journal.path = Path("/dev/full")
    journal.events = []
    journal._file = Path("/dev/full").open("ab", buffering=0)  # noqa: SIM115
    with pytest.raises(StoreError, match="cannot be written"):
        journal.append("study")
    journal.close()
    assert journal.events == []


def test_a_line_for_which_the_disk_has_no_room_leaves_the_others_whole(
    tmp_path: Path,
) -> None:
    path = tmp_path / "study.jsonl"
    fill = f"""
import resource
from tune.errors import StoreError
from tune.store.journal import Journal
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
with Journal({str(path)!r}) as journal:
    try:
        for number in range(1000):
            journal.append("wave", number=number, text="x" * 100)
    except StoreError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", fill], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "study.jsonl' cannot be written: File too large" in done.stdout
    notices: list[str] = []
    with Journal(path, notice=notices.append) as journal:
        assert [e["number"] for e in journal.events] == list(range(len(journal.events)))
        assert 30 < len(journal.events) < 50
        journal.append("wave")
    assert notices == []
    assert len(read_events(path)) == len(journal.events)


def test_reading_a_study_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no study"):
        read_events(tmp_path / "study.jsonl")
