"""Observers of a run: each gets every event, and none of them can end the run."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from tune.safety.decoration import Decorations
from tune.study.events import Event, Observer


class Observers:
    """Hands each event to everyone who watches a run.

    An observer that raises is named in one sentence, and is not called again. The loop of the run
    makes every call, so all of them come from one thread.

    Args:
        watching: the observers. A name begins the sentence about a failure: "the observer".
        decorations: keeps their faults from ending the run.
    """

    def __init__(
        self, watching: Mapping[str, Observer], decorations: Decorations
    ) -> None:
        self._watching = watching
        self._decorations = decorations

    def __call__(self, event: Event) -> None:
        """Hand out one event."""
        for name, observer in self._watching.items():
            self._decorations.attempt(name, functools.partial(observer, event), None)
