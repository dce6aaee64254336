"""The vote among n draws, counted by generating functions."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tune.stats.arrays import Array, IntArray
from tune.stats.estimate import SubsetEstimate, mean_of_one

MOST_COUNTED = 32
"""The largest n of a vote that is counted exactly; random subsets are cheaper beyond it."""


class _Tally(NamedTuple):
    """Votes of one example: (count, score) of each distinct answer, and the draws that abstain."""

    votes: tuple[tuple[int, float], ...]
    silent: int

    @property
    def draws(self) -> int:
        """The number of draws, with those that abstain."""
        return self.silent + sum(count for count, _ in self.votes)

    @property
    def certain(self) -> bool:
        """True if every draw has the same score, so that chance decides nothing."""
        scores = {score for _, score in self.votes}
        if self.silent:
            scores.add(0.0)
        return len(scores) <= 1


def mean_of_vote(
    answers: IntArray,
    scores: Array,
    worst: float,
    ns: Sequence[int],
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
    shape = (len(answers), len(ns))
    means = np.full(shape, np.nan)
    variances = np.full(shape, np.nan)
    kept = [column for column, n in enumerate(ns) if n <= draws]
    if not kept:
        return SubsetEstimate(means, variances)
    largest = max(ns[column] for column in kept)
    rows = _rows_of_tallies(answers, scores - worst)
    sizes = [ns[column] for column in kept]
    for batch in _batches(rows):
        counted = _count(batch, largest)
        for tally, mean, variance in zip(batch, *counted, strict=True):
            places = np.ix_(rows[tally], kept)
            means[places] = worst + mean[sizes]
            variances[places] = variance[sizes]
    # The variance of a single draw needs no approximation.
    for column in kept:
        if ns[column] == 1:
            variances[:, column] = mean_of_one(scores).variances[:, 0]
    return SubsetEstimate(means, variances)


def _rows_of_tallies(answers: IntArray, scores: Array) -> dict[_Tally, list[int]]:
    """Return the rows of each tally: equal tallies are counted once."""
    rows: dict[_Tally, list[int]] = {}
    examples = zip(answers.tolist(), scores.tolist(), strict=True)
    for row, (names, values) in enumerate(examples):
        tally = _tally(names, values)
        rows.setdefault(tally, []).append(row)
    return rows


def _batches(tallies: Iterable[_Tally]) -> Collection[list[_Tally]]:
    """Return tallies with about as many answers together, so that few places stay empty."""
    batches: dict[int, list[_Tally]] = {}
    for tally in tallies:
        size = len(tally.votes).bit_length()
        batches.setdefault(size, []).append(tally)
    return batches.values()


def _tally(names: Sequence[int], values: Sequence[float]) -> _Tally:
    """Return the tally of one example, from the answer and the score of each draw."""
    counts: dict[int, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    score = dict(zip(names, values, strict=True))
    silent = counts.pop(-1, 0)
    votes = []
    for name, count in counts.items():
        votes.append((count, score[name]))
    # In one order, so that equal tallies are found equal.
    votes.sort(reverse=True)
    return _Tally(tuple(votes), silent)


def _count(batch: Sequence[_Tally], largest: int) -> tuple[Array, Array]:
    """Return mean and variance of the winner's score: rows are tallies, columns n from 0."""
    draws = batch[0].draws
    choose = _binomials(draws, largest)
    votes, scores, silent = _arrays(batch)
    # The number of ways to draw subsets in which the winner has a score, over that of all subsets.
    ways = _contest(choose[votes], choose[silent], scores)
    means = ways / choose[draws]
    variances = np.zeros_like(means)
    mixed = [row for row, tally in enumerate(batch) if not tally.certain]
    if mixed:
        uncertain = [batch[row] for row in mixed]
        variances[mixed] = _spread(uncertain, draws, largest)
    return means, variances


def _binomials(draws: int, largest: int) -> Array:
    """Return the table of C(c, j): a row for each c up to `draws`, a column for each j."""
    table = np.zeros((draws + 1, largest + 1))
    for c in range(draws + 1):
        for j in range(largest + 1):
            table[c, j] = math.comb(c, j)
    return table


def _arrays(batch: Sequence[_Tally]) -> tuple[IntArray, Array, IntArray]:
    """Return counts and scores of the answers, a row for each tally, and the draws that abstain."""
    most = max(len(tally.votes) for tally in batch)
    shape = (len(batch), most)
    votes = np.zeros(shape, dtype=np.int64)
    scores = np.zeros(shape)
    for row, tally in enumerate(batch):
        for place, (count, score) in enumerate(tally.votes):
            votes[row, place] = count
            scores[row, place] = score
    silent = [tally.silent for tally in batch]
    return votes, scores, np.array(silent)


