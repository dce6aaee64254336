"""The digest of a trial: all that selections and reports need of its draws, without their texts.

Making it reads every text of the trial once. No price plays a part in it, so a study can be read
again at other prices from its digests alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tune.readout.columns import DrawColumns, Integers
from tune.readout.outcomes import Outcomes
from tune.readout.reader import Rows, Variant
from tune.space import Config


@dataclass(frozen=True, slots=True, eq=False)
class TrialDigest:
    """The readings of one trial, as numbers that were read off its draws.

    Attributes:
        columns: the token counts of the draws.
        kinds: the kind of each draw as it was bought; see `tune.readout.outcomes.kinds_of`.
        rows: of every configuration that can be read.
        outcomes: why answers are wrong, by cap and stop strings.
        tokens: of each example's draws together, by the cap and the stop strings that cut them.
    """

    columns: DrawColumns
    kinds: Integers
    rows: Mapping[Config, Rows]
    outcomes: Mapping[Variant, Outcomes]
    tokens: Mapping[Variant, Integers]
