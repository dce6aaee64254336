"""The parser of every command: its errors are one line, with the name that was probably meant."""

from __future__ import annotations

import argparse
import difflib
import itertools
import re
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from tune.commands import BAD_INPUT
from tune.safety.escape import for_terminal

_WRONG_NUMBER = re.compile(
    r"argument (\S+): invalid (float|int) value: (.*)", re.DOTALL
)
"""What argparse says of a value that is no number."""

_NUMBERS = {"float": "a number", "int": "a whole number"}

_NO_VALUE = re.compile(r"argument (\S+): expected one argument")
"""What argparse says of a flag without its value."""


class Parser(argparse.ArgumentParser):
    """A parser whose messages are one line and safe for a terminal."""

    def parse_args(
        self, args: Iterable[str] | None = None, namespace: Any = None
    ) -> Any:
        """Return the values of flags; a misspelled one ends the program with a suggestion."""
        words = list(sys.argv[1:] if args is None else args)
        # Before argparse reads them: it would say that a misspelled flag is missing.
        self._check_names(words)
        return super().parse_args(words, namespace)

    def _check_names(self, words: Iterable[str]) -> None:
        known = list(self._option_string_actions)
        # After "--" every word is a value.
        for word in itertools.takewhile("--".__ne__, words):
            name = word.partition("=")[0]
            # As argparse: a word with a space is a value, and a flag may be shortened.
            if not name.startswith("--") or " " in name:
                continue
            if not any(flag.startswith(name) for flag in known):
                self.error(f"there is no option {name}{did_you_mean(name, known)}")

    def error(self, message: str) -> NoReturn:
        """End the program with one line; the whole usage would hide what is wrong."""
        self.exit(
            BAD_INPUT,
            f"{self.prog}: {_plain(message)} ({self.prog} --help lists all options)\n",
        )

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """End the program."""
        # Messages quote the names of files as they are.
        super().exit(status, message and for_terminal(message))


def _plain(message: str) -> str:
    """Return what argparse says without its own words."""
    wrong, lonely = _WRONG_NUMBER.fullmatch(message), _NO_VALUE.fullmatch(message)
    if wrong is not None:
        flag, kind, value = wrong.groups()
        return f"{flag} takes {_NUMBERS[kind]}, but got {value}"
    if lonely is not None:
        return f"{lonely[1]} needs a value"
    return message


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a message: the known name that is most like a word; "" if none is."""
    # Without the dashes, which every flag has: they would make any two flags alike.
    names = {name.strip("-"): name for name in known}
    close = difflib.get_close_matches(word.strip("-"), names, n=1)
    if not close:
        return ""
    return f"; did you mean {names[close[0]]}?"
