"""Types of numbers in arrays."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

Numbers: TypeAlias = Sequence[float] | Array
"""Numbers that a caller passes: a list, or an array."""

Labels: TypeAlias = Sequence[Hashable] | IntArray
"""Labels of clusters that a caller passes: anything in a list, or numbers in an array."""
