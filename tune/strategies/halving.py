"""Successive halving in brackets: many points on few examples, few points on many."""

from __future__ import annotations

import math
from collections.abc import Generator

from tune.readout.trial import Step
from tune.search.history import Searcher
from tune.space import Point
from tune.strategies.frontier import frontier_trials
from tune.strategies.paired import paired_difference
from tune.strategies.problem import Outcome, Problem
from tune.strategies.race import Proposals, Race, TrialState, WavePlan, rung_sizes

ENDGAME_SHARE = 0.2
"""The share of the money that is left for telling the finalists apart."""

BRACKET_SHARE = 0.5
"""The share of what the search may still spend that the first rung of a bracket takes."""

LEAST_SHARE = 0.1
"""The share of the search's money that must be left for another bracket: with less, it would hold
no race.
"""

MOST_ARMS = 32
"""Points in a bracket, so that the searcher hears of some before it proposes the rest."""

BLIND_ARMS = 8
"""Points in the very first wave, as long as nobody knows what anything costs."""

BLIND_SHARE = 0.5
"""The share of the money that the ceilings of the first wave may add up to; what it really costs is
far less.
"""

PATIENCE = 16
"""Proposals that the money left does not pay for, after which a bracket takes no more."""

Waves = Generator[list[Step], Outcome, None]


def halving(problem: Problem, searcher: Searcher, left: float) -> Waves:
    """Successive halving (Karnin et al. 2013; Jamieson and Talwalkar 2016) in brackets, for a sum
    of money.

    A bracket begins with fresh points on a small block of examples. The best third of them go on to
    twice as many examples, then ever the better half, with more draws where a larger n may win; who
    is clearly behind the best of all brackets on the same examples goes no further. When one is
    left, the searcher is told how each fared, and proposes the next bracket, while the money pays
    for one. What is set aside for the finalists is left alone.

    Args:
        problem: what is searched.
        searcher: proposes the points of each bracket, as a batch.
        left: dollars that the search may spend.
    """
    race = Race(problem, left)
    reserve = ENDGAME_SHARE * left
    sizes = rung_sizes(problem.examples)
    proposals = Proposals(race, searcher)
    least = LEAST_SHARE * (left - reserve)
    while not race.over and (not race.standings or race.left - reserve > least):
        bracket: list[TrialState] = []
        yield from _first_rung(race, proposals, bracket, sizes[0], reserve)
        if not bracket:
            return
        yield from _climb(race, bracket, sizes, reserve)
        race.tell_searcher(bracket)


def _first_rung(
    race: Race, proposals: Proposals, bracket: list[TrialState], block: int, reserve: float
) -> Waves:
    """Begin as many trials as a share of the money pays for, on one block of examples."""
    if not race.standings:
        # Nobody knows yet what anything costs: a few, as far as their ceilings go.
        wave = _begin(
            race,
            proposals,
            bracket,
            block,
            share=BLIND_SHARE,
            money=race.left - reserve,
            most=BLIND_ARMS,
        )
        wave = wave or _begin_one(race, proposals, bracket, block)
        if wave:
            race.update((yield wave))
    if not race.over:
        wave = _begin(
            race,
            proposals,
            bracket,
            block,
            share=BRACKET_SHARE,
            money=race.left - reserve,
            most=MOST_ARMS,
        )
        if wave:
            race.update((yield wave))


def _begin(
    race: Race,
    proposals: Proposals,
    bracket: list[TrialState],
    block: int,
    *,
    share: float,
    money: float,
    most: int,
) -> list[Step]:
    """Begin fresh trials, up to so many in the bracket, as far as a share of the money goes.

    A point that there is no more room for comes first in the next wave. One whose first block alone
    is known to cost more than the share is let go: the searcher is told that nothing came of it.
    """
    wave = WavePlan(race, share * money)
    refused = 0
    while len(bracket) < most and refused < PATIENCE and (point := proposals.next()) is not None:
        state = race.add(point)
        if wave.add(state, block, state.ladder[0]):
            bracket.append(state)
        elif wave.steps or not race.standings:
            proposals.put_back(race.remove(state))
            break
        else:
            refused += 1
            race.tell_searcher([state])
            race.remove(state)
    return wave.steps


def _begin_one(
    race: Race, proposals: Proposals, bracket: list[TrialState], block: int
) -> list[Step]:
    """Begin one trial on as many examples of a block as all the money pays for at their ceilings.

    It is the first of a few points that could have the whole block, or else the most of one.
    """
    found: list[tuple[int, Point]] = []
    while len(found) < PATIENCE and (point := proposals.next()) is not None:
        state = race.add(point)
        price = race.expected_price(state, state.ladder[0])
        found.append(
            (min(block, int(race.left / price)) if price > 0 else block, race.remove(state))
        )
        if found[-1][0] == block:
            break
    most = max(found, key=lambda one: one[0], default=(0, None))
    for one in reversed(found):
        if one is not most:
            proposals.put_back(one[1])
    wave = WavePlan(race, race.left)
    if most[0] and most[1] is not None:
        bracket.append(race.add(most[1]))
        wave.add(bracket[0], most[0], bracket[0].ladder[0])
    return wave.steps


def _climb(race: Race, bracket: list[TrialState], sizes: list[int], reserve: float) -> Waves:
    """Take ever fewer of a bracket's trials to ever more examples."""
    going = bracket
    for rung, examples in enumerate(sizes[1:]):
        if race.over or (rung and len(going) < 2):
            return
        going = _best(race, going, math.ceil(len(going) / (2 if rung else 3)))
        wave = WavePlan(race, race.left - reserve)
        for state in going:
            for draws in (race.more_draws(state), state.draws):
                if wave.add(state, examples, draws):
                    break
        if not wave.steps:
            return
        race.update((yield wave.steps))


def _best(race: Race, states: list[TrialState], count: int) -> list[TrialState]:
    """The best so many, without those that are clearly behind the best trial of all."""
    if race.problem.goal == "frontier":
        return frontier_trials(race, states, count)
    ranking = race.ranking()
    numbers = {state.trial for state in states}
    best = [rank for rank in ranking if rank.state.trial in numbers][:count]
    return [
        rank.state for rank in best if not paired_difference(rank.row, ranking[0].row).clearly_worse
    ]
