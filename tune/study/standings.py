"""Standings of a run's trials: their readings, and the cost of their draws."""

from __future__ import annotations

from collections.abc import Mapping

from tune.pricing.prices import to_dollars
from tune.providers.stack import Service
from tune.readout import Reading
from tune.readout.columns import DrawColumns, list_prices, sums, total
from tune.readout.trial import Trial
from tune.strategies import Standing
from tune.study.trial_reader import TrialReader
from tune.study.unbilled import Unbilled


class Standings:
    """Reads trials, and keeps what was read of each until its draws change.

    Args:
        trials: of the search, by number; new ones may be added to it.
        services: the models, by name.
        reader: reads the draws.
        unbilled: weighs by seconds of service where nobody is billed; None where dollars count.
    """

    def __init__(
        self,
        trials: Mapping[int, Trial],
        services: Mapping[str, Service],
        reader: TrialReader,
        unbilled: Unbilled | None = None,
    ) -> None:
        self._trials = trials
        self._services = services
        self._reader = reader
        self._unbilled = unbilled
        self._known: dict[int, tuple[object, Standing]] = {}
        self._space: object = None

    def current(self) -> dict[int, Standing]:
        """Return every trial with its readings and costs in dollars, from the draws it has now."""
        # What a model refuses is no longer read off, also where no draw is new.
        state = self._reader.space.state()
        if state != self._space:
            self._space = state
            self._known.clear()
            for number in self._trials:
                self._reader.forget(number)
        return {number: self._standing(trial) for number, trial in self._trials.items()}

    def weighed(self) -> dict[int, Standing]:
        """Return every trial with the cost that strategies compare: seconds if there is no bill."""
        standings = self.current()
        if self._unbilled is None:
            return standings
        return self._unbilled.contenders(standings, self._trials)

    def known(self) -> list[Standing]:
        """Return the trials as they were read last. Nothing is read, so this is quick."""
        return [standing for _, standing in self._known.values()]

    def readings(self) -> list[Reading]:
        """Return every reading of every trial."""
        found: list[Reading] = []
        for standing in self.current().values():
            found += standing.readings
        return found

    def _standing(self, trial: Trial) -> Standing:
        # All that a reading depends on; where none of it has changed, the last one still holds.
        bought = trial.bought
        state = (
            bought,
            len(trial.config_failed),
            len(trial.unanswered),
            trial.state,
            self._most_n(trial),
            dict(trial.measured),
        )
        known = self._known.get(trial.number)
        if known is None or known[0] != state:
            known = (state, self._read(trial, bought))
            self._known[trial.number] = known
        return known[1]

    def _read(self, trial: Trial, bought: int) -> Standing:
        """Read a trial that has so many draws."""
        draws = self._reader.columns(trial)
        prompts, answers = self._costs(trial, draws)
        return Standing(
            trial=trial.number,
            point=trial.point,
            examples=len(trial.draws) + len(trial.config_failed),
            readings=tuple(self._reader.readings(trial)),
            failed=trial.state == "failed",
            spent_per_draw=_share(prompts + answers, bought),
            cap=trial.cap,
            measured=frozenset(trial.measured),
            prompt_cost=_share(prompts, len(trial.draws)),
            least_cap=trial.least_cap,
            longest=int(draws.completion_tokens.max(initial=0)),
        )

    def _costs(self, trial: Trial, draws: DrawColumns) -> tuple[int, int]:
        """Return the list price of a trial's draws in picodollars: shared prompts, and the rest."""
        service = self._services[str(trial.point["model"])]
        most_n = service.endpoint.most_n
        # The prompt is billed once for each call, however many answers it gives.
        calls = draws.call_starts(most_n)
        tokens = sums(draws.completion_tokens, calls)
        # At list price, whatever the study itself paid: draws may have been reused.
        costs = list_prices(service.price, draws.prompt_tokens[calls], tokens)
        # One prompt serves all draws of a call, but only where a call can give several.
        prompts = 0
        if most_n > 1:
            first = draws.prompt_tokens[draws.starts]
            prompts = total(list_prices(service.price, first, 0 * first))
        return prompts, total(costs) - prompts

    def _most_n(self, trial: Trial) -> int:
        return self._services[str(trial.point["model"])].endpoint.most_n


def _share(picodollars: int, count: int) -> float:
    """Return dollars for each of `count` things; 0.0 where there is none."""
    if not count:
        return 0.0
    return to_dollars(picodollars) / count
