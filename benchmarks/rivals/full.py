"""Rivals that judge one point after the other: on all examples, or on fewer where the point is no
good.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from benchmarks.rivals.contest import PATIENCE, Contest, Waves
from tune.search.history import Searcher
from tune.strategies import Problem
from tune.strategies.problem import Array
from tune.strategies.race import TrialState

SHORT = 20
"""Examples of the short trials in `short_then_top`."""

TOP = 5
"""Of which so many then meet all examples."""

BLOCK = 8
"""Examples after which the Wilcoxon pruner is asked: as many as are evaluated side by side."""

P_VALUE = 0.1
"""Below which it prunes: Optuna's default."""


def full(problem: Problem, searcher: Searcher, left: float, *, most: bool) -> Waves:
    """Every proposed point on every example."""
    contest = Contest(problem, searcher, left, most=most)
    refused = 0
    while refused < PATIENCE and (state := contest.enter()) is not None:
        there = yield from contest.bring([state], contest.examples)
        refused = 0 if there else refused + 1
        contest.drop(state)


# --- EcoOptiGen


def ecooptigen(
    problem: Problem, searcher: Searcher, left: float, *, most: bool
) -> Waves:
    """EcoOptiGen's trials (Wang, Liu and Awadallah, AutoML 2023; FLAML's `Completion`): pruned on
    cost alone.

    Where a request may cost only so much, a trial begins with the largest n that is known to keep
    to that, on 1, 2, 4, ... examples, then doubles n likewise, and stops as soon as the tokens are
    beyond the limit by more than 10 % * sqrt(rho / examples); larger n and max_tokens are then
    never tried again with this model and prompt. Without a limit nothing is pruned.
    """
    if problem.max_cost is None:
        yield from full(problem, searcher, left, most=most)
        return
    contest = Contest(problem, searcher, left, most=most)
    bounds = _Bounds(problem.max_cost)
    refused = 0
    while refused < PATIENCE and (state := contest.enter()) is not None:
        there = yield from _climb(contest, state, bounds)
        refused = 0 if there or state.examples else refused + 1
        contest.drop(state)


def _climb(contest: Contest, state: TrialState, bounds: _Bounds) -> Waves:
    """One trial; whether it was begun or known to be too dear."""
    top = contest.draws(state)
    draws = min(top, max(1, bounds.valid(state)))
    while not bounds.invalid(state, draws):
        examples = 1
        while True:
            if not (yield from contest.bring([state], examples, draws=draws)):
                return False
            if bounds.broken(contest, state, draws, examples):
                return True
            if examples == contest.examples or contest.race.over:
                break
            examples = min(2 * examples, contest.examples)
        bounds.keep(state, draws)
        if draws == top or contest.race.over:
            return True
        draws = min(2 * draws, top)
    return True


