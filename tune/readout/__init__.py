"""Reading configs off draws that are already bought: n, smaller caps, further stops and the choice
among answers.

A config that differs from another only in these says nothing new: it uses less of what was said. So
from the m draws of a trial each of them is read, with what is known of its error (see
`tune.estimators`). Readings go down only: a cap above the one that was bought, or n above the draws
that an example has, cannot be read.
"""

from tune.readout.read import Bought, read, readable, wanted
from tune.readout.reading import Difference, Reading

__all__ = ["Bought", "Difference", "Reading", "read", "readable", "wanted"]
