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

_CASE_WEIGHTS = {1: _WEIGHTS, 2: np.outer(_WEIGHTS, _WEIGHTS).ravel()}
"""Weights of all combinations of nodes, by the number of variables."""

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
        covariance: of the contenders with the candidates, contenders x candidates.
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
    """Return the contenders that may be the best after a purchase, contenders x candidates.

    Most cannot pass the best one at any node of the quadrature, so they never are the largest.
    """
    top = int(np.argmax(mean))
    reach: Array = np.zeros_like(moves[0].covariance)
    for move in moves:
        # The purchase that tells most of each candidate stands for its others.
        most = np.zeros(len(reach[0]))
        np.maximum.at(most, move.candidate, 1.0 / move.scale)
        # In place, as the arrays are large.
        apart = move.covariance - move.covariance[top]
        np.abs(apart, out=apart)
        apart *= _FARTHEST * most
        reach += apart
    needed = (mean[top] - mean) - _ROUNDING
    able = reach >= needed[:, None]
    able[top] = True
    return np.asarray(able)


def expected_rise(mean: Array, moves: Sequence[Moves], able: np.ndarray) -> Array:
    """Return the expected rise of the largest mean (the knowledge gradient), by purchase.

    Args:
        mean: of the contenders.
        moves: the means move by independent standard normal multiples of each: one or two. All have
            the same candidates.
        able: the result of `able_to_win`, for these purchases or more.
    """
    candidate = moves[0].candidate
    found = np.zeros(len(candidate))
    counts = able.sum(axis=0)[candidate]
    # Where the best one has no rival, the best mean moves, but the choice never changes.
    rows = np.flatnonzero(counts > 1)
    if not len(rows):
        return found
    # Pairs of a purchase and a contender; those of one purchase stand side by side.
    place, contender = np.nonzero(able.T[candidate[rows]])
    row = rows[place]
    ends = np.cumsum(counts[rows])
    starts = ends - counts[rows]
    # Pairs x cases, so that the largest of many cases are found side by side.
    moved = mean[contender][:, None]
    # Each slope multiplies the number of cases by that of the nodes.
    for move in moves:
        slope = move.covariance[contender, candidate[row]] / move.scale[row]
        cases = moved[:, :, None] + np.outer(slope, _NODES)[:, None]
        moved = cases.reshape(len(row), -1)
    largest = np.maximum.reduceat(moved, starts, axis=0) @ _CASE_WEIGHTS[len(moves)]
    # Quadrature can end a hair below, but information never lowers the expected maximum.
    found[rows] = np.maximum(largest - mean.max(), 0.0)
    return found


class Alone(NamedTuple):
    """Normal variables, each beside a number: the larger of the two is chosen.

    Attributes:
        mean: of the variable.
        deviation: of the variable.
        other: the number.
        now: the value that the expected maximum of both is compared with.
    """

    mean: Array
    deviation: Array
    other: Array
    now: Array

    def chosen(self, which: np.ndarray) -> Alone:
        """Return some of them."""
        return Alone._make(each[which] for each in self)

    def bound(self) -> Array:
        """Return upper bounds of the gains, far cheaper than `gain`.

        The tail of a normal variable lies below its density.
        """
        deviation = np.maximum(self.deviation, _LEAST_DEVIATION)
        z = (self.mean - self.other) / deviation
        rise = _DENSITY * deviation * np.exp(-(z**2) / 2)
        most = np.maximum(self.mean, self.other) + rise
        return np.asarray(most + _ROUNDING**2 - self.now)

    def gain(self) -> Array:
        """Return by how much the expected maximum of both is above the value now."""
        return expected_maximum(self.mean, self.deviation, self.other) - self.now


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