class _Bounds:
    """The pairs of n and max_tokens that are known to keep or to break a limit on cost."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._valid: dict[tuple[object, object], list[tuple[int, int]]] = {}
        self._invalid: dict[tuple[object, object], list[tuple[int, int]]] = {}

    def valid(self, state: TrialState) -> int:
        """The largest n that kept the limit with this max_tokens or more; 0 where none is known."""
        known = self._valid.get(_region(state), [])
        return max((n for n, cap in known if cap >= state.cap), default=0)

    def invalid(self, state: TrialState, draws: int) -> bool:
        """Tell if a smaller or equal n with a smaller or equal max_tokens broke the limit."""
        return any(
            n <= draws and cap <= state.cap
            for n, cap in self._invalid.get(_region(state), [])
        )

    def keep(self, state: TrialState, draws: int) -> None:
        """Remember that this n keeps it."""
        self._valid.setdefault(_region(state), []).append((draws, state.cap))

    def broken(
        self, contest: Contest, state: TrialState, draws: int, examples: int
    ) -> bool:
        """Tell if the cost of a trial is clearly beyond the limit, and remember it.

        The examples of a trial leave some of its cost to chance.
        """
        total = contest.examples
        rho = (
            1 - (examples - 1) / total
            if 2 * examples <= total
            else (1 - examples / total) * (1 + 1 / examples)
        )
        standing = contest.race.standings.get(state.trial)
        if standing is None:
            return False
        prompt = contest.race.problem.ceiling(state.point, 0, state.cap)
        held = max(1, standing.examples)
        # Of what the trial has spent per draw, the prompt is paid once for all draws of an example.
        bought = examples * draws + (held - examples) * max(1, draws // 2)
        per_draw = max(0.0, standing.spent_per_draw - prompt * held / bought)
        if prompt + draws * per_draw <= self._limit * (
            1 + 0.1 * math.sqrt(rho / examples)
        ):
            return False
        self._invalid.setdefault(_region(state), []).append((draws, state.cap))
        return True


def _region(state: TrialState) -> tuple[object, object]:
    return state.point["model"], state.point["prompt"]


# --- fewer examples for what is no good


def wilcoxon(problem: Problem, searcher: Searcher, left: float, *, most: bool) -> Waves:
    """Every proposed point on ever more examples, until it is worse than the best one so far
    (Optuna's WilcoxonPruner).

    After each block of examples, the scores are held against those of the best complete trial on
    the same examples; a trial that is worse with p < 0.1 stops, and the searcher is told its mean
    so far, as Optuna's manual has it. Optuna's own object needs scipy and a study; the test here
    gives the same p-values.
    """
    contest = Contest(problem, searcher, left, most=most)
    best: TrialState | None = None
    refused = 0
    while refused < PATIENCE and (state := contest.enter()) is not None:
        there: list[TrialState] = []
        sizes = [*range(BLOCK, contest.examples, BLOCK), contest.examples]
        # Nothing stops a trial before there is a best one: as long as there is none, the money must
        # pay for all of it.
        for examples in sizes if best else [contest.examples]:
            there = yield from contest.bring([state], examples)
            if (
                not there
                or contest.race.over
                or (best and _worse(contest.row(state), contest.row(best)))
            ):
                break
        refused = 0 if there else refused + 1
        whole = state.examples == contest.examples
        if (
            there
            and whole
            and (best is None or contest.mean(state) > contest.mean(best))
        ):
            best = state
        contest.drop(state)


def _worse(row: Array, best: Array) -> bool:
    gaps = (row - best)[~np.isnan(row + best)]
    return len(gaps) > 1 and float(gaps.mean()) < 0 and signed_rank(gaps) < P_VALUE


def signed_rank(gaps: Array) -> float:
    """The p-value of Wilcoxon's signed-rank test (1945) that gaps are not mostly below 0.

    Ranks of zeros are split between both signs (scipy's zero_method "zsplit"), and the normal
    approximation is used: scores of 0 and 1 are full of ties.
    """
    sizes, place, counts = np.unique(
        np.round(np.abs(gaps), 12), return_inverse=True, return_counts=True
    )
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    plus = ranks[gaps > 0].sum() + ranks[gaps == 0].sum() / 2
    n = len(gaps)
    variance = (n * (n + 1) * (2 * n + 1) - (counts**3 - counts).sum() / 2) / 24
    if len(sizes) == 1 and sizes[0] == 0:
        return 0.5
    return NormalDist().cdf(float((plus - n * (n + 1) / 4) / math.sqrt(variance)))


def short_then_top(
    problem: Problem, searcher: Searcher, left: float, *, most: bool
) -> Waves:
    """Every proposed point on 20 examples; in the end the best five of them on all.

    What the five are expected to cost is set aside, but at most half of the money.
    """
    contest = Contest(problem, searcher, left, most=most)
    short = min(SHORT, contest.examples)
    race, states, refused = contest.race, list[TrialState](), 0
    while refused < PATIENCE and (state := contest.enter()) is not None:
        top = contest.ranked(states)[:TOP]
        reserve = min(
            left / 2, sum(race.expected_cost(e, contest.examples, e.draws) for e in top)
        )
        there = yield from contest.bring([state], short, money=race.left - reserve)
        refused = 0 if there else refused + 1
        contest.drop(state)
        states += there
    for state in contest.ranked(states)[:TOP]:
        yield from contest.bring([state], contest.examples)
