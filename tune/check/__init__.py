"""Whether an exported config still holds on new examples: decided in sequence, with no more calls than it takes."""

from tune.check.checked import Checked
from tune.check.deciding import check, check_async, default_store
from tune.check.line import STATUS, Decision, Line

__all__ = ["STATUS", "Checked", "Decision", "Line", "check", "check_async", "default_store"]
