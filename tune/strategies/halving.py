"""The strategy "halving": many points on few examples, few points on many, in brackets."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TypeAlias

from tune.readout.trial import Reason, Step
from tune.search.history import Searcher
from tune.space import Point
from tune.strategies.blocks import rung_sizes
from tune.strategies.forecast import SearchCosts, SearchForecast
from tune.strategies.frontier import frontier_trials
from tune.strategies.paired import paired_difference
from tune.strategies.problem import ALL_BOUGHT, Outcome, Problem
from tune.strategies.proposals import Proposals
from tune.strategies.race import Race, TrialState
from tune.strategies.settings import HalvingSettings
from tune.strategies.wave_plan import WavePlan

Waves: TypeAlias = Generator[list[Step], Outcome, None]

_BEST_GO_ON = Reason(purpose="as they did best so far")


@dataclass(frozen=True)
class Halving:
    """Search by successive halving (Karnin et al. 2013; Jamieson and Talwalkar 2016) in brackets.

    A bracket begins with fresh points on a small block of examples. The best third goes on to twice
    as many examples, then ever the better half, with more draws where a larger n may win. A point
    that is clearly behind the best of all brackets on the same examples goes no further. When one
    is left, the searcher is told how each fared, and proposes the next bracket, while the money
    pays for one. The money for the final comparison is left alone.
    """

    settings: HalvingSettings = field(default_factory=HalvingSettings)

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
        brackets = _Brackets(race, proposals, self.settings, reserve)
        least = self.settings.least_share * (left - reserve)
        while not race.over and (not race.standings or race.left - reserve > least):
            yield from brackets.first_rung()
            if not brackets.bracket:
                break
            yield from brackets.climb()
            race.tell_searcher(brackets.bracket)
        if race.over or brackets.short or not proposals.exhausted:
            return None
        return ALL_BOUGHT

    def forecast(
        self,
        costs: SearchCosts,
        money: float,
    ) -> SearchForecast:
        """Return what the search would do with an amount of money."""
        return _forecast(self.settings, costs, money)


class _Brackets:
    """One bracket after the other.

    Attributes:
        bracket: the trials of the present one.
        short: whether the money was too little for a point.
    """

    short = False

    def __init__(
        self,
        race: Race,
        proposals: Proposals,
        settings: HalvingSettings,
        reserve: float,
    ) -> None:
        self._race = race
        self._proposals = proposals
        self._settings = settings
        self._reserve = reserve
        self._sizes = rung_sizes(race.problem.examples)
        self.bracket: list[TrialState] = []

    def first_rung(self) -> Waves:
        """Begin a bracket of as many trials as a share of the money pays for, on one block."""
        self.bracket = []
        race = self._race
        settings = self._settings
        if not race.standings:
            # The cost of calls is not known yet: a few points, as far as their ceilings go.
            # Ceilings are several times what calls cost, so this is a small part of the money.
            money = settings.blind_share * (race.left - self._reserve)
            wave = self._begin(money, settings.blind_arms) or self._begin_one()
            if wave:
                race.update((yield wave))
        if not race.over:
            money = settings.bracket_share * (race.left - self._reserve)
            wave = self._begin(money, settings.most_arms)
            if wave:
                race.update((yield wave))

    def _begin(
        self,
        money: float,
        most: int,
    ) -> list[Step]:
        """Begin fresh trials, as far as the money goes.

        A point that there is no more room for comes first in the next wave. One whose first block
        alone is known to cost more than the money is let go: the searcher is told that nothing came
        of it.

        Args:
            money: dollars for this wave.
            most: trials in the bracket, at most.
        """
        race = self._race
        block = self._sizes[0]
        wave = WavePlan(race, money)
        refused = 0
        while len(self.bracket) < most and refused < self._settings.patience:
            point = self._proposals.next()
            if point is None:
                break
            state = race.add(point)
            if wave.add(state, block, state.ladder[0]):
                self.bracket.append(state)
            # The point is not too expensive in itself: the wave has no room left for it.
            elif wave.steps or not race.standings:
                self._proposals.put_back(race.remove(state))
                break
            else:
                refused += 1
                self.short = True
                race.tell_searcher([state])
                race.remove(state)
        return wave.steps

    def _begin_one(self) -> list[Step]:
        """Begin one trial on as many examples of a block as all the money pays for.

        It is the first of a few points that can have the whole block at its ceiling, or else the
        one that can have the most examples.
        """
        race = self._race
        block = self._sizes[0]
        found: list[tuple[int, Point]] = []
        while len(found) < self._settings.patience:
            point = self._proposals.next()
            if point is None:
                break
            state = race.add(point)
            price = race.expected_price(state, state.ladder[0])
            size = block
            if price > 0:
                size = min(block, int(race.left / price))
            found.append((size, race.remove(state)))
            if size == block:
                break
        if not found:
            return []
        best = max(found, key=lambda one: one[0])
        # Points that were put back come again in reverse order.
        for one in reversed(found):
            if one is not best:
                self._proposals.put_back(one[1])
        size, point = best
        self.short = size < block
        wave = WavePlan(race, race.left)
        if size:
            state = race.add(point)
            self.bracket.append(state)
            wave.add(state, size, state.ladder[0])
        return wave.steps

    def climb(self) -> Waves:
        """Take ever fewer of the bracket's trials to ever more examples."""
        race = self._race
        going = self.bracket
        for rung, examples in enumerate(self._sizes[1:]):
            if race.over or (rung and len(going) < 2):
                return
            # A third goes on at first, as a block is few examples and most of it is luck.
            count = _going_on(len(going), rung)
            going = self._best(going, count)
            race.leaders = [state.trial for state in going]
            wave = WavePlan(race, race.left - self._reserve)
            for state in going:
                # More draws are a wish; more examples are what the rung is for.
                draws = race.more_draws(state)
                if not wave.add(state, examples, draws, _BEST_GO_ON):
                    fits = wave.add(state, examples, state.draws, _BEST_GO_ON)
                    self.short = self.short or not fits
            if not wave.steps:
                return
            race.update((yield wave.steps))

    def _best(
        self,
        states: list[TrialState],
        count: int,
    ) -> list[TrialState]:
        """Return the best of these, without those that are clearly behind the best of all."""
        race = self._race
        if race.problem.goal == "frontier":
            return frontier_trials(race, states, count)
        ranking = race.ranking()
        numbers = {state.trial for state in states}
        best = [ranked for ranked in ranking if ranked.state.trial in numbers]
        found: list[TrialState] = []
        for ranked in best[:count]:
            # Against the best of all brackets, which may be of an earlier one.
            if not paired_difference(ranked.row, ranking[0].row).clearly_worse:
                found.append(ranked.state)
        return found


