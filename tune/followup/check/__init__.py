"""Check whether an exported config still holds: decided in sequence, with no more calls than it
takes.
"""

from tune.followup.check.result import CheckResult
from tune.followup.check.rule import STATUS, Decision
from tune.followup.check.run import check, check_async, default_store

__all__ = ["STATUS", "CheckResult", "Decision", "check", "check_async", "default_store"]
