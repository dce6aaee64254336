"""What n of m draws are worth on average: expectations over random subsets, and how far m draws let them stray.

Each draw of an example is exchangeable with the others, so any n of the m that were bought, in any order, are as good
as a fresh request with n answers. The mean over all those subsets is the unbiased estimate of least variance (a
U-statistic, Hoeffding 1948). None of them is enumerated: what depends on order statistics (the best of n, the slowest
of n) has closed weights, and a vote is counted by generating functions, in time polynomial in m and n.

The variances are plug-in values: the variance that the estimate would have if the m draws at hand were the whole
distribution, with a correction where that is known to fall short. On average over examples they were seen between
0.8 and 1.35 of the true variance (0.67 for a vote of both of 2 draws); a single one, made of few draws, is no better
than any variance of few numbers.
For a single draw there is none (NaN), and n = 1 has the usual s^2 / m, which is unbiased.
"""

from tune.estimators.best import mean_of_best, mean_of_largest, top_weights
from tune.estimators.choices import SUBSETS, mean_of_choice
from tune.estimators.estimate import Array, Estimate, Whole, mean_of_one
from tune.estimators.votes import MOST_COUNTED, mean_of_vote

__all__ = [
    "MOST_COUNTED",
    "SUBSETS",
    "Array",
    "Estimate",
    "Whole",
    "mean_of_best",
    "mean_of_choice",
    "mean_of_largest",
    "mean_of_one",
    "mean_of_vote",
    "top_weights",
]
