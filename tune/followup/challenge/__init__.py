"""A challenge: would a new model enter the frontier of a finished study?"""

from tune.followup.challenge.result import STATUS, ChallengeResult, EntryDecision
from tune.followup.challenge.run import challenge

__all__ = ["STATUS", "ChallengeResult", "EntryDecision", "challenge"]
