"""The strategy "full": every proposed point on every example, as searches do that ignore costs."""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import dataclass, field

from tune.readout.trial import Step
from tune.search.history import Searcher
from tune.strategies.forecast import SearchCosts, SearchForecast
from tune.strategies.problem import ALL_BOUGHT, Outcome, Problem
from tune.strategies.proposals import Proposals
from tune.strategies.race import Race, TrialState
from tune.strategies.settings import FullSettings
from tune.strategies.wave_plan import WavePlan


@dataclass(frozen=True)
class Full:
    """Give one trial after the other all tuning examples, with the draws of the largest n.

    This is the yardstick: published EcoOptiGen and users of Optuna search like this. Only the first
    trial meets a few examples before the rest, so that the cost of calls is known. A point that the
    money left clearly cannot pay for is not begun, and the searcher is told that nothing came of
    it.
    """

    settings: FullSettings = field(default_factory=FullSettings)

    def __call__(
        self,
        problem: Problem,
        searcher: Searcher,
        left: float,
    ) -> Generator[list[Step], Outcome, str | None]:
        """Search; see `tune.strategies.Strategy`."""
        race = Race(problem, left)
        reserve = self.settings.final_share * left
        proposals = Proposals(race, searcher)
        refused = 0
        saved = True
        while refused < self.settings.patience and not race.over:
            point = proposals.next()
            if point is None:
                return ALL_BOUGHT if saved else None
            state = race.add(point)
            # Published searches ask for the largest n from the first example on.
            wave = WavePlan(race, race.left - reserve)
            if not wave.add(state, self._first_block(race, state), state.ladder[-1]):
                refused += 1
                saved = False
                # A searcher that is not told would propose around this point again.
                race.tell_searcher([state])
                race.remove(state)
                continue
            refused = 0
            race.update((yield wave.steps))
            rest = WavePlan(race, race.left - reserve)
            if not race.over and not rest.add(state, problem.examples, state.draws):
                saved = False
            if rest.steps:
                race.update((yield rest.steps))
            race.tell_searcher([state])
        return None

    def _first_block(
        self,
        race: Race,
        state: TrialState,
    ) -> int:
        """Return all examples, but a few where their cost is not known yet."""
        if race.standings:
            return race.problem.examples
        price = race.expected_price(state, state.ladder[-1])
        few = min(self.settings.probe, race.problem.examples)
        if price > 0:
            few = min(few, int(race.left / price))
        return max(1, few)

    def forecast(
        self,
        costs: SearchCosts,
        money: float,
    ) -> SearchForecast:
        """Return what the search would do with an amount of money, as the mean of some orders."""
        search = (1.0 - self.settings.final_share) * money
        rng = random.Random("full")
        configs = 0
        examples = 0
        draws = 0
        spent = 0.0
        for _ in range(_ORDERS):
            for pair, met in self._play(costs, search, rng):
                configs += 1
                examples += met
                draws += met * costs.pairs[pair].ladder[-1]
                spent += met * costs.pairs[pair].dollars[-1]
        return SearchForecast(
            configs=round(configs / _ORDERS),
            examples=round(examples / _ORDERS),
            draws=round(draws / _ORDERS),
            first_blocks=min(1, configs),
            spent=min(money, spent / _ORDERS),
        )

    def _play(
        self,
        costs: SearchCosts,
        money: float,
        rng: random.Random,
    ) -> list[tuple[int, int]]:
        """Return the points that one order of proposals pays for.

        Returns:
            For each the number of its model and prompt, and the examples that it meets.
        """
        begun: list[tuple[int, int]] = []
        refused = 0
        waiting: list[int] = []
        while refused < self.settings.patience and len(begun) < costs.points:
            # Searchers deal models and prompts in turns, so each comes once in a round.
            waiting = waiting or rng.sample(range(len(costs.pairs)), len(costs.pairs))
            pair = waiting.pop()
            price = costs.pairs[pair].dollars[-1]
            met = costs.examples
            if price * met >= money and not begun:
                # Of the first trial a few examples are bought before its cost is known.
                met = min(self.settings.probe, int(money / price))
            # The ceiling of the last call has to fit too, so the money is never used up exactly.
            if not met or price * met >= money:
                refused += 1
                continue
            refused = 0
            money -= price * met
            begun.append((pair, met))
        return begun


_ORDERS = 20
"""Orders of proposals that a forecast is the mean of."""
