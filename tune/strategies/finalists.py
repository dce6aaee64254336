"""The end of every search: a few finalists are told apart, and the choice is frozen."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from statistics import NormalDist
from typing import TypeAlias

from tune.readout.trial import Step
from tune.strategies.cheapest import prove
from tune.strategies.extrapolate import LEAST_COMPARED
from tune.strategies.frontier import trace
from tune.strategies.paired import difference, table
from tune.strategies.posterior import believed
from tune.strategies.problem import Choice, Outcome, Problem, Standing
from tune.strategies.race import Entrant, Field, Wave, rung_sizes
from tune.strategies.select import freeze, hoped_for

MOST_FINALISTS = 6
"""Trials that the endgame begins with, at most."""

TRIED = 16
"""Examples of which more answers are bought to see whether they gain."""

FEWEST_TOGETHER = 3
"""Answers that are tried together, at least: two that vote decide no more than one."""

DROPPED = 0.05
"""How often the best finalist may be dropped by bad luck, over all looks together."""


Waves: TypeAlias = Generator[list[Step], Outcome, None]


def endgame(
    problem: Problem, standings: Mapping[int, Standing], left: float
) -> Generator[list[Step], Outcome, Choice | None]:
    """Tell the finalists apart on examples that they have not met, then by more draws, and freeze
    the choice.

    Finalists are the trials of which the most is believed and that are not clearly behind the best
    on the same examples. They meet the remaining tuning examples block by block, the ones with
    fewer examples first, so that they are paired; who is clearly behind drops out. When all
    examples are met, those still in the race get more draws. It ends when one is clearly ahead,
    when there is nothing more to learn, or when the money does not pay for the next block.

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
    yield from _try_more_answers(field)
    finalists, looks = _still_in(field, field.entrants, 1)[:MOST_FINALISTS], 1
    while finalists and not field.over:
        wave = _next_block(field, finalists) or _more_draws(field, finalists)
        if not wave:
            break
        field.take((yield wave))
        looks += 1
        finalists = _still_in(field, [entrant.trial for entrant in finalists], looks)
    yield from _try_more_answers(field)
    return freeze(problem, field.standings)


def _try_more_answers(field: Field) -> Waves:
    """Buy a few more answers where they may make the choice and nobody knows whether they gain.

    More answers than were bought are chosen only where they are seen to gain for the same model and
    prompt. A few examples show that, so each pair is tried once.
    """
    tried: set[int] = set()
    while not field.over:
        hope = hoped_for(field.problem, field.standings)
        entrant = field.entrants.get(hope.reading.trial) if hope is not None else None
        if hope is None or entrant is None or entrant.trial in tried:
            return
        tried.add(entrant.trial)
        step = _trying(field, entrant, hope)
        if step is None:
            return
        field.take((yield [step]))


def _trying(field: Field, entrant: Entrant, hope: Choice) -> Step | None:
    """Return the step that buys a few more answers, or None where the money does not pay for it."""
    draws = next(n for n in entrant.ladder if n >= min(FEWEST_TOGETHER, hope.shown.config.n))
    each = field.price(entrant, draws - entrant.draws)
    for size in (TRIED, LEAST_COMPARED):
        met = hope.reading.examples[:size]
        if draws > entrant.draws and len(met) * each + field.ceiling(entrant, draws) <= field.left:
            return Step(entrant.trial, entrant.point, met, draws, entrant.cap)
    return None


def _still_in(field: Field, trials: Collection[int], look: int) -> list[Entrant]:
    """Those that are not clearly behind the best of them, the best first.

    The error rate is spent over the looks and over the finalists, so that the best is dropped at
    any of them by bad luck in at most so many searches.
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
    """More draws: where a larger n may be better still, and where finalists cannot be told apart
    otherwise.
    """
    wave = Wave(field, field.left)
    for entrant in finalists:
        draws = field.more_draws(entrant)
        if draws == entrant.draws and len(finalists) > 1 and entrant.point.get("temperature") != 0:
            draws = min(2 * draws, 2 * entrant.ladder[-1])
        if draws > entrant.draws:
            wave.add(entrant, entrant.examples, draws)
    return wave.steps
