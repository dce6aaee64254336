"""Judgements of what a search found, for each goal: points of regret, and whether it is feasible.

The truth is the mean over all examples and draws of a world.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.worlds.worlds import Array, Counts, World
from tune.readout import Reading
from tune.result.frontier import enough_examples, frontier
from tune.space import FREE, Config
from tune.strategies import Standing

GOOD_ENOUGH = 0.05
"""By how much less than the best score is good enough, for the goal "cheapest"."""

COST_LIMITS = 8
"""Limits on cost under which a frontier is judged."""

LEAST_SPREAD = 2.0
"""The cost of the dearest config over that of the cheapest, from which a goal that has to do with
cost is searched in a world.
"""


class Truth(NamedTuple):
    """The true scores and costs of all configs of a world."""

    worths: Array
    costs: Array


class Judgement(NamedTuple):
    """The judgement of a search.

    Attributes:
        regret: points by which the choice is worse than the best one.
        feasible: whether the choice keeps the limit on cost, or is good enough.
        excess: how much more than the cheapest config that is good enough it costs, as a share of
            that; 0 for other goals.
    """

    regret: float
    feasible: bool
    excess: float = 0.0


def configs(world: World) -> list[Config]:
    """Return everything that can be chosen."""
    return [
        config for point in world.space.points(FREE) for config in world.readings(point)
    ]


def judge_choice(
    world: World,
    config: Config | None,
    limit: float | None = None,
    judged: Counts | None = None,
) -> Judgement:
    """Judge a choice for the goal "quality".

    Args:
        world: that was searched.
        config: the choice; None counts as a config picked at random.
        limit: dollars per request, or None.
        judged: the examples that count; None for all.
    """
    truth = truth_of(world, judged)
    most = truth.worths.max()
    if limit is not None:
        most = truth.worths[truth.costs <= limit].max()
    if config is None:
        return Judgement(100 * float(most - truth.worths.mean()), feasible=False)
    worths = world.worths(config)
    worth = worths.mean() if judged is None else worths[judged].mean()
    kept = limit is None or world.cost(config) <= limit
    return Judgement(100 * float(most - worth), feasible=kept)


def judge_cheapest(world: World, config: Config | None) -> Judgement:
    """Judge a choice for the goal "cheapest": regret is what it lacks to be good enough."""
    truth = truth_of(world)
    least = enough(world)
    cheapest = float(truth.costs[truth.worths >= least].min())
    if config is None:
        return Judgement(100 * float(least - truth.worths.min()), feasible=False)
    lacking = max(0.0, least - world.worth(config))
    return Judgement(
        100 * lacking,
        feasible=lacking < 1e-9,
        excess=world.cost(config) / max(cheapest, 1e-12) - 1,
    )


def enough(world: World) -> float:
    """Return the score that is good enough, for the goal "cheapest"."""
    return float(truth_of(world).worths.max()) - GOOD_ENOUGH


def judge_frontier(
    world: World, standings: Mapping[int, Standing], choice: Reading | None
) -> Judgement:
    """Judge a frontier: the mean regret of its best row under each of several limits on cost.

    Rows come from readings as in a report (`tune.result.frontier`). A user with a limit takes the
    row with the best measured score that keeps it. Limits are spaced by equal factors, from the
    cost of the cheapest config to that of the best.
    """
    truth = truth_of(world)
    rows = _rows(standings, choice)
    costs = [world.cost(row.config) for row in rows]
    found = []
    for limit in _cost_limits(truth):
        within = truth.worths[truth.costs <= limit]
        kept = [row for row, cost in zip(rows, costs, strict=True) if cost <= limit]
        # Without a row that keeps the limit, a user picks any config that does.
        worth = float(within.mean())
        if kept:
            best = max(kept, key=lambda row: (row.mean, -row.cost))
            worth = world.worth(best.config)
        found.append(float(within.max()) - worth)
    return Judgement(100 * float(np.mean(found)), feasible=bool(rows))


def _rows(
    standings: Mapping[int, Standing], choice: Reading | None
) -> Sequence[Reading]:
    if choice is None:
        return []
    readings = {
        one.config: one for standing in standings.values() for one in standing.whole()
    }
    found = frontier(
        readings,
        {},
        winner=choice.config,
        baseline=choice.config,
        enough=enough_examples(readings.values()),
        larger_is_better=True,
    )
    return [readings[config] for config in found]


def _cost_limits(truth: Truth) -> list[float]:
    best = float(truth.costs[truth.worths >= truth.worths.max()].min())
    least = float(truth.costs.min())
    if least >= best or least <= 0:
        return [best]
    # A little above, as rounding must not push out a config at its own cost.
    limits = np.geomspace(least, best, COST_LIMITS) * (1 + 1e-9)
    return [float(limit) for limit in limits]


def priced(world: World) -> bool:
    """Tell if configs of a world differ in cost, so that a goal or a limit on cost says something."""
    costs = truth_of(world).costs
    return bool(costs.max() >= LEAST_SPREAD * costs.min())


def truth_of(world: World, judged: Counts | None = None) -> Truth:
    """Return the true scores and costs of all configs, on all examples or on some."""
    place = slice(None) if judged is None else judged
    key = world.name, world.examples, None if judged is None else judged.tobytes()
    if key not in _KNOWN:
        every = configs(world)
        worths = np.array([world.worths(config)[place].mean() for config in every])
        costs = np.array([world.cost(config) for config in every])
        _KNOWN[key] = Truth(worths, costs)
    return _KNOWN[key]


_KNOWN: dict[tuple[str, int, bytes | None], Truth] = {}
