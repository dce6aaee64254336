"""Successive halving in brackets: many points on few examples, few points on many."""

from __future__ import annotations

import math
from collections.abc import Generator

from tune.racing.field import Entrant, Field, Wave, rung_sizes
from tune.racing.pairing import difference
from tune.racing.problem import Outcome, Problem
from tune.space import Point
from tune.telling import Searcher
from tune.trial import Step

ENDGAME_SHARE = 0.2
"""The share of the money that is left for telling the finalists apart."""

BRACKET_SHARE = 0.5
"""The share of what the search may still spend that the first rung of a bracket takes."""

MOST_ARMS = 24
"""Points in a bracket, so that the searcher hears of some before it proposes the rest."""

BLIND_ARMS = 8
"""Points in the very first wave, as long as nobody knows what anything costs."""

BLIND_SHARE = 0.5
"""The share of the money that the ceilings of the first wave may add up to; what it really costs is far less."""

Waves = Generator[list[Step], Outcome, None]


def halving(problem: Problem, searcher: Searcher, left: float) -> Waves:
    """Successive halving (Karnin et al. 2013; Jamieson and Talwalkar 2016) in brackets, for a sum of money.

    A bracket begins with fresh points on a small block of examples. The best third of them go on to twice as many
    examples, then ever the better half, with more draws where a larger n may win; who is clearly behind the best of
    all brackets on the same examples goes no further. When one is left, the searcher is told how each fared, and
    proposes the next bracket. The money for telling the finalists apart is left alone.

    Args:
        problem: what is searched.
        searcher: proposes the points of each bracket, as a batch.
        left: dollars that the search may spend.
    """
    field = Field(problem, left)
    reserve = ENDGAME_SHARE * left
    sizes = rung_sizes(problem.examples)
    proposals = _Proposals(problem, searcher, field)
    while not field.over:
        bracket: list[Entrant] = []
        yield from _first_rung(field, proposals, bracket, sizes[0], reserve)
        if not bracket:
            return
        yield from _climb(field, bracket, sizes, reserve)
        field.tell(bracket)


class _Proposals:
    """Fresh points, the baseline first; a point that there was no money for comes again."""

    def __init__(self, problem: Problem, searcher: Searcher, field: Field) -> None:
        self._searcher, self._field = searcher, field
        self._again: list[Point] = [] if problem.baseline is None else [problem.baseline]
        self._begun: set[Point] = set(self._again)

    def next(self) -> Point | None:
        if self._again:
            return self._again.pop()
        while (point := self._searcher(self._field.tellings)) in self._begun:
            pass
        if point is not None:
            self._begun.add(point)
        return point

    def put_back(self, point: Point) -> None:
        self._again.append(point)


def _first_rung(field: Field, proposals: _Proposals, bracket: list[Entrant], block: int, reserve: float) -> Waves:
    """Begin as many trials as a share of the money pays for, on one block of examples."""
    if not field.standings:
        # Nobody knows yet what anything costs: a few, as far as their ceilings go.
        wave = Wave(field, BLIND_SHARE * (field.left - reserve))
        _begin(field, proposals, bracket, wave, block, BLIND_ARMS)
        if not wave.steps:
            wave = Wave(field, field.left)
            _begin_one(field, proposals, bracket, wave, block)
        if wave.steps:
            field.take((yield wave.steps))
    if not field.over:
        wave = Wave(field, BRACKET_SHARE * (field.left - reserve))
        _begin(field, proposals, bracket, wave, block, MOST_ARMS)
        if wave.steps:
            field.take((yield wave.steps))


def _begin(field: Field, proposals: _Proposals, bracket: list[Entrant], wave: Wave, block: int, most: int) -> None:
    """Begin fresh trials, up to so many in the bracket, as far as the wave's money goes."""
    while len(bracket) < most and (point := proposals.next()) is not None:
        entrant = field.enter(point)
        if not wave.add(entrant, block, entrant.ladder[0]):
            proposals.put_back(field.withdraw(entrant))
            return
        bracket.append(entrant)


def _begin_one(field: Field, proposals: _Proposals, bracket: list[Entrant], wave: Wave, block: int) -> None:
    """Begin one trial on as many examples of a block as the money pays for at their ceilings."""
    point = proposals.next()
    if point is None:
        return
    entrant = field.enter(point)
    price = field.price(entrant, entrant.ladder[0])
    examples = min(block, int(wave.money / price)) if price > 0 else block
    if examples and wave.add(entrant, examples, entrant.ladder[0]):
        bracket.append(entrant)
    else:
        field.withdraw(entrant)


def _climb(field: Field, bracket: list[Entrant], sizes: list[int], reserve: float) -> Waves:
    """Take ever fewer of a bracket's trials to ever more examples."""
    going = bracket
    for rung, examples in enumerate(sizes[1:]):
        if field.over or (rung and len(going) < 2):
            return
        going = _best(field, going, math.ceil(len(going) / (2 if rung else 3)))
        wave = Wave(field, field.left - reserve)
        for entrant in going:
            wave.add(entrant, examples, field.more_draws(entrant)) or wave.add(entrant, examples, entrant.draws)
        if not wave.steps:
            return
        field.take((yield wave.steps))


def _best(field: Field, entrants: list[Entrant], count: int) -> list[Entrant]:
    """The best so many, without those that are clearly behind the best trial of all."""
    leader = field.ranked(list(field.entrants.values()))[:1]
    ranked = field.ranked(entrants)[:count]
    return [entrant for entrant, _, row in ranked if not (leader and difference(row, leader[0][2]).behind)]
