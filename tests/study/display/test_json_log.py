"""The JSON log: one object a line, and nothing else."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.support.watching import BEST, began, progress
from tune.study.display import choose_display
from tune.study.display.json_log import (
    EVERY,
    JsonLog,
    OutputAsJson,
    StandardErrorAsJson,
)
from tune.study.events import Notice, TrialScored


def read(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_each_event_is_an_object_with_its_name_its_time_and_its_fields() -> None:
    stream = io.StringIO()
    log = JsonLog(stream)
    for event in (*began(), TrialScored(best=BEST, time=0.25)):
        log(event)
    study, phase, scored = read(stream)
    assert list(study)[:2] == ["event", "time"]
    assert study["event"] == "study_began"
    assert study["models"] == ["m"]
    assert phase["phase"] == "search"
    assert datetime.fromisoformat(phase["time"]).tzinfo is not None
    assert scored["time"] == "1970-01-01T00:00:00.250+00:00"
    assert scored["best"]["config"]["model"] == "m"
    assert scored["best"]["quality"] == 0.75


def test_progress_is_written_now_and_then() -> None:
    stream, now = io.StringIO(), [0.0]
    log = JsonLog(stream, now=lambda: now[0])
    for step in range(101):
        now[0] = step * EVERY / 50
        log(progress())
    assert len(read(stream)) == 3


def test_hostile_text_stays_on_its_line_and_is_not_obeyed() -> None:
    stream = io.StringIO()
    JsonLog(stream)(Notice(text="one\ntwo \x1b[2J \u2028 \u202e"))
    (line,) = stream.getvalue().splitlines()
    assert "\x1b" not in line
    assert json.loads(line)["text"] == "one\ntwo \x1b[2J \u2028 \u202e"


def test_what_looks_like_a_key_is_hidden() -> None:
    stream = io.StringIO()
    JsonLog(stream)(Notice(text="refused sk-abcdefgh1234567890abcd"))
    (found,) = read(stream)
    assert found["text"] == "refused [hidden]"


def test_after_an_error_the_traceback_becomes_json_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.StringIO()
    ends: list[Callable[[], None]] = []
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("atexit.register", ends.append)
    with pytest.raises(ZeroDivisionError), StandardErrorAsJson():
        _ = 1 / 0
    sys.stderr.write("Traceback\nZeroDivisionError")
    (finish,) = ends
    finish()
    assert [one["text"] for one in read(stream)] == ["Traceback", "ZeroDivisionError"]


def test_an_exit_gives_standard_error_back(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with pytest.raises(SystemExit), StandardErrorAsJson():
        sys.exit(sys.stderr.write("last words"))
    assert sys.stderr is stream
    assert [one["text"] for one in read(stream)] == ["last words"]


def test_it_can_be_flushed_when_the_stream_behind_it_is_closed() -> None:
    """Python does so when it deletes it."""
    behind = io.StringIO()
    output = OutputAsJson(behind)
    behind.close()
    output.flush()


def test_numbers_that_json_lacks_are_null() -> None:
    stream = io.StringIO()
    nowhere = type(BEST)(0, BEST.config, 0.5, 0.1, 0.9, 8, float("nan"), float("inf"))
    JsonLog(stream)(TrialScored(best=nowhere))
    text = stream.getvalue()
    assert "NaN" not in text
    assert "Infinity" not in text
    assert json.loads(text)["best"]["cost"] is None


def test_whatever_else_is_written_to_standard_error_becomes_an_object(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with StandardErrorAsJson():
        sys.stderr.write("of a metric\n")
        with choose_display("json", quiet=False) as display:
            display(Notice(text="from the run"))
        sys.stderr.write("without an end")
    assert sys.stderr is stream
    found = read(stream)
    texts = [one["text"] for one in found]
    assert texts[0] == "of a metric"
    assert {"event": "notice", "text": "from the run"}.items() <= found[-2].items()
    assert texts[-1] == "without an end"
