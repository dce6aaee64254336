"""The vote among n draws, counted by generating functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tune.stats.arrays import Array, IntArray
from tune.stats.estimate import SubsetEstimate, mean_of_one

MOST_COUNTED = 32
"""The largest n of a vote that is counted exactly; beyond it random subsets are cheaper."""


class _Tally(NamedTuple):
    """Votes of one example: (count, score) of each distinct answer, and the draws that abstain."""

    votes: tuple[tuple[int, float], ...]
    silent: int

    @property
    def draws(self) -> int:
        return self.silent + sum(count for count, _ in self.votes)


def mean_of_vote(
    answers: IntArray, scores: Array, worst: float, ns: Sequence[int]
) -> SubsetEstimate:
    """Estimate the score of the most frequent answer among n draws; ties go to the first drawn.

    Draws without an answer do not vote. If no draw votes, the score is `worst`.

    Args:
        answers: a number for each distinct answer, -1 for none; one row for each example.
        scores: the score of each draw's answer, the same for equal answers of one row.
        worst: the score of no answer.
        ns: sizes of the subsets, at most `MOST_COUNTED`.
    """
    draws = answers.shape[1]
    rows: dict[_Tally, list[int]] = {}
    for row, (names, values) in enumerate(
        zip(answers.tolist(), (scores - worst).tolist(), strict=True)
    ):
        rows.setdefault(_tally(names, values), []).append(row)
    means = np.full((len(answers), len(ns)), np.nan)
    variances = means.copy()
    kept = [column for column, n in enumerate(ns) if n <= draws]
    largest = max((ns[column] for column in kept), default=0)
    # Tallies with about as many answers are counted together, so that few are counted over empty
    # places.
    batches: dict[int, list[_Tally]] = {}
    for tally in rows:
        batches.setdefault(len(tally.votes).bit_length(), []).append(tally)
    for batch in batches.values() if kept else ():
        counted = _count(batch, largest)
        for tally, mean, variance in zip(batch, *counted, strict=True):
            for column in kept:
                means[rows[tally], column] = worst + mean[ns[column]]
                variances[rows[tally], column] = variance[ns[column]]
    for column in kept:
        if ns[column] == 1:
            variances[:, column] = mean_of_one(scores).variances[:, 0]
    return SubsetEstimate(means, variances)


def _tally(names: Sequence[int], values: Sequence[float]) -> _Tally:
    counts: dict[int, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    score = dict(zip(names, values, strict=True))
    silent = counts.pop(-1, 0)
    return _Tally(
        tuple(sorted(((c, score[name]) for name, c in counts.items()), reverse=True)),
        silent,
    )


def _count(batch: Sequence[_Tally], largest: int) -> tuple[Array, Array]:
    """Return mean and variance of the winner's score: rows are tallies, columns n from 0."""
    draws = batch[0].draws
    size = np.array([math.comb(draws, n) for n in range(largest + 1)], dtype=float)
    choose = np.array(
        [[math.comb(c, j) for j in range(largest + 1)] for c in range(draws + 1)],
        dtype=float,
    )
    votes, scores, silent = _arrays(batch)
    means = _contest(choose[votes], choose[silent], scores) / size
    variances = np.zeros_like(means)
    # Where every draw scores the same, chance has nothing to say.
    mixed = [
        row
        for row, t in enumerate(batch)
        if len({s for _, s in t.votes} | ({0.0} if t.silent else set())) > 1
    ]
    if mixed:
        variances[mixed] = _spread([batch[row] for row in mixed], draws, largest)
    return means, variances


def _arrays(batch: Sequence[_Tally]) -> tuple[IntArray, Array, IntArray]:
    most = max(len(tally.votes) for tally in batch)
    votes = np.zeros((len(batch), most), dtype=np.int64)
    scores = np.zeros((len(batch), most))
    for row, tally in enumerate(batch):
        for place, (count, score) in enumerate(tally.votes):
            votes[row, place], scores[row, place] = count, score
    return votes, scores, np.array([tally.silent for tally in batch])


