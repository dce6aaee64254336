"""The end of every search: a few finalists are told apart, and the choice is frozen."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from tune.racing.field import Entrant, Field, Wave, rung_sizes
from tune.racing.goal import cheapest, prove
from tune.racing.pairing import difference, levels, table
from tune.racing.problem import CERTAINTY, Array, Choice, Outcome, Problem, Standing, dear, preference
from tune.readout import Reading
from tune.trial import Step

MOST_FINALISTS = 6
"""Trials that the endgame begins with, at most."""

TIE = 0.005
"""A difference below this share of the metric's range, and below half its standard error, is a tie."""


def endgame(
    problem: Problem, standings: Mapping[int, Standing], left: float
) -> Generator[list[Step], Outcome, Choice | None]:
    """Tell the finalists apart on examples that they have not met, then by more draws, and freeze the choice.

    Finalists are the trials of the highest level that are not clearly behind the best on the same examples. They
    meet the remaining tuning examples block by block, the ones with fewer examples first, so that they are paired;
    who is clearly behind drops out. When all examples are met, those still in the race get more draws. It ends when
    one is clearly ahead, when there is nothing more to learn, or when the money does not pay for the next block.

    Args:
        problem: what is searched.
        standings: every trial, by number, as the search left them.
        left: dollars that may still be spent.

    Returns:
        The frozen choice, or None where nothing was scored.
    """
    field = Field(problem, left, standings)
    if problem.goal == "cheapest":
        yield from prove(field)
        return freeze(problem, field.standings)
    finalists = _finalists(field)
    while finalists and not field.over:
        wave = _next_block(field, finalists) or _more_draws(field, finalists)
        if not wave:
            break
        field.take((yield wave))
        finalists = _still_in(field, finalists)
    return freeze(problem, field.standings)


def _finalists(field: Field) -> list[Entrant]:
    """The trials that may be the best, those of the highest level first."""
    return _still_in(field, list(field.entrants.values()))[:MOST_FINALISTS]


def _still_in(field: Field, entrants: Sequence[Entrant]) -> list[Entrant]:
    """Those that are not clearly behind the best of them, the best first."""
    numbers = {entrant.trial for entrant in entrants}
    ranking = [rank for rank in field.ranking() if rank.entrant.trial in numbers]
    return [rank.entrant for rank in ranking if not difference(rank.row, ranking[0].row).behind]


def _next_block(field: Field, finalists: Sequence[Entrant]) -> list[Step]:
    """The next examples for those that have met the fewest, as many as there is money for."""
    fewest = min(entrant.examples for entrant in finalists)
    if len(finalists) < 2 or fewest >= field.problem.examples:
        return []
    target = next(size for size in rung_sizes(field.problem.examples) if size > fewest)
    wave = Wave(field, field.left)
    for entrant in finalists:
        if entrant.examples < target:
            wave.add(entrant, target, entrant.draws)
    return wave.steps


def _more_draws(field: Field, finalists: Sequence[Entrant]) -> list[Step]:
    """More draws: where a larger n may be better still, and where finalists cannot be told apart otherwise."""
    wave = Wave(field, field.left)
    for entrant in finalists:
        draws = field.more_draws(entrant)
        if draws == entrant.draws and len(finalists) > 1 and entrant.point.get("temperature") != 0:
            draws = min(2 * draws, 2 * entrant.ladder[-1])
        if draws > entrant.draws:
            wave.add(entrant, entrant.examples, draws)
    return wave.steps


def freeze(problem: Problem, standings: Mapping[int, Standing]) -> Choice | None:
    """Choose the best reading, ties going to the cheaper.

    Of the trials that met at least half as many examples as the one among the best that met the most, the one with
    the highest level has the best reading; the cheapest reading that ties with it is chosen. Limits on cost and
    seconds are to be kept with one-sided confidence of 95 %; where no reading does, on average; where none does
    that either, the reading closest to them is chosen.

    Where the goal is the cheapest that is good enough, that is chosen; where none was shown to be, the best.

    Returns:
        None where nothing was scored.
    """
    live = [s for s in standings.values() if not s.failed and any(len(r.examples) for r in s.readings)]
    best = _freeze_best(problem, live)
    if best is None or problem.goal != "cheapest":
        return best
    chosen = cheapest(problem, live)
    if chosen is None:
        return replace(best, reached=False)
    others = [r for r in (best.reading, *best.runners_up) if r.config != chosen.config]
    return Choice(chosen, tuple(others[: MOST_FINALISTS - 1]), feasible=True)


def _freeze_best(problem: Problem, live: Sequence[Standing]) -> Choice | None:
    for errors in (CERTAINTY, 0.0):
        if any(s.best(problem, errors) for s in live):
            return _choose(problem, live, errors)
    readings = [r for s in live for r in s.readings if len(r.examples)]
    closest = min(readings, key=lambda r: (problem.excess(r), preference(problem, r)), default=None)
    return None if closest is None else Choice(closest, (), feasible=False)


def _choose(problem: Problem, standings: Sequence[Standing], errors: float) -> Choice:
    bests = [(s, r) for s in standings if (r := s.best(problem, errors)) is not None]
    rows = table(problem, [reading for _, reading in bests])
    level = np.round(levels(rows), 9)
    order = sorted(range(len(bests)), key=lambda i: (-level[i], preference(problem, bests[i][1])))
    near = [i for i in order if not difference(rows[i], rows[order[0]]).behind][:MOST_FINALISTS]
    enough = max(len(bests[i][1].examples) for i in near) / 2
    pool = [i for i in near if len(bests[i][1].examples) >= enough]
    readings = [r for i in pool for r in bests[i][0].readings if problem.excess(r, errors) <= 1.0]
    chosen = _cheapest_tie(problem, bests[pool[0]][1], [r for r in readings if len(r.examples) >= enough])
    rest = [bests[i][1] for i in order if bests[i][1].config != chosen.config]
    return Choice(chosen, tuple(rest[: MOST_FINALISTS - 1]), feasible=problem.excess(chosen, CERTAINTY) <= 1.0)


def _cheapest_tie(problem: Problem, top: Reading, readings: Sequence[Reading]) -> Reading:
    """The cheapest of the readings that are as good as the best one for all that is known and matters."""
    rows = table(problem, [top, *readings])

    def ties(row: Array) -> bool:
        gap = difference(row, rows[0])
        return gap.examples > 0 and gap.mean > -TIE and gap.mean > -gap.standard_error / 2

    tied = [top, *(r for r, row in zip(readings, rows[1:], strict=True) if ties(row))]
    return min(tied, key=lambda r: (dear(r), preference(problem, r)))
