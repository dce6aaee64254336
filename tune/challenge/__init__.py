"""A new model is out: would it enter the frontier of a finished study?"""

from tune.challenge.asking import challenge
from tune.challenge.found import STATUS, Answer, Challenge

__all__ = ["STATUS", "Answer", "Challenge", "challenge"]
