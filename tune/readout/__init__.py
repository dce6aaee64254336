"""Read configurations off draws that are already bought.

Configurations that differ only in n, a smaller max_tokens, more stop strings or the way of voting
use the same draws. So one trial's draws are read as many configurations, each with an estimate of
its error (see `tune.stats.subsets` and `tune.stats.best_of_n`).

Readings go down only. A cap above the bought one cannot be read, nor an n above the number of
draws.
"""

from tune.readout.read import Bought, read, readable, wanted
from tune.readout.reading import Difference, Reading

__all__ = [
    "Bought",
    "Difference",
    "Reading",
    "read",
    "readable",
    "wanted",
]
