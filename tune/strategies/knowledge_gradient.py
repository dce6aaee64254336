"""The strategy "knowledge_gradient": buy the blocks of examples with the most value per dollar."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from tune.readout.trial import Reason, Step
from tune.search.history import Searcher
from tune.space import Point
from tune.strategies.acquisition import acquisition_values, first_of_largest
from tune.strategies.block_options import (
    BlockOption,
    BlockOptions,
    NextBlocks,
    as_arrays,
)
from tune.strategies.candidates import Candidates, Pair
from tune.strategies.forecast import SearchCosts, SearchForecast
from tune.strategies.frontier import cost_limits
from tune.strategies.knowledge_gradient_forecast import forecast_search
from tune.strategies.linear_algebra import one_thread
from tune.strategies.posterior import share_of_gain
from tune.strategies.problem import ALL_BOUGHT, NO_WORTH, Array, Outcome, Problem
from tune.strategies.proposals import Proposals
from tune.strategies.race import Race
from tune.strategies.settings import KnowledgeGradientSettings
from tune.strategies.wave_plan import WavePlan

Waves: TypeAlias = Generator[list[Step], Outcome, str | None]


_SPREAD = Reason(purpose="spread over models and prompts")
_FAVOURED = Reason(purpose="as they were good in earlier studies")
_FIRST_CALLS = Reason(purpose="to see what calls cost")


@dataclass(frozen=True)
class KnowledgeGradient:
    """Buy the blocks of examples that are worth the most per dollar, wave by wave.

    The first wave is a small block for points spread over models and prompts. After every wave, the
    posterior of all candidates is computed from what was bought. The next wave has the blocks with
    the largest value per dollar to the power of a greed, each chosen as if those before it were
    bought already. A block is a fresh point's first, more examples of a point, or more draws of
    those that it has. The search is over when no block is worth its money, or when only the money
    for the final comparison is left.

    For the goals "frontier" and "cheapest", waves take turns over limits on cost (see
    `tune.strategies.frontier`): each wave is worth what it adds to the best under its limit.
    """

    settings: KnowledgeGradientSettings = field(
        default_factory=KnowledgeGradientSettings
    )

    def __call__(
        self,
        problem: Problem,
        searcher: Searcher,
        left: float,
    ) -> Waves:
        """Search; see `tune.strategies.Strategy`."""
        race = Race(problem, left)
        # The final comparison needs money too. It is kept from the start, so that the search cannot
        # use it.
        reserve = self.settings.final_share * left
        buyer = _Buyer(race, searcher, self.settings, left - reserve)
        wave = buyer.first_wave(left - reserve)
        while wave:
            # The strategy is a generator: it yields a wave and is sent its outcome.
            race.update((yield wave))
            if race.over:
                return None
            with one_thread():
                # The posterior is computed from everything bought so far.
                buyer.learn()
                wave = buyer.next_wave(race.left - reserve)
        return buyer.ending

    def forecast(
        self,
        costs: SearchCosts,
        money: float,
    ) -> SearchForecast:
        """Return what the search would do with an amount of money."""
        return forecast_search(self.settings, costs, money)


class _Buyer:
    """Decides what to buy next.

    Args:
        race: all trials, and the money.
        searcher: proposes fresh points.
        settings: of the strategy.
        money: dollars of the whole search.

    Attributes:
        ending: why the last wave is empty, if it is; None where the money is too little.
    """

    ending: str | None = None

    def __init__(
        self,
        race: Race,
        searcher: Searcher,
        settings: KnowledgeGradientSettings,
        money: float,
    ) -> None:
        self._race = race
        self._settings = settings
        self._last_money = settings.last_share * money
        self._candidates = Candidates(race, Proposals(race, searcher), settings)
        self._next = NextBlocks(race, self._candidates, settings)
        self._limits = [math.inf]
        self._waves = 0

    # --- the first wave

    def first_wave(self, money: float) -> list[Step]:
        """Return a small block for the baseline and for points spread over models and prompts.

        It has as many as the ceilings allow, as the cost of calls is not known yet.
        """
        candidates = self._candidates
        # Only a share: nothing is known yet, and ceilings are far above usual costs.
        wave = WavePlan(self._race, self._settings.blind_share * money)
        waiting = list(candidates.fresh)
        caps = candidates.first_caps()
        size = self._next.first_size(money)
        uses: dict[object, int] = {}
        # Every other point is one that earlier studies speak for. They may mislead, so the rest is
        # spread as ever.
        favoured = candidates.favoured(self._settings.blind_steps // 2, size)
        while waiting and len(wave.steps) < self._settings.blind_steps:
            point = min(waiting, key=lambda one: self._order(one, uses, caps))
            reason = _SPREAD
            favoured = [other for other in favoured if other in waiting]
            if favoured and len(wave.steps) % 2:
                point = favoured[0]
                reason = _FAVOURED
            # Compared by value: a searcher may propose one point twice.
            waiting = [other for other in waiting if other != point]
            for key in _names(point):
                uses[key] = uses.get(key, 0) + 1
            candidates.begin(point, wave, size, 0, reason)
        return wave.steps or self._first_of_all(size)

    def _order(
        self,
        point: Point,
        uses: dict[object, int],
        caps: dict[Pair, int],
    ) -> tuple[bool, int, int, bool]:
        """Return a sort key: the baseline first, then models and prompts that were used least."""
        model, prompt = _names(point)
        later = self._candidates.comes_later(point, caps)
        is_other = point != self._race.problem.baseline
        return is_other, uses.get(model, 0), uses.get(prompt, 0), later

    def _first_of_all(self, most: int) -> list[Step]:
        """Return as many examples of one point as all the money pays for at their ceilings."""
        # Not even a block at its ceiling fits: some examples tell what calls really cost.
        wave = WavePlan(self._race, self._race.left)
        for size in range(most, 0, -1):
            for point in self._candidates.fresh:
                if self._candidates.begin(point, wave, size, 0, _FIRST_CALLS):
                    return wave.steps
        return []

    # --- later waves

    def learn(self) -> None:
        """Take in what was bought, and choose the limits on cost of the next wave."""
        self._candidates.refresh()
        problem = self._race.problem
        if problem.goal != "quality":
            limits = cost_limits(self._race, problem.settings.frontier.limits) or [
                math.inf
            ]
            self._waves += 1
            # The limit whose turn it is comes first; the others follow where it has nothing to buy.
            turn = self._waves % len(limits)
            self._limits = [*limits[turn:], *limits[:turn]]

    def next_wave(self, money: float) -> list[Step]:
        """Return the blocks with the most value, as far as a share of the money goes.

        Where none is worth its money, the prior is widened a few times before that is accepted: the
        posterior may be too certain.
        """
        for widenings in range(self._settings.widenings + 1):
            for limit in self._limits:
                # Learning again would undo the widening.
                if self._candidates.aim(limit, fit=widenings == 0):
                    wave = self._best_blocks(money)
                    if wave:
                        return wave
            self._candidates.widen_prior()
        return []

    def _best_blocks(self, money: float) -> list[Step]:
        """Return the blocks with the largest value per dollar to the power of the greed.

        Each is chosen as if those before it were bought already.
        """
        options = self._next.options(money)
        arrays = as_arrays(options, money, self._settings.long_share)
        self.ending = None if options else ALL_BOUGHT
        held = self._held()
        # With a greed of 1 values are per dollar; with 0 the cost does not matter.
        price = arrays.cost**self._settings.greed
        wave = WavePlan(self._race, money)
        too_dear = False
        # A share of little is a few calls, and each wave takes its time.
        share = max(self._settings.wave_share * money, self._last_money)
        least_left = money - share
        while arrays.there.any() and len(wave.steps) < self._settings.most_steps:
            if wave.money < least_left:
                break
            # Again after each block: a bought block lowers the value of similar ones.
            values = self._values(arrays, held, price)
            best = first_of_largest(values / price)
            # Not even the best block is worth its money.
            if values[best] < self._least_value(wave):
                if not too_dear:
                    self.ending = NO_WORTH
                break
            option = options[best]
            # One block for each point in a wave: its next one depends on what this one shows.
            arrays.there &= arrays.candidate != option.candidate
            if self._buy(option, wave, self._candidates.reason(values[best])):
                held[option.candidate] = arrays.share[best]
            else:
                too_dear = True
        return wave.steps

    def _least_value(self, wave: WavePlan) -> float:
        """Return the least expected gain of the next block of a wave."""
        calls = sum(len(step.examples) for step in wave.steps)
        # A wave begins only with a block that is worth its money by itself.
        if 0 < calls < self._settings.full_wave:
            return self._settings.filling_value
        return self._settings.least_value

    def _values(self, arrays: BlockOptions, held: Array, price: Array) -> Array:
        candidates = self._candidates
        # The expected rise of the best posterior mean (Frazier et al. 2009, knowledge gradient).
        values = acquisition_values(
            candidates.posterior,
            arrays,
            candidates.reaches,
            held,
            self._settings.contenders,
            np.where(arrays.there, 1.0 / price, 0.0),
        )
        return arrays.settle(np.where(arrays.there, values, 0.0))

    def _held(self) -> Array:
        """Return the share of the gain that bought answers have; NaN where none is selectable."""
        held: Array = np.full(len(self._candidates.points), math.nan)
        for candidate, evidence in enumerate(self._candidates.shown):
            if evidence.feasible:
                held[candidate] = share_of_gain(evidence.most) - share_of_gain(
                    evidence.least
                )
        return held

    def _buy(
        self,
        option: BlockOption,
        wave: WavePlan,
        reason: Reason,
    ) -> bool:
        """Add a block to a wave, and reduce the posterior's uncertainty by it."""
        candidates = self._candidates
        point = candidates.points[option.candidate]
        if point in candidates.begun:
            state = candidates.begun[point]
            bought = wave.add(state, option.examples, option.draws, reason)
        else:
            bought = candidates.begin(
                point, wave, option.examples, option.draws, reason
            )
        if bought:
            candidates.posterior.quality.buy(option.candidate, option.noise)
            if math.isfinite(option.gain_noise):
                candidates.posterior.gain.buy(option.candidate, option.gain_noise)
        return bought


def _names(point: Point) -> tuple[tuple[str, object], tuple[str, object]]:
    """Return keys of a point's model and prompt."""
    return ("model", point["model"]), ("prompt", point["prompt"])
