"""The choice that a search comes to: the config of which the most is believed, ties going to the
cheaper.

It may ask for more answers than were bought of its point, where bought draws of its model and
prompt show that more answers gain (see `tune.strategies.extrapolate`). What they add is believed of
every point (see `tune.strategies.posterior`), and what they cost is nearly known; so a search that
had money for a few answers of each example need not settle for a few. The holdout is then the first
to see so many.
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
from tune.strategies.posterior import TrialPosterior, trial_posteriors
from tune.strategies.problem import (
    STRICT_ERRORS,
    Problem,
    Selection,
    Standing,
    cost_key,
    preference,
)

MOST_RUNNERS_UP = 5
"""Readings that are shown beside the choice, at most."""

TIE = 0.005
"""Configs between which a smaller share of the metric's range is believed to lie are a tie."""

UNSEEN = 0.5
"""Of examples with an answer that is cut by a smaller cap, how many more are taken to be there than
were seen: between what is certain and Laplace's 1, as Jeffreys has it for a share.
"""

LEAST_RISE = 0.01
"""What answers that were not bought must at least be believed to add, as a share of the metric's
range.
"""


class ConfigOption(NamedTuple):
    """A config that could be chosen.

    Attributes:
        level: the quality that it is believed to have. reading: of it; where it asks for more
        answers than were bought, the one that it rests on. of: what is believed of the trial.
        extrapolated: then that reading with this config, what it will cost, and nothing known of its
        seconds.
    """

    level: float
    reading: Reading
    of: TrialPosterior
    extrapolated: Reading | None = None

    @property
    def shown(self) -> Reading:
        """What it is judged by."""
        return self.extrapolated or self.reading


def select_config(problem: Problem, standings: Mapping[int, Standing]) -> Selection | None:
    """Choose the best config, ties going to the cheaper.

    The best is the one of which the most is believed, all that was seen of it and of points like it
    considered; so a lucky few examples do not make a winner. Trials that met all examples are
    judged by these for the most part. The cheapest config that ties with the best is chosen. Limits
    on cost and seconds are to be kept with one-sided confidence of 95 %; where no reading does, on
    average; where none does that either, the reading closest to them is chosen.

    Where the goal is the cheapest that is good enough, that is chosen; where none was shown to be,
    the best.

    Returns:
        None where nothing was scored.
    """
    live = _live(standings)
    best = _freeze_best(problem, live, pairs_that_gain(problem, live))
    if best is None or problem.goal != "cheapest":
        return best
    chosen = cheapest_good_enough(problem, live)
    if chosen is None:
        return replace(best, reached=False)
    others = [r for r in (best.reading, *best.runners_up) if r.config != chosen.config]
    return Selection(chosen, tuple(others[:MOST_RUNNERS_UP]), feasible=True)


def untested_selection(problem: Problem, standings: Mapping[int, Standing]) -> Selection | None:
    """Return what would be chosen if more answers gained for every model and prompt as they did
    elsewhere.

    None where that asks for no more answers than were bought, or where bought draws already say
    whether they gain.
    """
    live = _live(standings)
    untested = all_pairs(live) - gains_by_pair(problem, live).keys()
    choice = (
        _freeze_best(problem, live, pairs_that_gain(problem, live) | untested) if untested else None
    )
    if choice is None or choice.extrapolated is None:
        return None
    config = choice.extrapolated.config
    return choice if (config.model, config.prompt) in untested else None


def _live(standings: Mapping[int, Standing]) -> list[Standing]:
    return [
        s for s in standings.values() if not s.failed and any(len(r.examples) for r in s.readings)
    ]


def _freeze_best(
    problem: Problem, live: Sequence[Standing], gains: Collection[Pair]
) -> Selection | None:
    for errors in (STRICT_ERRORS, 0.0):
        if any(s.best(problem, errors) for s in live):
            return _choose(problem, live, gains, errors)
    readings = [r for s in live for r in s.readings if len(r.examples)]
    closest = min(
        readings, key=lambda r: (problem.limit_use(r), preference(problem, r)), default=None
    )
    return None if closest is None else Selection(closest, (), feasible=False)


