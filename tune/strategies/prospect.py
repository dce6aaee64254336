"""A prospect: the gain that more money is expected to bring, and the chance of a change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prospect:
    """The expected result of spending more money.

    Attributes:
        gain: expected rise of the choice's quality, as a share of the metric's range. For the goal
            "frontier" it is the mean over limits on cost; for the goal "cheapest" it is the saving,
            as a share of the choice's cost. It is inf where it is unknown.
        chance: probability that the choice (for "frontier": any choice on it) becomes another.
    """

    gain: float
    chance: float


UNKNOWN = Prospect(math.inf, 1.0)
"""The prospect where too little is known to forecast anything."""

NOTHING = Prospect(0.0, 0.0)
"""The prospect where more money cannot change anything."""


def mean_prospect(found: Sequence[Prospect]) -> Prospect:
    """Return the mean gain, and the chance of any change."""
    if not found or UNKNOWN in found:
        return UNKNOWN
    gain = sum(prospect.gain for prospect in found) / len(found)
    return Prospect(gain, any_change(found))


def any_change(found: Sequence[Prospect]) -> float:
    """Return the chance of any change, as if all were independent."""
    return 1.0 - math.prod(1.0 - prospect.chance for prospect in found)
