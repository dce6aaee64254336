"""Commands besides a run: one module each, whose `main(argv)` parses its flags and returns the exit
status.
"""

from __future__ import annotations

import argparse
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
"""Exit statuses; NO_CONFIG says that no configuration keeps the limits. A command may have more of
its own.
"""


class Parser(argparse.ArgumentParser):
    """Quotes arguments, which may be names of files, as a terminal may be shown them."""

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """End the program."""
        super().exit(status, message and for_terminal(message))


def make_confirm(*, as_json: bool, quiet: bool) -> Callable[[str], bool] | None:
    """What asks the user a question; None where nobody sits at a terminal."""
    if as_json or quiet or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def ask(question: str) -> bool:
        sys.stderr.write(f"tune: {for_terminal(question)} [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    return ask


def run_study_command(work: Callable[[], Study], *, as_json: bool) -> int:
    """Do the work and show its study; every error that is somebody's becomes one line and a status."""

    def show_study() -> int:
        study = work()
        if as_json:
            return print_result(json_for_terminal(study.summary()), _status(study))
        return print_result(for_terminal(study), _status(study))

    return run_command(show_study)


def _status(study: Study) -> int:
    if study.stopped == "interrupted":
        return INTERRUPTED
    if study.record.unread_stop or study.record.winner is None:
        return FAILED
    return NO_CONFIG if study.record.keeps_limit is False else DONE


def print_result(text: str, status: int = DONE) -> int:
    """Write a result to standard output, and return the exit status.

    Where nobody reads it any more, or the disk is full, one sentence says so: the work is done all
    the same, and so its own status stays, except that success becomes a failure.
    """
    if sys.stdout is None:  # it was closed when the program began: nobody wants to see anything
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
        return status or FAILED
    return status


def print_notice(sentence: str) -> None:
    """Write a sentence to standard error, if anybody is there."""
    with suppress(
        OSError, ValueError, AttributeError
    ):  # full or hung up, closed by us, closed when we began
        sys.stderr.write(f"tune: {for_terminal(sentence)}\n")
        sys.stderr.flush()


def _silence(stream: TextIO) -> None:
    """Have what is still buffered go nowhere, so that the interpreter does not complain of it when
    it ends.
    """
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def run_as_process(main: Callable[[], int]) -> NoReturn:
    """Run a command line as a process, to its end: what argparse has written is on its way by then,
    too.
    """
    try:
        status = main()
    except SystemExit as exit_:  # --help, or flags that cannot be read
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
        # A thread may still compute, or wait for a download: it is not waited for. All that was
        # bought is on the disk.
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def run_command(work: Callable[[], int], *, resumes: bool = True) -> int:
    """Do the work, which returns the exit status; every error that is somebody's becomes one line
    and a status.

    Args:
        work: shows its own result.
        resumes: whether the same command goes on where Ctrl-C ended it.
    """
    from tune.errors import InputError, TuneError

    try:
        with raised():
            return work()
    except InputError as error:
        print_notice(str(error))
        return BAD_INPUT
    except TuneError as error:
        print_notice(str(error))
        return FAILED
    except KeyboardInterrupt:
        print_notice(f"interrupted{'; the same command resumes' if resumes else ''}")
        return INTERRUPTED
