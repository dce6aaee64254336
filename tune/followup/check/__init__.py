"""A check of an exported config: does it still hold? No more calls than the decision takes."""

from tune.followup.check.result import CheckResult
from tune.followup.check.rule import STATUS, CheckDecision
from tune.followup.check.run import check, check_async

__all__ = [
    "STATUS",
    "CheckDecision",
    "CheckResult",
    "check",
    "check_async",
]
