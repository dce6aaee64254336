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
    Array,
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
    # The best of all is the first to compare with what is cheapest.
    leading = best.reading, *best.runners_up
    others = [reading for reading in leading if reading.config != chosen.config]
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
    gains = pairs_that_gain(problem, live) | untested
    choice = _select_best(problem, live, gains)
    if choice is None or choice.extrapolated is None:
        return None
    config = choice.extrapolated.config
    if (config.model, config.prompt) not in untested:
        return None
    return choice


def may_extrapolate(problem: Problem, standings: Mapping[int, Standing]) -> bool:
    """Return False if no selection from these trials asks for more answers than were bought.

    This takes a fraction of the time of a selection.
    """
    if problem.goal != "quality" or not problem.settings.selection.extrapolate:
        return False
    return bool(pairs_that_gain(problem, _live(standings)))


def _live(standings: Mapping[int, Standing]) -> list[Standing]:
    """Return the trials that work and have scores."""
    found: list[Standing] = []
    for standing in standings.values():
        if not standing.failed and _scored(standing):
            found.append(standing)
    return found


def _scored(standing: Standing) -> list[Reading]:
    """Return the readings of a trial that have scores."""
    return [reading for reading in standing.readings if len(reading.examples)]


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
    # With confidence if possible, else on average.
    for errors in (STRICT_ERRORS, 0.0):
        if any(standing.best(problem, errors) for standing in live):
            return _select_feasible(problem, live, gains, errors)
    readings: list[Reading] = []
    for standing in live:
        readings += _scored(standing)
    if not readings:
        return None

    def distance(reading: Reading) -> tuple[float, tuple[object, ...]]:
        return problem.limit_use(reading), preference(problem, reading)

    # The user sees how far the best attempt is from the limit.
    return Selection(min(readings, key=distance), (), feasible=False)


def _select_feasible(
    problem: Problem,
    standings: Sequence[Standing],
    gains: Collection[Pair],
    errors: float,
) -> Selection:
    """Select the best config among those that keep the limits.

    Args:
        problem: what is searched.
        standings: trials that work and have scores, one of them within the limits at least.
        gains: models and prompts for which more answers than were bought may be selected.
        errors: standard errors that are added to cost and seconds before they are compared with the
            limits.
    """
    settings = problem.settings.selection
    found = trial_posteriors(problem, standings, errors)
    options = _options(problem, standings, found, gains, errors)
    best = max(option.level for option in options)
    # A difference that small is within what no search can see, so all within it count as equal, and
    # money decides.
    tied = [option for option in options if option.level >= best - settings.tie]

    def cheapest_first(option: ConfigOption) -> tuple[object, ...]:
        shown = option.shown
        return cost_key(shown), -option.of.level, preference(problem, shown)

    chosen = min(tied, key=cheapest_first)
    # Runners-up are the best of other trials, in the order of their posterior means.
    selected = chosen.reading.config
    rest = [one.reading for one in found if one.reading.config != selected]
    return Selection(
        chosen.reading,
        tuple(rest[: settings.most_runners_up]),
        feasible=problem.limit_use(chosen.shown, STRICT_ERRORS) <= 1.0,
        extrapolated=chosen.extrapolated,
    )


def _options(
    problem: Problem,
    standings: Sequence[Standing],
    found: Sequence[TrialPosterior],
    gains: Collection[Pair],
    errors: float,
) -> list[ConfigOption]:
    """Return the configs that could be selected; those that cannot be the best may be left out.

    Args:
        problem: what is searched.
        standings: trials that work and have scores.
        found: their posteriors, the best first.
        gains: models and prompts for which more answers than were bought may be selected.
        errors: standard errors that are added before the limits are compared.
    """
    settings = problem.settings.selection
    usual = _usual_aggregate(found)
    # The holdout is the first to measure an extrapolated config, and the baseline beside it.
    most = problem.max_extrapolated_cost - baseline_cost(problem, standings)
    options: list[ConfigOption] = []
    best = -math.inf
    for one in found:
        # No config of this trial can reach the best so far.
        if max(one.base, one.level, one.base + one.gain) < best - settings.tie:
            continue
        bought = _bought_options(problem, one, errors)
        more: list[ConfigOption] = []
        if settings.extrapolate and pair_of(one.standing) in gains:
            more = _extrapolated_options(problem, one, bought, usual, errors, most)
        # The trials come best first, so later ones can be skipped by their upper bounds.
        for option in (*bought, *more):
            best = max(best, option.level)
            options.append(option)
    return options


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
    kept: list[Reading] = []
    for reading in one.standing.whole():
        if problem.limit_use(reading, errors) <= 1.0:
            kept.append(reading)
    scored: list[tuple[Reading, float]] = []
    # The best mean with each number of answers.
    most: dict[int, float] = {}
    largest_cap = 0
    for reading in kept:
        if _brings_nothing(reading, kept):
            continue
        config = reading.config
        mean = float(np.mean(problem.quality(reading.scores)))
        scored.append((reading, mean))
        most[config.n] = max(mean, most.get(config.n, 0.0))
        largest_cap = max(largest_cap, config.max_tokens)
    found: list[ConfigOption] = []
    for reading, mean in scored:
        config = reading.config
        level = one.level_of(config.n) - (most[config.n] - mean)
        cut = 0.0
        if config.max_tokens < largest_cap:
            cut = _chance_of_a_cut(problem, one.standing, reading)
        found.append(ConfigOption(level - cut * max(level, 0.0), reading, one))
    return found


def _chance_of_a_cut(problem: Problem, standing: Standing, reading: Reading) -> float:
    """Return the chance that the next answer is longer than the max_tokens of a reading.

    So far none was. The more room there is above the longest one, the smaller it is: lengths are
    taken to have the tail of a power law.
    """
    settings = problem.settings.selection
    longer = settings.unseen_cuts / (len(reading.examples) + 1.0)
    room = reading.config.max_tokens / standing.longest if standing.longest else 1.0
    return longer * float(max(1.0, room) ** -settings.length_tail)


def _brings_nothing(reading: Reading, others: Sequence[Reading]) -> bool:
    """Return whether fewer answers, cut alike, have the same scores on the same examples."""
    asked = reading.config
    for other in others:
        config = other.config
        # In this order, as most others ask for as many answers.
        if config.n >= asked.n or config.max_tokens != asked.max_tokens:
            continue
        if config.stop != asked.stop or other.examples != reading.examples:
            continue
        if _are_close(other.scores, reading.scores):
            return True
    return False


def _are_close(scores: Array, others: Array) -> bool:
    """Return True if scores are equal, but for rounding.

    Expected scores of votes are sums over many draws, so equal ones differ by it. The tolerance is
    that of `np.allclose`, which takes five times as long as a few scores are worth.
    """
    distances = np.abs(scores - others)
    return bool((distances <= 1e-9 + 1e-5 * np.abs(others)).all())


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
    # The other goals turn on cost, and a cost that was never seen proves nothing.
    if aggregate is None or not bought or problem.goal != "quality":
        return []
    answers = max(option.reading.config.n for option in bought)
    # Where two vote and differ, neither is outvoted: on average that is one answer at twice its
    # price.
    fewest = 3 if aggregate == "vote" else 2
    least = max(answers + 1, fewest)
    there = set(problem.space.configs_of(one.standing.point, problem.free))
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
    # Not ">": an unknown cost is NaN, and compares as False.
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
