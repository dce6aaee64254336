"""Selection of the final config: the highest posterior mean; among ties, the cheapest.

The choice may ask for more answers than were bought of its point, where bought draws of its model
and prompt show that more answers gain (`tune.strategies.extrapolate`). The posterior has the gain
of every point (`tune.strategies.posterior`), and its cost is nearly known. So a search that had
money for few answers of each example need not settle for few. The holdout is then the first to see
so many.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tune.readout import Reading
from tune.space import Config
from tune.strategies.cheapest import cheapest_good_enough
from tune.strategies.extrapolate import (
    Pair,
    all_pairs,
    baseline_cost,
    gains_by_pair,
    pair_of,
    pairs_that_gain,
)
from tune.strategies.problem import (
    STRICT_ERRORS,
    Problem,
    Selection,
    Standing,
    cost_key,
    preference,
)
from tune.strategies.trial_posterior import TrialPosterior, trial_posteriors


class ConfigOption(NamedTuple):
    """A config that could be selected.

    Attributes:
        level: posterior mean of its quality.
        reading: its reading, or the one that it is extrapolated from.
        of: the posterior of its trial.
        extrapolated: `reading` with this config, its expected cost and unknown seconds, where it
            asks for more answers than were bought.
    """

    level: float
    reading: Reading
    of: TrialPosterior
    extrapolated: Reading | None = None

    @property
    def shown(self) -> Reading:
        """The reading that costs and limits are judged by."""
        return self.extrapolated or self.reading


def select_config(
    problem: Problem, standings: Mapping[int, Standing]
) -> Selection | None:
    """Select the best config, ties going to the cheaper.

    The best one has the highest posterior mean, given its own scores and those of similar points,
    so a lucky few examples do not make a winner. Trials that met all examples are judged by their
    own scores for the most part. Limits on cost and seconds must be kept with one-sided confidence
    of 95 %; where no reading does, on average; where none does that either, the reading closest to
    them is selected.

    For the goal "cheapest", the cheapest config that is good enough is selected; where none was
    shown to be, the best.

    Returns:
        None where nothing was scored.
    """
    live = _live(standings)
    best = _select_best(problem, live, pairs_that_gain(problem, live))
    if best is None or problem.goal != "cheapest":
        return best
    chosen = cheapest_good_enough(problem, live)
    if chosen is None:
        return replace(best, reached=False)
    others = [r for r in (best.reading, *best.runners_up) if r.config != chosen.config]
    most = problem.settings.selection.most_runners_up
    return Selection(chosen, tuple(others[:most]), feasible=True)


def untested_selection(
    problem: Problem, standings: Mapping[int, Standing]
) -> Selection | None:
    """Return the selection if more answers gained for every model and prompt that is untested.

    None where that asks for no more answers than were bought, or where bought draws already say
    whether they gain.
    """
    live = _live(standings)
    untested = all_pairs(live) - gains_by_pair(problem, live).keys()
    if not untested:
        return None
    choice = _select_best(problem, live, pairs_that_gain(problem, live) | untested)
    if choice is None or choice.extrapolated is None:
        return None
    config = choice.extrapolated.config
    return choice if (config.model, config.prompt) in untested else None


def _live(standings: Mapping[int, Standing]) -> list[Standing]:
    """Return the trials that work and have scores."""
    found = []
    for standing in standings.values():
        if not standing.failed and any(
            len(reading.examples) for reading in standing.readings
        ):
            found.append(standing)
    return found


def _select_best(
    problem: Problem,
    live: Sequence[Standing],
    gains: Collection[Pair],
) -> Selection | None:
    """Select the best config.

    Args:
        problem: what is searched.
        live: trials that work and have scores.
        gains: models and prompts for which more answers than were bought may be selected.
    """
    for errors in (STRICT_ERRORS, 0.0):
        if any(standing.best(problem, errors) for standing in live):
            return _select_feasible(problem, live, gains, errors)
    readings: list[Reading] = []
    for standing in live:
        readings += [reading for reading in standing.readings if len(reading.examples)]
    if not readings:
        return None
    # The user sees how far the best attempt is from the limit.
    closest = min(
        readings, key=lambda r: (problem.limit_use(r), preference(problem, r))
    )
    return Selection(closest, (), feasible=False)


def _select_feasible(
    problem: Problem,
    standings: Sequence[Standing],
    gains: Collection[Pair],
    errors: float,
) -> Selection:
    settings = problem.settings.selection
    found = trial_posteriors(problem, standings, errors)
    usual = _usual_aggregate(found)
    most = problem.max_extrapolated_cost - baseline_cost(problem, standings)
    options: list[ConfigOption] = []
    best = -math.inf
    for one in found:
        # No config of this trial can reach the best so far.
        if max(one.base, one.level, one.base + one.gain) < best - settings.tie:
            continue
        bought = _bought_options(problem, one, errors)
        options += bought
        if settings.extrapolate and pair_of(one.standing) in gains:
            options += _extrapolated_options(problem, one, bought, usual, errors, most)
        # The trials come best first, so later ones can be skipped by their upper bounds.
        best = max(best, *(option.level for option in options))
    # A difference that small is within what no search can see; money decides instead.
    # All within the tie count as equal.
    tied = [option for option in options if option.level >= best - settings.tie]
    chosen = min(
        tied,
        key=lambda tie: (
            cost_key(tie.shown),
            -tie.of.level,
            preference(problem, tie.shown),
        ),
    )
    # Runners-up are the best of other trials, in the order of their posterior means.
    rest = [one.reading for one in found if one.reading.config != chosen.reading.config]
    return Selection(
        chosen.reading,
        tuple(rest[: settings.most_runners_up]),
        feasible=problem.limit_use(chosen.shown, STRICT_ERRORS) <= 1.0,
        extrapolated=chosen.extrapolated,
    )


def _bought_options(
    problem: Problem,
    one: TrialPosterior,
    errors: float,
) -> list[ConfigOption]:
    """Return the readings of a trial that keep the limits.

    A reading's level is the posterior mean of so many answers, less two things: how much it scored
    below the best reading with as many, and what a smaller max_tokens may yet cost, as an answer
    that is longer than all that were seen would be cut. Left out is a reading that scored on every
    example as one with fewer answers did. Two that vote never bring more where both are answers.
    """
    kept = [r for r in one.standing.whole() if problem.limit_use(r, errors) <= 1.0]
    readings = [reading for reading in kept if not _brings_nothing(reading, kept)]
    means = [float(np.mean(problem.quality(reading.scores))) for reading in readings]
    most: dict[int, float] = {}
    for reading, mean in zip(readings, means, strict=True):
        most[reading.config.n] = max(mean, most.get(reading.config.n, 0.0))
    cap = max((reading.config.max_tokens for reading in readings), default=0)
    found = []
    for reading, mean in zip(readings, means, strict=True):
        level = one.level_of(reading.config.n) - (most[reading.config.n] - mean)
        cut = 0.0
        if reading.config.max_tokens < cap:
            # The chance that the next answer is longer than the cap, as so far none was.
            cut = problem.settings.selection.unseen_cuts / (len(reading.examples) + 1.0)
        found.append(ConfigOption(level - cut * max(level, 0.0), reading, one))
    return found


def _brings_nothing(reading: Reading, others: Sequence[Reading]) -> bool:
    """Return whether fewer answers, cut alike, have the same scores on the same examples."""
    asked = reading.config
    for other in others:
        config = other.config
        cut_alike = (config.max_tokens, config.stop) == (asked.max_tokens, asked.stop)
        if config.n >= asked.n or not cut_alike or other.examples != reading.examples:
            continue
        if np.allclose(other.scores, reading.scores, atol=1e-9):
            return True
    return False


def _usual_aggregate(found: Sequence[TrialPosterior]) -> str | None:
    """Return the best aggregate of several answers in most trials; None where none has several."""
    # Trials with few draws follow the majority of the others.
    ways = Counter(one.top.config.aggregate for one in found if one.top is not None)
    return ways.most_common(1)[0][0] if ways else None


def _extrapolated_options(
    problem: Problem,
    one: TrialPosterior,
    bought: Sequence[ConfigOption],
    usual: str | None,
    errors: float,
    most: float,
) -> list[ConfigOption]:
    """Return configs of a trial's point that ask for more answers than were bought.

    Each is better than the reading that it rests on by the posterior gain of this point. Nobody
    knows how long the slowest of its answers takes, so none is known to keep a limit on seconds.

    Args:
        problem: what is searched.
        one: the trial.
        bought: its options with answers that were bought.
        usual: the aggregate where the trial has none of several answers.
        errors: standard errors that are added to cost before it is compared with the limit.
        most: dollars that one request may cost.
    """
    aggregate = usual if one.top is None else one.top.config.aggregate
    if aggregate is None or not bought or problem.goal != "quality":
        return []
    answers = max(option.reading.config.n for option in bought)
    there = set(problem.space.configs_of(one.standing.point, problem.free))
    # Where two vote and differ, neither is outvoted: on average that is one answer at twice its
    # price.
    least = max(answers + 1, 3 if aggregate == "vote" else 2)
    more = sorted({config.n for config in there if config.n >= least})
    found: list[ConfigOption] = []
    for option in bought:
        config = option.reading.config
        # Extrapolated is from the most answers that were bought, the surest base.
        if config.n < answers or config.aggregate not in (aggregate, "first"):
            continue
        for n in more:
            asked = Config({**config, "n": n, "aggregate": aggregate})
            if asked in there:
                found += _extrapolate(problem, option, asked, answers, errors, most)
    return found


def _extrapolate(
    problem: Problem,
    option: ConfigOption,
    asked: Config,
    answers: int,
    errors: float,
    most: float,
) -> list[ConfigOption]:
    """Return the option of asking for more answers, if it may be selected.

    Args:
        problem: what is searched.
        option: with answers that were bought.
        asked: the config with more of them.
        answers: the most that were bought.
        errors: standard errors that are added to cost before it is compared with the limit.
        most: dollars that one request may cost.
    """
    one = option.of
    extrapolated = _with_answers(one.standing, option.reading, asked)
    if not extrapolated.cost <= most or problem.limit_use(extrapolated, errors) > 1.0:
        return []
    # Of two labels, an even number of votes decides no more than one vote less.
    is_even_vote = asked.aggregate == "vote" and asked.n % 2 == 0
    # A tie of two labels is decided by the first draw.
    votes = asked.n - 1 if is_even_vote else asked.n
    rise = one.level_of(max(votes, answers))
    # Qualities are shares, so none is above 1.
    level = min(1.0, option.level + rise - one.level_of(answers))
    if level < option.level + problem.settings.selection.least_rise:
        return []
    return [ConfigOption(level, option.reading, one, extrapolated)]


def _with_answers(
    standing: Standing,
    reading: Reading,
    asked: Config,
) -> Reading:
    """Return a reading with another config, its expected cost and unknown seconds."""
    costs = standing.costs_with(reading, asked.n)
    unknown = np.full(len(costs), math.nan)
    return replace(reading, config=asked, costs=costs, seconds=unknown)
