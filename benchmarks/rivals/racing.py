"""Rivals that deal examples out among many points: halving, elimination, upper confidence bounds,
racing.
"""

from __future__ import annotations

import math

import numpy as np

from benchmarks.rivals.contest import PATIENCE, Contest, Waves
from tune.search.history import Searcher
from tune.strategies import Problem
from tune.strategies.race import TrialState

ETA = 3
"""One in so many goes on (Li et al. 2018: 3 or 4)."""

LEAST_SHARE = 0.1
"""The share of the money that must be left for another bracket."""

BLOCK = 8
"""Examples that are met side by side."""

ELIMINATION_SHARE, UCB_SHARE = 0.1, 0.25
"""The share of the money that the first block of a pool of points takes: of 0.1, 0.25 and 0.5 the
one that left the method less regret.
"""

ERRORS = 1.96
"""Standard errors on either side of a mean: an interval of 95 %."""

MOST_PULLS = 200
"""Blocks in a search by upper confidence bounds, at most: with more money, they are larger."""

LEAST_GAP = 0.05
"""The least gap to the best that counts when UCB-E measures how hard its pool is."""


# --- halving


def successive_halving(
    problem: Problem, searcher: Searcher, left: float, *, most: bool
) -> Waves:
    """Successive halving (Jamieson and Talwalkar, AISTATS 2016): as many points as the money pays
    for, eta = 3.

    Each rung takes an equal share of the money; the last holds all examples. With what the shares
    leave over, another bracket is begun.
    """
    contest = Contest(problem, searcher, left, most=most)
    rungs = math.floor(math.log(contest.examples, ETA))
    while not contest.race.over and contest.race.left > LEAST_SHARE * left:
        if not (yield from _bracket(contest, contest.race.left, rungs)):
            break


def hyperband(
    problem: Problem, searcher: Searcher, left: float, *, most: bool
) -> Waves:
    """Hyperband (Li et al., JMLR 2018): brackets from many points on few examples to few points on
    all.

    The brackets share the money equally.
    """
    contest = Contest(problem, searcher, left, most=most)
    top = math.floor(math.log(contest.examples, ETA))
    for rungs in range(top, -1, -1):
        if not contest.race.over:
            yield from _bracket(contest, contest.race.left / (rungs + 1), rungs)


