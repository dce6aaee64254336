"""Check whether an exported config still holds: decided in sequence, with no more calls than it takes."""

from tune.check.checked import Checked
from tune.check.deciding import check, check_async, default_store
from tune.check.line import STATUS, Decision

__all__ = ["STATUS", "Checked", "Decision", "check", "check_async", "default_store"]
