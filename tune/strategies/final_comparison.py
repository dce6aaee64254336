"""The end of every search: a few finalists are told apart, and the choice is frozen."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from statistics import NormalDist
from typing import TypeAlias

from tune.readout.trial import Step
from tune.strategies.cheapest import prove_good_enough
from tune.strategies.extrapolate import LEAST_COMPARED
from tune.strategies.frontier import trace_frontier
from tune.strategies.paired import paired_difference, quality_table
from tune.strategies.posterior import trial_posteriors
from tune.strategies.problem import Outcome, Problem, Selection, Standing
from tune.strategies.race import Race, TrialState, WavePlan, rung_sizes
from tune.strategies.select import select_config, untested_selection

MOST_FINALISTS = 6
"""Trials that the endgame begins with, at most."""

TRIED = 16
"""Examples of which more answers are bought to see whether they gain."""

FEWEST_TOGETHER = 3
"""Answers that are tried together, at least: two that vote decide no more than one."""

DROPPED = 0.05
"""How often the best finalist may be dropped by bad luck, over all looks together."""


Waves: TypeAlias = Generator[list[Step], Outcome, None]


def final_comparison(
    problem: Problem, standings: Mapping[int, Standing], left: float
) -> Generator[list[Step], Outcome, Selection | None]:
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
    race = Race(problem, left, standings)
    if problem.goal != "quality":
        yield from prove_good_enough(race) if problem.goal == "cheapest" else trace_frontier(race)
        return select_config(problem, race.standings)
    yield from _try_more_answers(race)
    finalists, looks = _still_in(race, race.states, 1)[:MOST_FINALISTS], 1
    while finalists and not race.over:
        wave = _next_block(race, finalists) or _more_draws(race, finalists)
        if not wave:
            break
        race.update((yield wave))
        looks += 1
        finalists = _still_in(race, [state.trial for state in finalists], looks)
    yield from _try_more_answers(race)
    return select_config(problem, race.standings)


def _try_more_answers(race: Race) -> Waves:
    """Buy a few more answers where they may make the choice and nobody knows whether they gain.

    More answers than were bought are chosen only where they are seen to gain for the same model and
    prompt. A few examples show that, so each pair is tried once.
    """
    tried: set[int] = set()
    while not race.over:
        hope = untested_selection(race.problem, race.standings)
        state = race.states.get(hope.reading.trial) if hope is not None else None
        if hope is None or state is None or state.trial in tried:
            return
        tried.add(state.trial)
        step = _trying(race, state, hope)
        if step is None:
            return
        race.update((yield [step]))


def _trying(race: Race, state: TrialState, hope: Selection) -> Step | None:
    """Return the step that buys a few more answers, or None where the money does not pay for it."""
    draws = next(n for n in state.ladder if n >= min(FEWEST_TOGETHER, hope.shown.config.n))
    each = race.expected_price(state, draws - state.draws)
    for size in (TRIED, LEAST_COMPARED):
        met = hope.reading.examples[:size]
        if draws > state.draws and len(met) * each + race.ceiling(state, draws) <= race.left:
            return Step(state.trial, state.point, met, draws, state.cap)
    return None


def _still_in(race: Race, trials: Collection[int], look: int) -> list[TrialState]:
    """Those that are not clearly behind the best of them, the best first.

    The error rate is spent over the looks and over the finalists, so that the best is dropped at
    any of them by bad luck in at most so many searches.
    """
    found = trial_posteriors(
        race.problem, [s for trial, s in race.standings.items() if trial in trials]
    )
    rows = quality_table(race.problem, [one.reading for one in found])
    errors = NormalDist().inv_cdf(1.0 - DROPPED / (look * (look + 1)) / (MOST_FINALISTS - 1))
    near = [
        i for i in range(len(found)) if not paired_difference(rows[i], rows[0]).worse_by(errors)
    ]
    return [race.states[found[i].standing.trial] for i in near]


def _next_block(race: Race, finalists: Sequence[TrialState]) -> list[Step]:
    """The next examples for those that have met the fewest, as many as there is money for."""
    fewest = min(state.examples for state in finalists)
    if len(finalists) < 2 or fewest >= race.problem.examples:
        return []
    target = next(size for size in rung_sizes(race.problem.examples) if size > fewest)
    wave = WavePlan(race, race.left)
    for state in finalists:
        if state.examples < target:
            wave.add(state, target, state.draws)
    return wave.steps


def _more_draws(race: Race, finalists: Sequence[TrialState]) -> list[Step]:
    """More draws: where a larger n may be better still, and where finalists cannot be told apart
    otherwise.
    """
    wave = WavePlan(race, race.left)
    for state in finalists:
        draws = race.more_draws(state)
        if draws == state.draws and len(finalists) > 1 and state.point.get("temperature") != 0:
            draws = min(2 * draws, 2 * state.ladder[-1])
        if draws > state.draws:
            wave.add(state, state.examples, draws)
    return wave.steps
