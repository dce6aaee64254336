"""The plan of a wave: steps that are bought together, and the money that pays for them."""

from __future__ import annotations

from dataclasses import replace

from tune.readout.trial import NO_REASON, Reason, Step
from tune.strategies.race import Race, TrialState


class WavePlan:
    """Steps that are bought together, as far as a sum of money is expected to pay for them.

    Attributes:
        steps: the steps so far.
        money: dollars that are not planned for yet.
    """

    def __init__(
        self,
        race: Race,
        money: float,
    ) -> None:
        self._race = race
        self.steps: list[Step] = []
        self.money = money
        # A part of what is left may be kept for another purpose; a ceiling may reach into it.
        self._beyond = race.left - money

    def affords(
        self,
        state: TrialState,
        examples: int,
        draws: int,
    ) -> bool:
        """Return whether the money pays for so many examples and draws of a trial.

        A call is let through only while its ceiling fits into what is left. So the ceiling of one
        call stays unplanned.
        """
        cost = self._race.expected_cost(state, examples, draws)
        if cost > self.money:
            return False
        # The gate reserves the whole ceiling of a call until the call is settled.
        ceiling = self._race.ceiling(state, draws)
        last = ceiling - self._race.expected_price(state, draws)
        return cost + last <= self.money + self._beyond

    def room(self, state: TrialState, draws: int) -> int:
        """Return for how many more examples of a trial the money pays, with so many draws each."""
        price = self._race.expected_price(state, draws)
        left = self._race.problem.examples - state.examples
        if price <= 0:
            return left
        # The last call needs its whole ceiling; see `affords`.
        last = self._race.ceiling(state, draws) - price
        money = min(self.money, self.money + self._beyond - last)
        return max(0, min(left, int(money / price)))

    def add(
        self,
        state: TrialState,
        examples: int,
        draws: int,
        reason: Reason = NO_REASON,
    ) -> bool:
        """Bring a trial to so many examples and draws, if the money pays for it."""
        if not self.affords(state, examples, draws):
            return False
        price = self._race.expected_cost(state, examples, draws)
        self.money -= price
        reason = replace(reason, price=price)
        self.steps += self._race.order(state, examples, draws, reason)
        return True
