"""Commands besides a run: one module each, whose `main(argv)` parses its flags and returns the exit status."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from tune.escape import for_terminal, json_for_terminal

if TYPE_CHECKING:
    from tune.study import Study

DONE, FAILED, BAD_INPUT, NO_CONFIG, INTERRUPTED = 0, 1, 2, 5, 130
"""Exit statuses; NO_CONFIG says that no configuration keeps the limits. A command may have more of its own."""


class Parser(argparse.ArgumentParser):
    """Quotes arguments, which may be names of files, as a terminal may be shown them."""

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """End the program."""
        super().exit(status, message and for_terminal(message))


def finish(work: Callable[[], Study], *, as_json: bool) -> int:
    """Do the work and show its study; every error that is somebody's becomes one line and a status."""

    def show() -> int:
        study = work()
        if as_json:
            sys.stdout.write(json_for_terminal(json.dumps(study.summary(), ensure_ascii=False)) + "\n")
        else:
            sys.stdout.write(f"{for_terminal(study)}\n")
        if study.stopped == "interrupted":
            return INTERRUPTED
        if study.record.unread_stop:
            return FAILED
        return NO_CONFIG if study.record.keeps_limit is False else DONE

    return attempt(show)


def attempt(work: Callable[[], int], *, resumes: bool = True) -> int:
    """Do the work, which returns the exit status; every error that is somebody's becomes one line and a status.

    Args:
        work: shows its own result.
        resumes: whether the same command goes on where Ctrl-C ended it.
    """
    from tune.errors import InputError, TuneError

    try:
        return work()
    except InputError as error:
        sys.stderr.write(f"tune: {for_terminal(error)}\n")
        return BAD_INPUT
    except TuneError as error:
        sys.stderr.write(f"tune: {for_terminal(error)}\n")
        return FAILED
    except KeyboardInterrupt:
        sys.stderr.write(f"tune: interrupted{'; the same command resumes' if resumes else ''}\n")
        return INTERRUPTED
