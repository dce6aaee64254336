"""The knowledge gradient: how much the best mean is expected to rise by an observation.

The value of a purchase is its knowledge gradient (Frazier, Powell and Dayanik 2009): the expected
rise of the best mean, with everything that is correlated with the purchase.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tune.strategies.problem import Array, Numbers

# Gauss-Hermite quadrature: expectations over a standard normal variable. Five nodes are exact for
# polynomials up to degree 9.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()

_FARTHEST = float(_NODES.max())
"""Standard deviations of the farthest node."""

_CERTAIN = 8.5
"""Standard deviations from which a normal variable never is, as far as numbers can show."""

_DENSITY = 1 / math.sqrt(2 * math.pi)
"""Density of a standard normal variable at 0."""

_LEAST_DEVIATION = 1e-9
"""A deviation of 0 would divide by 0; so small a one gives the larger of two means."""

_ROUNDING = 1e-9
"""More than what rounding changes in a mean or in its moves."""


class Moves(NamedTuple):
    """How far purchases move the means of contenders.

    One standard deviation of what a purchase shows moves them by the covariance / the scale.

    Attributes:
        covariance: of the candidates with the contenders, candidates x contenders.
        candidate: number of the candidate that is observed, by purchase.
        scale: standard deviation of what it shows, by purchase; inf where that is nothing.
    """

    covariance: Array
    candidate: Numbers
    scale: Array

    def chosen(self, which: np.ndarray) -> Moves:
        """Return those of some purchases."""
        return Moves(self.covariance, self.candidate[which], self.scale[which])


def able_to_win(mean: Array, moves: Sequence[Moves]) -> np.ndarray:
    """Return the contenders that may be the best after a purchase, candidates x contenders.

    Most cannot pass the best one at any node of the quadrature, so they never are the largest.
    """
    top = int(np.argmax(mean))
    reach = np.zeros(moves[0].covariance.shape)
    for move in moves:
        # The purchase that tells most of each candidate stands for its others.
        most = np.zeros(len(reach))
        np.maximum.at(most, move.candidate, 1.0 / move.scale)
        apart = np.abs(move.covariance - move.covariance[:, [top]])
        reach += apart * (_FARTHEST * most[:, None])
    able = reach >= (mean[top] - mean) - _ROUNDING
    able[:, top] = True
    return np.asarray(able)


def expected_rise(mean: Array, moves: Sequence[Moves], able: np.ndarray) -> Array:
    """Return the expected rise of the largest mean (the knowledge gradient), by purchase.

    Args:
        mean: of the contenders.
        moves: the means move by independent standard normal multiples of each. All have the same
            candidates.
        able: the result of `able_to_win`, for these purchases or more.
    """
    candidate = moves[0].candidate
    found = np.zeros(len(candidate))
    per_candidate = able.sum(axis=1)
    counts = per_candidate[candidate]
    # Where the best one has no rival, the best mean moves, but the choice never changes.
    rows = np.flatnonzero(counts > 1)
    if not len(rows):
        return found
    # Pairs of a purchase and a contender; those of one purchase stand side by side.
    counts = counts[rows]
    ends = np.cumsum(counts)
    starts = ends - counts
    begins = (np.cumsum(per_candidate) - per_candidate)[candidate[rows]]
    place = np.arange(ends[-1]) + np.repeat(begins - starts, counts)
    contender = np.nonzero(able)[1][place]
    row = np.repeat(rows, counts)
    moved = mean[contender][None]
    weights = np.ones(1)
    # Each slope multiplies the number of cases by that of the nodes.
    for move in moves:
        slope = move.covariance[candidate[row], contender] / move.scale[row]
        moved = (moved[:, None] + np.outer(_NODES, slope)[None]).reshape(-1, len(row))
        weights = np.outer(weights, _WEIGHTS).ravel()
    largest = weights @ np.maximum.reduceat(moved, starts, axis=1)
    # Quadrature can end a hair below, but information never lowers the expected maximum.
    found[rows] = np.maximum(largest - mean.max(), 0.0)
    return found


def at_least_alone(
    found: Array,
    mean: Array,
    deviation: Array,
    other: Array,
    now: Array,
) -> Array:
    """Return gains, raised to those of one normal variable and a number alone.

    Args:
        found: gains so far.
        mean: of the variable.
        deviation: of the variable.
        other: the number.
        now: the value that the expected maximum of both is compared with.
    """
    raised = found.copy()
    # An upper bound of the expected maximum, as the tail of a normal variable lies below its
    # density. Where even that is no gain, the exact number is not computed.
    z = (mean - other) / np.maximum(deviation, _LEAST_DEVIATION)
    rise = _DENSITY * np.maximum(deviation, _LEAST_DEVIATION) * np.exp(-(z**2) / 2)
    able = np.maximum(mean, other) + rise + _ROUNDING**2 > now + found
    exact = expected_maximum(mean[able], deviation[able], other[able]) - now[able]
    raised[able] = np.maximum(found[able], exact)
    return raised


def expected_maximum(
    mean: Array,
    deviation: Array,
    other: Array,
) -> Array:
    """Return the expected maximum of a normal variable and a number, for each of many."""
    deviation = np.maximum(deviation, _LEAST_DEVIATION)
    # Of a normal variable X and a number c: c + E[max(X - c, 0)], the formula of expected
    # improvement (Jones et al. 1998).
    z = (mean - other) / deviation
    found: Array = np.maximum(mean, other)
    # Farther off, the smaller one adds less than what rounding changes.
    near = np.abs(z) < _CERTAIN
    z = z[near]
    # numpy has no such function, and mapping is the fastest way to call that of Python.
    below = 0.5 * np.array(list(map(math.erfc, (z / -math.sqrt(2)).tolist())))
    density = deviation[near] * np.exp(-(z**2) / 2) * _DENSITY
    found[near] = other[near] + (mean - other)[near] * below + density
    return found
