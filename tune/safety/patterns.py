"""Regular expressions of users, with a time limit. One that backtracks for ever would block the
run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from tune.errors import SpaceError

if TYPE_CHECKING:
    import regex

SECONDS = 1.0
"""Of processor time for one text; what honest patterns take is thousands of times less."""

MOST_SLOW = 10
"""Texts that a pattern may give up on: more of them, and the pattern is at fault rather than a
strange answer.
"""


class Pattern:
    """A regular expression that gives up on a text after `SECONDS`; the text then has no match.

    A slow text costs its config the score, but never costs the user the run. After `MOST_SLOW` such
    texts it is an error that names the pattern.

    Args:
        pattern: the pattern as the user wrote it.
        what: its purpose; the message begins with it.
        ignore_case: match letters in any case.

    Raises:
        SpaceError: the pattern is not a regular expression.
    """

    def __init__(
        self, pattern: object, what: str, *, ignore_case: bool = False
    ) -> None:
        self._what, self._source, self._slow = what, str(pattern), 0
        if not isinstance(pattern, str):
            raise SpaceError(
                f"{what}: {pattern!r} is no regular expression, which is a text"
            )
        # Few studies have a pattern, and the module takes a while to import.
        import regex

        try:
            self._pattern: regex.Pattern[str] = regex.compile(
                pattern, regex.IGNORECASE if ignore_case else 0
            )
        except (regex.error, RecursionError, OverflowError, MemoryError) as error:
            raise SpaceError(
                f"{what}: {pattern!r} is no regular expression: {error}"
            ) from None

    @property
    def groups(self) -> int:
        """The number of its groups."""
        return int(self._pattern.groups)

    def first(self, text: str) -> regex.Match[str] | None:
        """The first match in a text; None where there is none in time."""
        return next(islice(self._matches(text), 1), None)

    def last(self, text: str) -> regex.Match[str] | None:
        """The last match in a text; None where there is none in time."""
        match = None
        for match in self._matches(text):  # noqa: B007  (the last one is wanted)
            pass
        return match if self._in_time else None

    def _matches(self, text: str) -> Iterator[regex.Match[str]]:
        # The timeout of `finditer` is for each match, so the sum of them is limited here as well.
        self._in_time, ends = True, time.thread_time() + SECONDS
        try:
            for match in self._pattern.finditer(text, timeout=SECONDS):  # of each match
                yield match
                if time.thread_time() > ends:
                    raise TimeoutError
        except TimeoutError:
            self._in_time = False
            # Processor time, not the clock: on a busy machine an honest pattern must not fail.
            self._slow += 1
            if self._slow > MOST_SLOW:
                raise SpaceError(
                    f"{self._what}: the pattern {self._source!r} was still at work after "
                    f"{SECONDS:g} s on "
                    f"{self._slow} texts: write it so that it does not try the same in many ways, "
                    "as (a+)+ does"
                ) from None
