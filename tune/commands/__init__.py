"""The commands: one module each, whose `main(argv)` parses the flags and returns the exit status.

This file has the parts that they share: questions, results, errors and the end of the process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, TextIO

from tune.safety.escape import for_terminal, json_for_terminal
from tune.safety.interrupts import raised

if TYPE_CHECKING:
    from tune.study.study import Study

DONE, FAILED, BAD_INPUT, NO_CONFIG, INTERRUPTED = 0, 1, 2, 5, 130
"""Exit statuses. NO_CONFIG: no configuration keeps the limits. A command may have more of them."""


def make_confirm(*, as_json: bool, quiet: bool) -> Callable[[str], bool] | None:
    """Return a function that asks the user a question; None without a user at a terminal."""
    # Both streams: the question goes to stderr, and the answer comes from stdin.
    if as_json or quiet or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def ask(question: str) -> bool:
        sys.stderr.write(f"tune: {for_terminal(question)} [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    return ask


def run_study_command(work: Callable[[], Study], *, as_json: bool) -> int:
    """Do the work and show its study; return the exit status."""

    def show_study() -> int:
        study = work()
        if as_json:
            return print_result(json_for_terminal(study.summary()), _status(study))
        return print_result(for_terminal(study), _status(study))

    return run_command(show_study)


def _status(study: Study) -> int:
    if study.stopped == "interrupted":
        return INTERRUPTED
    # A script must notice that there is no result, even though nothing broke.
    if study.record.unread_stop or study.record.winner is None:
        return FAILED
    return NO_CONFIG if study.record.keeps_limit is False else DONE


def print_result(text: str, status: int = DONE) -> int:
    """Write a result to standard output, and return the exit status.

    If the reader is gone or the disk is full, one sentence says so. The work is done all the same,
    so its own status stays, except that success becomes a failure.
    """
    # Standard output was closed when the program began, so no result is wanted.
    if sys.stdout is None:
        return status
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        print_notice(
            f"the result cannot be written to standard output: {why}; what was bought is kept"
        )
        _silence(sys.stdout)
        # A status that says more than "failed" is kept.
        return status or FAILED
    return status


def print_notice(sentence: str) -> None:
    """Write a sentence to standard error, if it is open."""
    # The three errors: the disk is full or the terminal gone; closed by us; closed at the start.
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"tune: {for_terminal(sentence)}\n")
        sys.stderr.flush()


def _silence(stream: TextIO) -> None:
    """Send a stream's buffer nowhere, so that the interpreter does not complain when it ends."""
    with suppress(OSError, ValueError):
        # Replacing the descriptor also silences Python's own flush at exit.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def run_as_process(main: Callable[[], int]) -> NoReturn:
    """Run a command line as a process, to its end; output of argparse is flushed as well."""
    try:
        status = main()
    # argparse exits by itself: for --help, and for flags that cannot be read.
    except SystemExit as exit_:
        # sys.exit() may carry None or a text.
        status = exit_.code if isinstance(exit_.code, int) else DONE
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError) as error:
        print_notice(
            f"standard output cannot be written: {getattr(error, 'strerror', None) or error}"
        )
        _silence(sys.stdout)
        status = status or FAILED
    if status == INTERRUPTED:
        # Do not wait for a thread that computes or downloads: everything bought is on the disk.
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def run_command(work: Callable[[], int], *, resumes: bool = True) -> int:
    """Do the work, and return the exit status; an error of ours becomes one line and a status.

    Args:
        work: shows its own result, and returns the exit status.
        resumes: whether the same command goes on where Ctrl-C ended it.
    """
    from tune.errors import InputError, TuneError

    try:
        with raised():
            return work()
    # Before TuneError: it is one of them.
    except InputError as error:
        print_notice(str(error))
        return BAD_INPUT
    except TuneError as error:
        print_notice(str(error))
        return FAILED
    except KeyboardInterrupt:
        print_notice(f"interrupted{'; the same command resumes' if resumes else ''}")
        return INTERRUPTED
