"""Costs where nobody is billed: seconds of service take the place of dollars."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from tune.completion import calls_for
from tune.pricing.clock import Clock
from tune.providers.stack import Service
from tune.readout import Reading
from tune.readout.columns import DrawColumns
from tune.readout.trial import Trial
from tune.strategies import Selection, Standing


class Unbilled:
    """Weighs trials and readings by the recorded seconds of their draws.

    A resumed study weighs them alike, because the seconds are kept with the draws.

    Args:
        services: the models, by name.
        clock: the time of the study.
        columns: returns the seconds of a trial's draws.
    """

    def __init__(
        self,
        services: Mapping[str, Service],
        clock: Clock,
        columns: Callable[[Trial], DrawColumns],
    ) -> None:
        self.clock = clock
        self._services = services
        self._columns = columns
        self._known: dict[int, tuple[Standing, Standing]] = {}

    def contenders(
        self, standings: Mapping[int, Standing], trials: Mapping[int, Trial]
    ) -> dict[int, Standing]:
        """Return every trial with the costs of its draws and readings in seconds of service."""
        for number, standing in standings.items():
            known = self._known.get(number)
            if known is None or known[0] is not standing:
                self._known[number] = standing, self._weighed(standing, trials[number])
        return {number: self._known[number][1] for number in standings}

    def _weighed(self, standing: Standing, trial: Trial) -> Standing:
        """Return a trial with its costs in seconds of service."""
        most_n = self._most_n(trial)
        readings = tuple(in_seconds(reading, most_n) for reading in standing.readings)
        return replace(
            standing,
            readings=readings,
            spent_per_draw=self._seconds(trial) / max(1, trial.bought),
            # A service does not say which of its seconds went into the prompt.
            prompt_cost=0.0,
        )

    @contextmanager
    def timed(self, trials: Callable[[], Iterable[Trial]]) -> Iterator[None]:
        """Have the clock learn how much service goes into a second, from what the block buys.

        Args:
            trials: returns all trials that the study has at that moment.
        """
        began = time.monotonic()
        bought_before = self._bought()
        draws_before = _draws(trials())
        served_before = self._served(trials())
        yield
        new = _draws(trials()) - draws_before
        bought = self._bought() - bought_before
        served = self._served(trials()) - served_before
        share = 0.0
        if new:
            # Draws that came out of the store took no time now, so they do not count.
            share = min(1.0, bought / new)
        self.clock.note(share * served, time.monotonic() - began)

    def _served(self, trials: Iterable[Trial]) -> float:
        # fsum is exact, so a resumed study comes to the same sum in another order.
        return math.fsum(map(self._seconds, trials))

    def _seconds(self, trial: Trial) -> float:
        """Return the seconds of service of a trial's draws.

        The draws of one call were served together, and each has all its seconds. So one counts.
        """
        draws = self._columns(trial)
        calls = draws.call_starts(self._most_n(trial))
        return math.fsum(draws.seconds[calls].tolist())

    def _bought(self) -> int:
        return sum(service.provider.bought for service in self._services.values())

    def _most_n(self, trial: Trial) -> int:
        return self._services[str(trial.point["model"])].endpoint.most_n


def in_seconds(reading: Reading, most_n: int) -> Reading:
    """Return a reading with seconds of service as its cost: those of all calls of a request.

    Args:
        reading: one configuration of a trial.
        most_n: answers that one call can give.
    """
    calls = calls_for(reading.config.n, most_n)
    return replace(reading, costs=calls * reading.seconds)


def in_dollars(selection: Selection) -> Selection:
    """Return a selection with its costs as they are shown: nobody is billed, so they are $0."""
    extrapolated = selection.extrapolated
    if extrapolated is not None:
        extrapolated = _free_of_charge(extrapolated)
    return replace(
        selection,
        reading=_free_of_charge(selection.reading),
        runners_up=tuple(map(_free_of_charge, selection.runners_up)),
        extrapolated=extrapolated,
    )


def _free_of_charge(reading: Reading) -> Reading:
    # Times zero, because NaN stays NaN: such a cost is not known.
    return replace(reading, costs=0.0 * reading.costs)


def _draws(trials: Iterable[Trial]) -> int:
    return sum(trial.bought for trial in trials)