def _going_on(count: int, rung: int) -> int:
    """Return how many trials go on from a rung: a third from the first, then ever the half."""
    return math.ceil(count / (2 if rung else 3))


# --- the forecast


def _forecast(
    settings: HalvingSettings,
    costs: SearchCosts,
    money: float,
) -> SearchForecast:
    """Forecast a search by playing its brackets with mean prices.

    Points that go on are the better ones, and those tend to be expensive: they are counted at the
    mean of the mean price and the highest one.
    """
    search = (1.0 - settings.final_share) * money
    prices = costs.first_dollars()
    usual = sum(prices) / len(prices)
    dearer = (usual + max(prices)) / 2
    spent = 0.0
    configs = 0
    first_blocks = 0
    examples = 0.0
    draws = 0.0
    while configs < costs.points:
        left = search - spent
        if configs and left < settings.least_share * search:
            break
        arms, price = _arms_forecast(settings, costs, left)
        if not arms and not configs:
            arms = int(left >= costs.block * price)
        if not arms:
            break
        arms = min(arms, costs.points - configs)
        configs += arms
        first_blocks = first_blocks or min(arms, settings.blind_arms)
        examples += arms * costs.block
        draws += arms * costs.block * costs.fewest
        spent += arms * costs.block * price
        # Where all models are free, the money pays for any number.
        affordable = math.inf
        if dearer > 0:
            affordable = (search - spent) / dearer
        climbed, bought = _climb_forecast(costs, arms, affordable)
        examples += climbed
        draws += bought * costs.fewest
        spent += bought * dearer
    total = min(money, spent / (1.0 - settings.final_share))
    return SearchForecast(configs, round(examples), round(draws), first_blocks, total)


def _arms_forecast(
    settings: HalvingSettings,
    costs: SearchCosts,
    left: float,
) -> tuple[int, float]:
    """Return the points of a bracket's first rung, and the mean dollars of one of its examples.

    Points whose first block costs more than the rung may spend are let go.
    """
    money = settings.bracket_share * left
    cheap = [price for price in costs.first_dollars() if costs.block * price <= money]
    if not cheap:
        return 0, min(costs.first_dollars())
    price = sum(cheap) / len(cheap)
    if price <= 0:
        return settings.most_arms, 0.0
    affordable = money / (costs.block * price)
    return int(min(settings.most_arms, affordable)), price


def _climb_forecast(
    costs: SearchCosts,
    arms: int,
    affordable: float,
) -> tuple[float, float]:
    """Return the examples, and the purchases of the fewest draws, after a bracket's first rung.

    Args:
        costs: of the search.
        arms: points in the bracket.
        affordable: purchases that the money pays for.
    """
    sizes = rung_sizes(costs.examples)
    # After the first rung more draws are tried: the next step of the ladder, on average.
    steps: list[float] = []
    for pair in costs.pairs:
        fewest, *others = pair.ladder
        following = others[0] if others else fewest
        steps.append(following / fewest)
    more = sum(steps) / len(steps)
    going = arms
    met = sizes[0]
    examples = 0.0
    bought = 0.0
    for rung, size in enumerate(sizes[1:]):
        if rung and going < 2:
            break
        going = _going_on(going, rung)
        again = 0.0
        if rung == 0:
            again = (more - 1.0) * met
        each = (size - met) * more + again
        count = min(going * each, affordable - bought)
        if count <= 0:
            break
        bought += count
        examples += count / more
        met = size
    return examples, bought