def _spread(batch: Sequence[_Tally], draws: int, largest: int) -> Array:
    """Return the variance by Hoeffding's decomposition, with the m draws as distribution.

    z1 is the variance of the winner's score that one draw alone explains, and zn that of the
    winner's score itself. The first-order part is n^2/m z1. The rest, zn - n z1, is taken to be of
    the second order: n(n-1) / (m(m-1)) of it is left. That is exact for n <= 2 and n = m, and in
    between too large.
    """
    votes, scores, silent = _arrays(batch)
    # Draws from a distribution, not from a bag: weights p^j / j!, once for every draw and once with
    # one draw fixed.
    factorial = np.array([float(math.factorial(j)) for j in range(largest + 1)])
    share = np.arange(draws + 1) / draws
    drawn = share[:, None] ** np.arange(largest + 1) / factorial
    fixed = np.concatenate([np.zeros((draws + 1, 1)), drawn[:, :-1]], axis=1)
    mean = _contest(drawn[votes], drawn[silent], scores) * factorial
    square = _contest(drawn[votes], drawn[silent], scores**2) * factorial
    whole = square - mean**2

    known = _kinds(batch)
    row, place, many = (np.array(column) for column in zip(*known, strict=True))
    weights, quiet = drawn[votes[row]], drawn[silent[row]]
    spoken = place >= 0
    weights[spoken, place[spoken]] = fixed[votes[row[spoken], place[spoken]]]
    quiet[~spoken] = fixed[silent[row[~spoken]]]
    foretold = _contest(weights, quiet, scores[row])
    foretold[:, 1:] *= factorial[:-1]
    alone = -(mean**2)
    np.add.at(alone, row, (many / draws)[:, None] * foretold**2)

    n = np.arange(largest + 1)
    alone = np.maximum(alone, 0.0)
    rest = np.maximum(whole - n * alone, 0.0)
    return np.asarray(
        n**2 / draws * alone + n * (n - 1) / (draws * max(draws - 1, 1)) * rest
    )


def _kinds(batch: Sequence[_Tally]) -> list[tuple[int, int, int]]:
    """Return (row, place, draws) of each kind of draw; place is -1 for abstaining draws.

    Answers of equal count and score explain the same variance, so they are one kind.
    """
    found = []
    for row, tally in enumerate(batch):
        kinds: dict[tuple[int, float], list[int]] = {}
        for place, vote in enumerate(tally.votes):
            kinds.setdefault(vote, []).append(place)
        found += [
            (row, places[0], len(places) * count)
            for (count, _), places in kinds.items()
        ]
        if tally.silent:
            found.append((row, -1, tally.silent))
    return found


def _contest(weights: Array, silent: Array, scores: Array) -> Array:
    """Return the weighted sum of the winner's score over all outcomes of n draws, for each n.

    The winner has t votes and no answer has more. The generating function of the others, in x for
    the number of draws, is a product over the answers of `sum_{j<t} w_j x^j + y w_t x^t`. Among r
    answers with t votes each is the first drawn with probability 1/r, and 1/r is the integral of
    y^(r-1) from 0 to 1, which Gauss's rule takes exactly.

    Args:
        weights: (rows, answers, n + 1): the weight of an answer that is drawn j times.
        silent: (rows, n + 1): the same for the draws that abstain.
        scores: (rows, answers).

    Returns:
        (rows, n + 1); draws that abstain score 0.
    """
    largest = silent.shape[1] - 1
    # The rows go last, where numpy is fast.
    factors = np.ascontiguousarray(weights.transpose(1, 2, 0))
    total = np.zeros((largest + 1, len(silent)))
    for t in range(1, largest + 1):
        at, share = _gauss((largest // t + 1) // 2)
        ways = np.repeat(silent.T[:, None, :], len(at), axis=1)
        won = np.zeros_like(ways)
        for factor, score in zip(factors, scores.T, strict=True):
            top = factor[t]
            seen = ways[: largest + 1 - t] * top
            ways = _times(ways, factor, t) + _late(seen * at[:, None], t)
            tied = won[: largest + 1 - t] * (top * at[:, None])
            won = _times(won, factor, t) + _late(tied + seen * score, t)
        total += np.einsum("nyr,y->nr", won, share)
    flipped: Array = total.T
    return flipped


def _times(polynomial: Array, factor: Array, terms: int) -> Array:
    """A polynomial in x (its first axis) times the first terms of another, cut where it began."""
    product: Array = polynomial * factor[0]
    for power in range(1, terms):
        if factor[power].any():
            product[power:] += polynomial[:-power] * factor[power]
    return product


def _late(polynomial: Array, power: int) -> Array:
    """A polynomial times x^power."""
    return np.concatenate([np.zeros((power, *polynomial.shape[1:])), polynomial])


@lru_cache(maxsize=256)
def _gauss(nodes: int) -> tuple[Array, Array]:
    """Nodes and weights of Gauss's rule between 0 and 1."""
    at, share = np.polynomial.legendre.leggauss(nodes)
    return (at + 1) / 2, share / 2