def _bracket(contest: Contest, money: float, rungs: int) -> Waves:
    """One bracket; the trials that it began."""
    goal = contest.race.left - money
    sizes = [
        max(1, round(contest.examples / ETA**above)) for above in range(rungs, -1, -1)
    ]
    begun = yield from contest.begin(sizes[0], money / len(sizes))
    going = begun
    for examples in sizes[1:]:
        going = contest.ranked(going)[: max(1, len(going) // ETA)]
        going = yield from contest.bring(
            going, examples, money=contest.race.left - goal
        )
        if not going or contest.race.over:
            break
    contest.tell(begun)
    return begun


# --- a pool of points


def elimination(
    problem: Problem, searcher: Searcher, left: float, *, most: bool
) -> Waves:
    """Arm elimination (Even-Dar, Mannor and Mansour, JMLR 2006) on a pool of random points.

    In every round, each point left meets a block of examples; those whose 95 % interval is below
    the best one's are dropped. The first round takes a tenth of the money.
    """
    contest = Contest(problem, searcher, left, most=most)
    going = yield from contest.begin(
        min(BLOCK, contest.examples), ELIMINATION_SHARE * left
    )
    examples = BLOCK
    while going and examples < contest.examples and not contest.race.over:
        examples = min(examples + BLOCK, contest.examples)
        going = yield from contest.bring(contest.ranked(going), examples)
        going = _not_below(contest, going)


def _not_below(contest: Contest, states: list[TrialState]) -> list[TrialState]:
    if not states:
        return []
    rows = [contest.row(state) for state in states]
    rows = [row[~np.isnan(row)] for row in rows]
    means = np.array([row.mean() if len(row) else 0.0 for row in rows])
    # Two examples on which it is half right are made up, so that a few equal scores are no
    # certainty.
    spreads = [
        (((row - row.mean()) ** 2).sum() + 0.5) / (len(row) + 1) if len(row) else 1.0
        for row in rows
    ]
    half = ERRORS * np.sqrt(np.array(spreads) / [max(1, len(row)) for row in rows])
    best = int(means.argmax())
    return [
        e
        for e, top in zip(states, means + half, strict=True)
        if top >= means[best] - half[best]
    ]


def ucb_e(problem: Problem, searcher: Searcher, left: float, *, most: bool) -> Waves:
    """UCB-E (Audibert, Bubeck and Munos, COLT 2010) on a pool of random points, a block of examples
    a pull.

    The point with the largest mean + sqrt(a / examples) gets the next block, a = 25/36 (examples
    that the money pays for) / H, H being the sum over points of 1 / (gap to the best)^2, measured
    anew before each pull (their adaptive version). The first blocks take a quarter of the money.
    """
    contest = Contest(problem, searcher, left, most=most)
    race = contest.race
    pool = yield from contest.begin(min(BLOCK, contest.examples), UCB_SHARE * left)
    if not pool:
        return
    price = float(
        np.mean([race.expected_price(state, contest.draws(state)) for state in pool])
    )
    horizon = left / price if price > 0 else len(pool) * contest.examples
    block = max(BLOCK, math.ceil(horizon / MOST_PULLS))
    while not race.over:
        means = np.array([contest.mean(state) for state in pool])
        gaps = np.maximum(means.max() - means, LEAST_GAP)
        breadth = 25 / 36 * max(1.0, horizon - len(pool)) / (gaps**-2.0).sum()
        index = means + np.sqrt(
            breadth / np.array([max(1, state.examples) for state in pool])
        )
        for i in np.argsort(-index, kind="stable").tolist():
            size = min(pool[i].examples + block, contest.examples)
            if size > pool[i].examples and (yield from contest.bring([pool[i]], size)):
                break
        else:
            return


# --- racing against the incumbent


def racing(problem: Problem, searcher: Searcher, left: float, *, most: bool) -> Waves:
    """SMAC's intensification (Hutter, Hoos and Leyton-Brown, LION 2011): challengers race against
    the incumbent.

    Before each race the incumbent meets another block of examples. A challenger meets ever twice as
    many of those that the incumbent has met, until its mean is worse on them; one that is not worse
    on all is the new incumbent. A small imitation, with which thousands of searches can be
    replayed; `smac.py` runs SMAC3 itself on a few.
    """
    contest = Contest(problem, searcher, left, most=most)
    incumbent: TrialState | None = None
    refused = 0
    while refused < PATIENCE and (state := contest.enter()) is not None:
        if incumbent is not None and incumbent.examples < contest.examples:
            yield from contest.bring(
                [incumbent], min(incumbent.examples + BLOCK, contest.examples)
            )
        goal = min(BLOCK, contest.examples) if incumbent is None else incumbent.examples
        size, won = min(BLOCK, goal), False
        while not won and (yield from contest.bring([state], size)):
            refused = 0
            if incumbent is not None and _mean_gap(contest, state, incumbent) < 0:
                break
            won, size = size == goal, min(2 * size, goal)
        refused += not state.examples
        incumbent = state if won else incumbent
        contest.drop(state)


def _mean_gap(contest: Contest, one: TrialState, other: TrialState) -> float:
    """Return the gain of one trial over another on the examples that both have.

    A trial that breaks the limits counts as worse.
    """
    gaps = contest.row(one) - contest.row(other)
    gaps = gaps[~np.isnan(gaps)]
    means = contest.mean(one) - contest.mean(other)
    limited = contest.race.problem.max_cost is not None
    return means if limited or not len(gaps) else float(gaps.mean())
