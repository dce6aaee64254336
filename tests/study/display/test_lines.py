"""Plain lines: notices at once, progress now and then."""

from __future__ import annotations

import io
from dataclasses import replace

from tests.support.watching import began, progress
from tune.plan.read_options import read_options
from tune.study.display import choose_display
from tune.study.display.lines import EVERY, Lines
from tune.study.events import Notice, ignore
from tune.tuner import _watching


def test_a_pipe_gets_notices_at_once_and_a_line_of_progress_now_and_then() -> None:
    stream, now = io.StringIO(), [0.0]
    lines = Lines(stream, now=lambda: now[0])
    for event in began():
        lines(event)
    for step in range(101):
        now[0] = step * EVERY / 50
        lines(progress())
    lines(Notice(text="stopping: \x1b[2J"))
    written = stream.getvalue().splitlines()
    assert len(written) == 4
    assert [line.startswith("searching · $1.25 of $5.00") for line in written] == [
        True,
        True,
        True,
        False,
    ]
    assert written[3] == "stopping: \\x1b[2J"


def test_a_quiet_run_has_no_display_so_that_nothing_is_made_for_one() -> None:
    with choose_display("text", quiet=True) as display:
        assert display is ignore
    options = read_options(data=[{"text": "a", "label": "b"}], budget=1)
    assert not _watching(options, ignore)
    assert list(_watching(replace(options, observer=print), ignore)) == ["the observer"]
