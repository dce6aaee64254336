"""What draws and configs cost where nobody is billed: seconds of service."""

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
from tune.readout.trial import Trial
from tune.strategies import Selection, Standing


class Unbilled:
    """Weighs trials and readings by the recorded seconds of their draws, so that a resumed study
    weighs them alike.

    Args:
        services: the models, by name.
        clock: the time of the study.
    """

    def __init__(self, services: Mapping[str, Service], clock: Clock) -> None:
        self.clock = clock
        self._services = services
        self._known: dict[int, tuple[Standing, Standing]] = {}

    def weigh(self, reading: Reading) -> Reading:
        """A reading with seconds of service as its cost: those of all its answers, where each takes
        a call.
        """
        calls = calls_for(reading.config.n, self._most_n(reading.config.model))
        return replace(reading, costs=calls * reading.seconds)

    def contenders(
        self, standings: Mapping[int, Standing], trials: Mapping[int, Trial]
    ) -> dict[int, Standing]:
        """Every trial with the cost of its draws and of its readings in seconds of service."""
        for number, standing in standings.items():
            known = self._known.get(number)
            if known is None or known[0] is not standing:
                self._known[number] = standing, self._weighed(standing, trials[number])
        return {number: self._known[number][1] for number in standings}

    def _weighed(self, standing: Standing, trial: Trial) -> Standing:
        readings = tuple(self.weigh(reading) for reading in standing.readings)
        per_draw = self._seconds(trial) / max(1, trial.bought)
        return replace(standing, readings=readings, spent_per_draw=per_draw, prompt_cost=0.0)

    @contextmanager
    def timed(self, trials: Callable[[], Iterable[Trial]]) -> Iterator[None]:
        """Have the clock learn from what is bought inside the block how much service goes into a
        second.

        Args:
            trials: all that the study has, at that moment.
        """
        began, bought = time.monotonic(), self._bought()
        held, served = _draws(trials()), self._served(trials())
        yield
        new = _draws(trials()) - held
        share = (
            min(1.0, (self._bought() - bought) / new) if new else 0.0
        )  # the others were in the store
        self.clock.note(share * (self._served(trials()) - served), time.monotonic() - began)

    def _served(self, trials: Iterable[Trial]) -> float:
        return math.fsum(map(self._seconds, trials))

    def _seconds(self, trial: Trial) -> float:
        """Seconds of service of a trial's draws. Those of one call were served together: each has
        all its seconds.
        """
        most_n = self._most_n(str(trial.point["model"]))
        calls = [draws[::most_n] for draws in trial.draws.values()]
        return math.fsum(draw.seconds for draws in calls for draw in draws)

    def _bought(self) -> int:
        return sum(service.provider.bought for service in self._services.values())

    def _most_n(self, model: str) -> int:
        return self._services[model].endpoint.most_n


def _draws(trials: Iterable[Trial]) -> int:
    return sum(trial.bought for trial in trials)


def in_dollars(choice: Selection) -> Selection:
    """A choice with its costs as they are shown: nobody is billed."""
    shown = [
        replace(reading, costs=0.0 * reading.costs)
        for reading in (choice.reading, *choice.runners_up)
    ]
    extrapolated = choice.extrapolated and replace(
        choice.extrapolated, costs=0.0 * choice.extrapolated.costs
    )
    return replace(choice, reading=shown[0], runners_up=tuple(shown[1:]), extrapolated=extrapolated)
