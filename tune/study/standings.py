"""Where the trials of a run stand: their readings, and what their draws cost. Each is worked out
once.
"""

from __future__ import annotations

from collections.abc import Mapping

from tune.pricing.prices import to_dollars
from tune.providers.stack import Service
from tune.readout.trial import Trial
from tune.strategies import Standing
from tune.study.evaluate import Evaluator


class Standings:
    """Reads trials, and keeps what was read of each until its draws change.

    Args:
        services: the models, by name.
        evaluator: reads the draws.
    """

    def __init__(self, services: Mapping[str, Service], evaluator: Evaluator) -> None:
        self._services, self._evaluator = services, evaluator
        self._known: dict[int, tuple[object, Standing]] = {}

    def known(self) -> list[Standing]:
        """Every trial as it was read last, without a new look."""
        return [standing for _, standing in self._known.values()]

    def of(self, trials: Mapping[int, Trial]) -> dict[int, Standing]:
        """Every trial with its readings, from the draws it has."""
        return {number: self._standing(trial) for number, trial in trials.items()}

    def _standing(self, trial: Trial) -> Standing:
        most_n = self._services[str(trial.point["model"])].endpoint.most_n
        mark = (
            trial.bought,
            len(trial.config_failed),
            len(trial.unanswered),
            trial.state,
            most_n,
            dict(trial.measured),
        )
        known = self._known.get(trial.number)
        if known is None or known[0] != mark:
            once, each = self._spent_on(trial)
            standing = Standing(
                trial=trial.number,
                point=trial.point,
                examples=len(trial.draws) + len(trial.config_failed),
                readings=tuple(self._evaluator.readings(trial)),
                failed=trial.state == "failed",
                spent_per_draw=to_dollars(once + each) / trial.bought if trial.bought else 0.0,
                cap=trial.cap,
                measured=frozenset(trial.measured),
                prompt_cost=to_dollars(once) / len(trial.draws) if trial.draws else 0.0,
            )
            known = self._known[trial.number] = (mark, standing)
        return known[1]

    def _spent_on(self, trial: Trial) -> tuple[int, int]:
        """Picodollars that the draws of a trial cost at list price: the prompts that they share,
        and the rest.
        """
        service = self._services[str(trial.point["model"])]
        most_n = service.endpoint.most_n
        once = each = 0
        for draws in trial.draws.values():
            calls = [draws[start : start + most_n] for start in range(0, len(draws), most_n)]
            costs = [
                service.price.cost(call[0].prompt_tokens, sum(d.completion_tokens for d in call))
                for call in calls
            ]
            shared = service.price.cost(draws[0].prompt_tokens, 0) if draws and most_n > 1 else 0
            once += shared
            each += sum(costs) - shared
        return once, each