def _spread(
    batch: Sequence[_Tally],
    draws: int,
    largest: int,
) -> Array:
    """Return the variance by Hoeffding's decomposition, with the m draws as distribution.

    z1 is the variance of the winner's score that one draw alone explains, and zn that of the
    winner's score itself. The first-order part is n^2/m z1. The rest, zn - n z1, is taken to be of
    the second order: n(n-1) / (m(m-1)) of it is left. That is exact for n <= 2 and n = m, and in
    between too large.
    """
    votes, scores, silent = _arrays(batch)
    # The draws are the distribution here, so an answer that is drawn j times has the weight
    # p^j / j!. With one draw fixed, j is one smaller.
    n = np.arange(largest + 1)
    factorials = [float(math.factorial(j)) for j in n]
    factorial = np.array(factorials)
    share = np.arange(draws + 1) / draws
    drawn = share[:, None] ** n / factorial
    fixed = np.zeros_like(drawn)
    fixed[:, 1:] = drawn[:, :-1]
    mean = _contest(drawn[votes], drawn[silent], scores) * factorial
    square = _contest(drawn[votes], drawn[silent], scores**2) * factorial
    whole = square - mean**2

    # z1: the variance of the expected score, given one draw of each kind.
    row, place, many = _kinds(batch)
    weights = drawn[votes[row]]
    quiet = drawn[silent[row]]
    speaks = place >= 0
    rows = row[speaks]
    places = place[speaks]
    weights[speaks, places] = fixed[votes[rows, places]]
    rows = row[~speaks]
    quiet[~speaks] = fixed[silent[rows]]
    expected = _contest(weights, quiet, scores[row])
    expected[:, 1:] *= factorial[:-1]
    chance = many / draws
    alone = -(mean**2)
    np.add.at(alone, row, chance[:, None] * expected**2)
    # Rounding may leave a variance below 0.
    alone = np.maximum(alone, 0.0)

    rest = np.maximum(whole - n * alone, 0.0)
    of_draws = draws * max(draws - 1, 1)
    pairs = n * (n - 1) / of_draws
    first_order = n**2 / draws * alone
    return np.asarray(first_order + pairs * rest)


def _kinds(batch: Sequence[_Tally]) -> tuple[IntArray, IntArray, IntArray]:
    """Return row, place and number of each kind of draw; place is -1 for draws that abstain.

    Answers of equal count and score explain the same variance, so they are one kind.
    """
    found: list[tuple[int, int, int]] = []
    for row, tally in enumerate(batch):
        kinds: dict[tuple[int, float], list[int]] = {}
        for place, vote in enumerate(tally.votes):
            kinds.setdefault(vote, []).append(place)
        for (count, _), places in kinds.items():
            draws = len(places) * count
            found.append((row, places[0], draws))
        if tally.silent:
            found.append((row, -1, tally.silent))
    row_of, place_of, many = np.array(found).T
    return row_of, place_of, many


def _contest(
    weights: Array,
    silent: Array,
    scores: Array,
) -> Array:
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
    rows, terms = silent.shape
    largest = terms - 1
    # The rows go last, where numpy is fast.
    factors = np.ascontiguousarray(weights.transpose(1, 2, 0))
    total = np.zeros((terms, rows))
    for t in range(1, largest + 1):
        # At most largest // t answers have t votes: the degree in y that the rule has to take.
        tied_most = largest // t
        at, share = _gauss((tied_most + 1) // 2)
        y = at[:, None]
        ways = np.repeat(silent.T[:, None, :], len(at), axis=1)
        won = np.zeros_like(ways)
        for factor, score in zip(factors, scores.T, strict=True):
            top = factor[t]
            tied = won[: terms - t] * (top * y)
            seen = ways[: terms - t] * top
            # With fewer than t votes for this answer, and with t.
            ways = _times(ways, factor, t) + _late(seen * y, t)
            won = _times(won, factor, t) + _late(tied + seen * score, t)
        total += np.einsum("nyr,y->nr", won, share)
    flipped: Array = total.T
    return flipped


def _times(
    polynomial: Array,
    factor: Array,
    terms: int,
) -> Array:
    """Return a polynomial in x (its first axis) times the first terms of another, of its length."""
    product: Array = polynomial * factor[0]
    for power in range(1, terms):
        # Most answers have few votes, so most of the weights are 0.
        weight = factor[power]
        if weight.any():
            product[power:] += polynomial[:-power] * weight
    return product


def _late(polynomial: Array, power: int) -> Array:
    """Return a polynomial times x^power."""
    _, *rest = polynomial.shape
    zeros = np.zeros((power, *rest))
    return np.concatenate([zeros, polynomial])


@lru_cache(maxsize=256)
def _gauss(nodes: int) -> tuple[Array, Array]:
    """Return nodes and weights of the Gauss-Legendre rule between 0 and 1."""
    at, share = np.polynomial.legendre.leggauss(nodes)
    return (at + 1) / 2, share / 2
