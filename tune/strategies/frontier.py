"""The goal "frontier": the best at every cost, by a sweep over limits on cost.

For each of several limits, the best that costs no more is looked for (the epsilon-constraint
method, Haimes et al. 1971): together they are the frontier of quality and cost. All of them share
every draw, and what goes on is found by taking turns: the best under every limit, then the second
best under every limit, and so on.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import replace
from itertools import zip_longest

import numpy as np

from tune.readout import Reading
from tune.readout.trial import Step
from tune.strategies.cheapest import next_block
from tune.strategies.paired import difference, levels, table
from tune.strategies.problem import Outcome, dear, preference
from tune.strategies.race import Entrant, Field, Wave

LIMITS = 6
"""Limits on cost that are looked at, at most."""

MOST_AT_ONCE = 8
"""Trials that get more examples side by side."""


def keeps(field: Field, entrants: Sequence[Entrant], count: int) -> list[Entrant]:
    """The so many of these trials that should go on, by turns over limits on cost.

    Under each limit the best come first, and who is clearly behind the best of all trials under it
    is no candidate.
    """
    numbers = {entrant.trial for entrant in entrants}
    columns = [
        [e for e in near(field, limit) if e.trial in numbers]
        for limit in limits(field, min(1 + count // 2, LIMITS))
    ]
    turns = (entrant for row in zip_longest(*columns) for entrant in row if entrant is not None)
    return list({entrant.trial: entrant for entrant in turns}.values())[:count]


def trace(field: Field) -> Generator[list[Step], Outcome, None]:
    """Give more examples, then more draws, to the trials that are on the frontier or not clearly
    behind it.

    It ends when there is nothing more to learn, or the money does not pay for the next block.
    """
    while not field.over:
        contenders = keeps(field, list(field.entrants.values()), MOST_AT_ONCE)
        wave = next_block(field, [e for e in contenders if e.examples < field.problem.examples])
        wave = wave or _more_draws(field, contenders)
        if not wave:
            return
        field.take((yield wave))


def limits(field: Field, count: int) -> list[float]:
    """So many costs per request, the dearest first: none is worth a limit above that of the best,
    which has inf.

    The others are spaced by equal factors, down to the cheapest of all.
    """
    first = next(iter(_ranking(field, math.inf)), None)
    if first is None:
        return []
    costs = [
        cost
        for s in field.standings.values()
        for r in s.whole()
        if 0 < (cost := dear(r)) < dear(first[1])
    ]
    if not costs or count < 2:
        return [math.inf]
    factor = min(costs) / dear(first[1])
    return [math.inf, *(min(costs) * factor ** (i / (count - 1) - 1) for i in range(1, count))]


def near(field: Field, limit: float) -> list[Entrant]:
    """The trials that are not clearly behind the best that costs no more than a limit, the best
    first.
    """
    ranked = _ranking(field, limit)
    rows = table(field.problem, [reading for _, reading in ranked])
    return [
        entrant
        for (entrant, _), row in zip(ranked, rows, strict=True)
        if not difference(row, rows[0]).behind
    ]


def _ranking(field: Field, limit: float) -> list[tuple[Entrant, Reading]]:
    """Every trial with its best reading that costs no more than a limit, those of the highest level
    first.
    """
    problem = field.problem
    found = []
    for number, standing in field.standings.items():
        cheap = tuple(reading for reading in standing.whole() if dear(reading) <= limit)
        best = replace(standing, readings=cheap).best(problem)
        if best is not None and number in field.entrants:
            found.append((field.entrants[number], best))
    level = np.round(levels(table(problem, [reading for _, reading in found])), 9)
    order = sorted(range(len(found)), key=lambda i: (-level[i], preference(problem, found[i][1])))
    return [found[i] for i in order]


def _more_draws(field: Field, entrants: Sequence[Entrant]) -> list[Step]:
    """More draws, where a larger n may be better still."""
    wave = Wave(field, field.left)
    for entrant in entrants:
        draws = field.more_draws(entrant)
        if draws > entrant.draws:
            wave.add(entrant, entrant.examples, draws)
    return wave.steps