def _choose(
    problem: Problem, standings: Sequence[Standing], gains: Collection[Pair], errors: float
) -> Selection:
    found = trial_posteriors(problem, standings, errors)
    usual = _usual_way(found)
    most = problem.max_extrapolated_cost - baseline_cost(problem, standings)
    options: list[ConfigOption] = []
    best = -math.inf
    for one in found:
        if max(one.base, one.level, one.base + one.gain) >= best - TIE:
            seen = _seen(problem, one, errors)
            options += seen
            if pair_of(one.standing) in gains:
                options += _extrapolated(problem, one, seen, usual, errors, most)
            best = max(best, *(option.level for option in options))
    tied = [option for option in options if option.level >= best - TIE]
    chosen = min(
        tied, key=lambda tie: (cost_key(tie.shown), -tie.of.level, preference(problem, tie.shown))
    )
    rest = [one.reading for one in found if one.reading.config != chosen.reading.config]
    feasible = problem.limit_use(chosen.shown, STRICT_ERRORS) <= 1.0
    return Selection(
        chosen.reading, tuple(rest[:MOST_RUNNERS_UP]), feasible, extrapolated=chosen.extrapolated
    )


def _seen(problem: Problem, one: TrialPosterior, errors: float) -> list[ConfigOption]:
    """The readings of a trial that keep the limits.

    A reading is believed to be as good as others with as many answers, less what it was seen to be
    worse than the best of them, and less what it may yet turn out to be: an answer that is longer
    than all that were seen is cut by a smaller cap. One that scored the same on every example with
    fewer answers is not among them: the others bring nothing, as two that vote never do where both
    are answers.
    """
    kept = [
        reading for reading in one.standing.whole() if problem.limit_use(reading, errors) <= 1.0
    ]
    readings = [reading for reading in kept if not _brings_nothing(reading, kept)]
    means = [float(np.mean(problem.quality(reading.scores))) for reading in readings]
    most: dict[int, float] = {}
    for reading, mean in zip(readings, means, strict=True):
        most[reading.config.n] = max(mean, most.get(reading.config.n, 0.0))
    cap = max((reading.config.max_tokens for reading in readings), default=0)
    found = []
    for reading, mean in zip(readings, means, strict=True):
        level = one.level_of(reading.config.n) - (most[reading.config.n] - mean)
        cut = UNSEEN / (len(reading.examples) + 1.0) if reading.config.max_tokens < cap else 0.0
        found.append(ConfigOption(level - cut * max(level, 0.0), reading, one))
    return found


def _brings_nothing(reading: Reading, others: Sequence[Reading]) -> bool:
    """Return whether fewer answers with the same cap and stops have the same scores on the same
    examples.
    """
    asked = reading.config
    fewer = (
        other
        for other in others
        if other.config.n < asked.n
        and (other.config.max_tokens, other.config.stop) == (asked.max_tokens, asked.stop)
    )
    return any(
        other.examples == reading.examples
        and bool(np.allclose(other.scores, reading.scores, atol=1e-9))
        for other in fewer
    )


# --- more answers than were bought
# ------------------------------------------------------------------------------------


def _usual_way(found: Sequence[TrialPosterior]) -> str | None:
    """How several answers are best put together in most trials; None where none has several."""
    ways = Counter(one.top.config.aggregate for one in found if one.top is not None)
    return ways.most_common(1)[0][0] if ways else None


def _extrapolated(
    problem: Problem,
    one: TrialPosterior,
    seen: Sequence[ConfigOption],
    usual: str | None,
    errors: float,
    most: float,
) -> list[ConfigOption]:
    """Configs of a trial's point that keep the limits with more answers than were bought, if they
    may be chosen.

    Each is believed to be better than the reading that it rests on by what more answers of this
    point add. How long the slowest of them takes nobody knows, so none is known to keep a limit on
    seconds. One request may cost `most` dollars.
    """
    way = usual if one.top is None else one.top.config.aggregate
    if way is None or not seen or problem.goal != "quality":
        return []
    bought = max(option.reading.config.n for option in seen)
    there = set(problem.space.configs_of(one.standing.point, problem.free))
    # Where two vote, and differ, neither is outvoted: on average that is one answer at twice its
    # price.
    least = max(bought + 1, 3 if way == "vote" else 2)
    more = sorted({config.n for config in there if config.n >= least})
    found = []
    for option in seen:
        config = option.reading.config
        if config.n < bought or config.aggregate not in (way, "first"):
            continue
        for n in more:
            asked = Config({**config, "n": n, "aggregate": way})
            costs = one.standing.costs_with(option.reading, n)
            extrapolated = replace(
                option.reading, config=asked, costs=costs, seconds=np.full(len(costs), math.nan)
            )
            if (
                asked in there
                and extrapolated.cost <= most
                and problem.limit_use(extrapolated, errors) <= 1.0
            ):
                told = (
                    n - 1 if way == "vote" and n % 2 == 0 else n
                )  # of two labels, an even vote decides no more
                level = min(
                    1.0, option.level + one.level_of(max(told, bought)) - one.level_of(bought)
                )
                if level >= option.level + LEAST_RISE:
                    found.append(ConfigOption(level, option.reading, one, extrapolated))
    return found
