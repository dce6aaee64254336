"""Sentences on why a run ended."""

from __future__ import annotations

from tune.errors import QuotaExhausted
from tune.safety.decoration import Decorations
from tune.strategies.problem import ALL_BOUGHT, NO_WORTH
from tune.strategies.stopping import chance_of_change
from tune.study.record import RunRecord
from tune.study.stop_reasons import ENOUGH, FINISHED, INTERRUPTED, LOST, QUOTA, UNREAD

STOPPED = {
    FINISHED: "the search was done",
    "money": "the money for the search was used up",
    "time": "the time limit was reached",
    "trials": "the limit of trials was reached",
    UNREAD: "the answers are not read rightly; --keep-going (keep_going=True) goes on all the same",
    INTERRUPTED: "it was interrupted; the same command resumes it",
}
"""Reasons for the end of a run, in words."""


ENDED = {
    NO_WORTH: "the search stopped because no block of examples was worth its money",
    ALL_BOUGHT: "the search stopped because nothing was left to try",
}
"""Reasons of a strategy for the end of its search, in words."""


def why_stopped(record: RunRecord, decorations: Decorations) -> str:
    """Return why the run ended; if it kept money, also what more of it would have done."""
    if record.stopped in (QUOTA, LOST):
        return _why_paused(record)
    if record.stopped == FINISHED and record.ending in ENDED:
        return ENDED[record.ending]
    if record.stopped != ENOUGH:
        return STOPPED[record.stopped]
    kept = _kept(record)
    more, more_said = 1.0, "$1"
    if record.time is not None:
        # A strategy weighs seconds of all calls together. A minute of the clock holds `width` of
        # them side by side.
        more, more_said = 60 * record.time.width, "minute"
    chance = decorations.attempt(
        "the chance of another choice",
        lambda: chance_of_change(record.problem, record.weighed, more),
        None,
    )
    if chance is None:
        return kept
    # The chance is itself an estimate: it has no meaning to a tenth of a percent.
    shown = f"{100 * chance:.0f} %"
    if chance < 0.01:
        shown = "less than 1 %"
    changed = "the choice"
    if record.plan.goal == "frontier":
        changed = "a choice on the frontier"
    return f"{kept}: another {more_said} has a chance of {shown} to change {changed}"


def _kept(record: RunRecord) -> str:
    points = 100 * record.plan.min_gain
    gain = f"gain less than {points:g} points (of 100)"
    if record.plan.goal == "cheapest":
        gain = f"save less than {points:g} %"
    unit = "money" if record.time is None else "time"
    return f"the rest of the {unit} was expected to {gain}, so it was kept"


def _why_paused(record: RunRecord) -> str:
    """Return the outside fault that ended the run, in the service's words, and when to resume."""
    fault = record.fault
    if isinstance(fault, QuotaExhausted):
        return f"a quota is used up ({fault}): {fault.advice}"
    return f"no model is left that answers ({fault}): the same command goes on when that is mended"
