"""Keep faults in decorations from ending a run.

Progress, notices, charts and explaining lines only decorate a run. The run is paid for, and its
result stands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Else = TypeVar("Else")


class Decorations:
    """A runner for decorations. A part that fails is reported once, and is left out from then on.

    Args:
        tell: called with one sentence for each part that fails.
    """

    def __init__(self, tell: Callable[[str], None] = lambda _: None) -> None:
        self._tell = tell
        self._failed: set[str] = set()

    def attempt(self, part: str, work: Callable[[], T], otherwise: Else) -> T | Else:
        """Return what the work returns, or something else where it fails or has failed before.

        Args:
            part: names the decoration, and begins the sentence about its failure: "the progress
                display".
            work: makes it. Ctrl-C and a cancelled task pass through; every other fault ends here.
            otherwise: what stands in for it.
        """
        if part in self._failed:
            return otherwise
        try:
            return work()
        # `sys.exit` in an observer would end the event loop while calls are in flight.
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a decoration raises, the run that it decorates goes on
            self._failed.add(part)
            words = " ".join(str(error).split())
            self._tell(
                f"{part} failed and is left out ({type(error).__name__}: {words}); the result "
                "stands"
            )
            return otherwise

    def around(self, part: str, function: Callable[P, object]) -> Callable[P, None]:
        """Return a function that calls this one as a decoration, for callbacks of users."""

        def call(*args: P.args, **kwargs: P.kwargs) -> None:
            self.attempt(part, lambda: function(*args, **kwargs), None)

        return call
