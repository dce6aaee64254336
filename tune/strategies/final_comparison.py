"""The end of every search: a few finalists are told apart, and the config is selected."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from statistics import NormalDist
from typing import TypeAlias

from tune.readout.trial import Reason, Step
from tune.strategies.cheapest import prove_good_enough
from tune.strategies.finalist_blocks import next_blocks
from tune.strategies.frontier import trace_frontier
from tune.strategies.paired import paired_difference, quality_table
from tune.strategies.problem import Outcome, Problem, Selection, Standing
from tune.strategies.race import Race, TrialState
from tune.strategies.select import select_config, untested_selection
from tune.strategies.trial_posterior import trial_posteriors
from tune.strategies.wave_plan import WavePlan

Waves: TypeAlias = Generator[list[Step], Outcome, None]

_TELL_APART = Reason(purpose="to tell the finalists apart")


def final_comparison(
    problem: Problem,
    standings: Mapping[int, Standing],
    left: float,
    kept: float = 0.0,
) -> Generator[list[Step], Outcome, Selection | None]:
    """Tell the finalists apart by more examples, then by more draws, and select the config.

    Finalists are the trials with the highest posterior means that are not clearly behind the best
    on the same examples. They meet the remaining tuning examples block by block, those first whose
    examples are likeliest to change the choice (`tune.strategies.finalist_blocks`). Those that fall
    clearly behind drop out. When all examples are met, the remaining ones get more draws. It ends
    when one is clearly ahead, when there is nothing more to learn, or when the money is spent.

    Args:
        problem: what is searched.
        standings: all trials, by number, as the search left them.
        left: dollars that are left.
        kept: dollars of them that are for another purpose.

    Returns:
        The selection, or None where nothing was scored.
    """
    # A fresh race: it knows the trials from their standings alone, also after a resume.
    race = Race(problem, left, standings, kept)
    if problem.goal == "cheapest":
        yield from prove_good_enough(race)
    elif problem.goal == "frontier":
        yield from trace_frontier(race)
    else:
        # Before, so that configs with more answers are among the finalists; and again, because
        # another trial may lead now.
        yield from _try_more_answers(race)
        yield from _compare_finalists(race)
        yield from _try_more_answers(race)
    return select_config(problem, race.standings)


def _compare_finalists(race: Race) -> Waves:
    most = race.problem.settings.final_comparison.most_finalists
    comparisons = 1
    finalists = _still_in(race, race.states, comparisons)[:most]
    while finalists and not race.over:
        race.leaders = [state.trial for state in finalists]
        wave = next_blocks(race, finalists, _TELL_APART)
        wave = wave or _more_draws(race, finalists)
        if not wave:
            return
        race.update((yield wave))
        comparisons += 1
        finalists = _still_in(race, [state.trial for state in finalists], comparisons)


def _try_more_answers(race: Race) -> Waves:
    """Buy a few more answers where they may be selected and their gain is not known.

    More answers than were bought are selected only where they are seen to gain for the same model
    and prompt. A few examples show that, so each trial is tried once.
    """
    tried: set[int] = set()
    while not race.over:
        hope = untested_selection(race.problem, race.standings)
        if hope is None:
            return
        state = race.states.get(hope.reading.trial)
        if state is None or state.trial in tried:
            return
        tried.add(state.trial)
        step = _step_that_tries(race, state, hope)
        if step is None:
            return
        race.update((yield [step]))


def _step_that_tries(
    race: Race,
    state: TrialState,
    hope: Selection,
) -> Step | None:
    """Return the step that buys a few more answers, or None where the money does not pay for it."""
    settings = race.problem.settings
    fewest = min(settings.final_comparison.fewest_together, hope.shown.config.n)
    draws = next(n for n in state.ladder if n >= fewest)
    if draws <= state.draws:
        return None
    each = race.expected_price(state, draws - state.draws)
    # A call is let through only while its ceiling fits, so the last one needs that much.
    ceiling = race.ceiling(state, draws)
    # Where money is short, the fewest examples that count as compared will do.
    sizes = (
        settings.final_comparison.examples_tried,
        settings.extrapolation.least_compared,
    )
    for size in sizes:
        met = hope.reading.examples[:size]
        price = len(met) * each
        if price + ceiling <= race.left:
            reason = Reason(price=price, purpose="to see whether more answers gain")
            return Step(state.trial, state.point, met, draws, state.cap, reason)
    return None


def _still_in(
    race: Race,
    trials: Collection[int],
    comparison: int,
) -> list[TrialState]:
    """Return the trials that are not clearly behind the best of them, the best first.

    The error rate is divided among the comparisons, as 1 / (k (k + 1)) for the k-th, and among the
    finalists. So the best is dropped by bad luck in at most that share of all searches.

    Args:
        race: all trials.
        trials: numbers of those to compare.
        comparison: number of this comparison, from 1.
    """
    settings = race.problem.settings.final_comparison
    standings = [one for trial, one in race.standings.items() if trial in trials]
    found = trial_posteriors(race.problem, standings)
    rows = quality_table(race.problem, [one.reading for one in found])
    # The sum of 1 / (k (k + 1)) over all k is 1.
    error_rate = settings.drop_error / (comparison * (comparison + 1))
    each = error_rate / (settings.most_finalists - 1)
    errors = NormalDist().inv_cdf(1.0 - each)
    near: list[TrialState] = []
    for one, row in zip(found, rows, strict=True):
        if not paired_difference(row, rows[0]).worse_by(errors):
            near.append(race.states[one.standing.trial])
    return near


def _more_draws(race: Race, finalists: Sequence[TrialState]) -> list[Step]:
    """Return more draws, where a larger n may be better or finalists are otherwise too close."""
    wave = WavePlan(race, race.left)
    for state in finalists:
        draws = race.more_draws(state)
        # At temperature 0 another draw of the same prompt is the same answer.
        random = state.point.get("temperature") != 0
        if draws == state.draws and len(finalists) > 1 and random:
            draws = min(2 * draws, 2 * state.ladder[-1])
        if draws > state.draws:
            wave.add(state, state.examples, draws, _TELL_APART)
    return wave.steps
