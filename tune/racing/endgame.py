"""The end of every search: a few finalists are told apart, and the choice is frozen."""

from __future__ import annotations

import math
from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from tune.racing.belief import Believed, believed
from tune.racing.field import Entrant, Field, Wave, rung_sizes
from tune.racing.frontier import trace
from tune.racing.goal import cheapest, prove
from tune.racing.pairing import difference, table
from tune.racing.problem import CERTAINTY, Choice, Outcome, Problem, Standing, dear, preference
from tune.readout import Reading
from tune.trial import Step

MOST_FINALISTS = 6
"""Trials that the endgame begins with, at most."""

DROPPED = 0.05
"""How often the best finalist may be dropped by bad luck, over all looks together."""

TIE = 0.005
"""Readings between which a smaller share of the metric's range is believed to lie are a tie."""

UNSEEN = 0.5
"""Of examples with an answer that is cut by a smaller cap, how many more are taken to be there than were seen: between
what is certain and Laplace's 1, as Jeffreys has it for a share."""


def endgame(
    problem: Problem, standings: Mapping[int, Standing], left: float
) -> Generator[list[Step], Outcome, Choice | None]:
    """Tell the finalists apart on examples that they have not met, then by more draws, and freeze the choice.

    Finalists are the trials of which the most is believed and that are not clearly behind the best on the same
    examples. They meet the remaining tuning examples block by block, the ones with fewer examples first, so that they
    are paired; who is clearly behind drops out. When all examples are met, those still in the race get more draws. It
    ends when one is clearly ahead, when there is nothing more to learn, or when the money does not pay for the next
    block.

    Args:
        problem: what is searched.
        standings: every trial, by number, as the search left them.
        left: dollars that may still be spent.

    Returns:
        The frozen choice, or None where nothing was scored.
    """
    field = Field(problem, left, standings)
    if problem.goal != "quality":
        yield from prove(field) if problem.goal == "cheapest" else trace(field)
        return freeze(problem, field.standings)
    finalists, looks = _still_in(field, field.entrants, 1)[:MOST_FINALISTS], 1
    while finalists and not field.over:
        wave = _next_block(field, finalists) or _more_draws(field, finalists)
        if not wave:
            break
        field.take((yield wave))
        looks += 1
        finalists = _still_in(field, [entrant.trial for entrant in finalists], looks)
    return freeze(problem, field.standings)


def _still_in(field: Field, trials: Collection[int], look: int) -> list[Entrant]:
    """Those that are not clearly behind the best of them, the best first.

    The error rate is spent over the looks and over the finalists, so that the best is dropped at any of them by bad
    luck in at most so many searches.
    """
    found = believed(field.problem, [s for trial, s in field.standings.items() if trial in trials])
    rows = table(field.problem, [one.reading for one in found])
    errors = NormalDist().inv_cdf(1.0 - DROPPED / (look * (look + 1)) / (MOST_FINALISTS - 1))
    near = [i for i in range(len(found)) if not difference(rows[i], rows[0]).below(errors)]
    return [field.entrants[found[i].standing.trial] for i in near]


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

    The best is the one of which the most is believed, all that was seen of it and of points like it considered; so
    a lucky few examples do not make a winner. Trials that met all examples are judged by these for the most part. The
    cheapest reading that ties with the best is chosen. Limits on cost and seconds are to be kept with one-sided
    confidence of 95 %; where no reading does, on average; where none does that either, the reading closest to them is
    chosen.

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
    found = believed(problem, standings, errors)
    hopes: list[tuple[float, Reading, Believed]] = []
    best = -math.inf
    for one in found:
        if max(one.base, one.level) >= best - TIE:
            levels = _levels(problem, one, errors)
            hopes += [(level, reading, one) for reading, level in levels]
            best = max(best, *(level for _, level in levels))
    tied = [(reading, one) for level, reading, one in hopes if level >= best - TIE]
    chosen, _ = min(tied, key=lambda tie: (dear(tie[0]), -tie[1].level, preference(problem, tie[0])))
    rest = [one.reading for one in found if one.reading.config != chosen.config]
    return Choice(chosen, tuple(rest[: MOST_FINALISTS - 1]), feasible=problem.excess(chosen, CERTAINTY) <= 1.0)


def _levels(problem: Problem, one: Believed, errors: float) -> list[tuple[Reading, float]]:
    """The readings of a trial that keep the limits, and how much is believed of each.

    A reading is believed to be as good as others with as many answers, less what it was seen to be worse than the
    best of them, and less what it may yet turn out to be: an answer that is longer than all that were seen is cut by
    a smaller cap.
    """
    readings = [reading for reading in one.standing.whole() if problem.excess(reading, errors) <= 1.0]
    means = [float(np.mean(problem.quality(reading.scores))) for reading in readings]
    most: dict[int, float] = {}
    for reading, mean in zip(readings, means, strict=True):
        most[reading.config.n] = max(mean, most.get(reading.config.n, 0.0))
    cap = max((reading.config.max_tokens for reading in readings), default=0)
    found = []
    for reading, mean in zip(readings, means, strict=True):
        level = one.level_of(reading.config.n) - (most[reading.config.n] - mean)
        cut = UNSEEN / (len(reading.examples) + 1.0) if reading.config.max_tokens < cap else 0.0
        found.append((reading, level - cut * max(level, 0.0)))
    return found
