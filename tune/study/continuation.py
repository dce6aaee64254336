"""The journal of a study when its command is given again: shown, resumed, continued or refused."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tune.errors import StudyError
from tune.plan.plan import Plan
from tune.pricing.amounts import stated_dollars
from tune.pricing.clock import Clock
from tune.pricing.prices import to_dollars
from tune.store.journal import Journal
from tune.store.ledger import Ledger
from tune.study.resume import check_identity, check_not_forgotten
from tune.study.stop_reasons import ENOUGH, PAUSES, UNREAD
from tune.study.study import Study, recorded_study

FOLLOWUPS = ("look", "forgotten")
"""Events that change nothing about how the study's own runs ended."""


def open_study(
    journal: Journal, plan: Plan, kept: Mapping[str, Any] | None = None
) -> Study | None:
    """Begin a study, or see that its journal holds the same one.

    Args:
        journal: of the folder.
        plan: what is asked for.
        kept: the options that a new study's journal keeps; see `tune.plan.kept_options`.

    Returns:
        The finished study if this run has nothing left to do.

    Raises:
        StudyError: the folder holds another study, or one that had a larger budget.
    """
    folder = journal.path.parent
    # The first run in this folder.
    if not journal.events:
        journal.append(
            "study",
            id=f"{plan.data.name}-{secrets.token_hex(4)}",
            identity=dict(plan.identity),
            began=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            kept=kept,
            **_limits(plan),
        )
        return None
    first = journal.events[0]
    if first["event"] != "study":
        raise StudyError(
            f"{str(journal.path)!r} is no study: its first line is {first['event']!r}"
        )
    check_identity(first["identity"], plan.identity, folder, remedy=_remedy(folder))
    limits = _last_limits(journal)
    if plan.budget < limits["budget"]:
        raise StudyError(
            f"the study in {str(folder)!r} has a budget of {stated_dollars(limits['budget'])}, "
            f"which {stated_dollars(plan.budget)} would lower: give that or more, or another "
            f"--results"
        )
    last = _own_events(journal)[-1]
    # A paused run has written a result, but it has something left to do.
    ended = last["event"] == "result" and last["stopped"] not in PAUSES
    if ended and not may_do_more(plan, journal):
        return recorded_study(folder, journal.events)
    check_not_forgotten(journal.events, folder)
    return None


def _remedy(folder: Path) -> str:
    """Return what a user can do where a folder holds another study."""
    remedy = "choose another with --results"
    store = folder / "draws.db"
    # A new folder gets a store of its own: what both studies ask would be paid twice.
    if store.exists():
        remedy += f" (--store {store} reuses what was bought here)"
    return remedy


def continue_study(journal: Journal, plan: Plan, ledger: Ledger) -> None:
    """Note that a study goes on, if it may do more than its last run could."""
    if not may_do_more(plan, journal):
        return
    left = to_dollars(ledger.budget - ledger.spent)
    # Where nobody is billed, a strategy is told the seconds that are left.
    if plan.unbilled:
        left = Clock(plan.time_limit or math.inf, journal.events).left
    journal.append("continue", left=left, **_limits(plan))


def may_do_more(plan: Plan, journal: Journal) -> bool:
    """Return True if this run may do more than the last one could."""
    limits = _last_limits(journal)
    then = limits["time_limit"]
    now = plan.time_limit
    # None is no limit, so it is longer than any.
    longer = then is not None and (now is None or now > then)
    if plan.budget > limits["budget"] or longer or _was_freed(journal):
        return True
    stopped = _last_stop(journal)
    if stopped == UNREAD:
        return plan.keep_going
    return stopped == ENOUGH and bool(plan.min_gain < limits["min_gain"])


def _limits(plan: Plan) -> dict[str, Any]:
    """Return the limits that may differ between the runs of one study."""
    return {
        "budget": plan.budget,
        "time_limit": plan.time_limit,
        "min_gain": plan.min_gain,
    }


def _last_limits(journal: Journal) -> dict[str, Any]:
    """Return the limits of the last run; the first event of every study has some."""
    with_limits = ("study", "continue")
    return next(e for e in reversed(journal.events) if e["event"] in with_limits)


def _last_stop(journal: Journal) -> str | None:
    """Return why the last run ended; None where none has come to its end."""
    for event in reversed(journal.events):
        if event["event"] == "result":
            return str(event["stopped"])
    return None


def _own_events(journal: Journal) -> list[dict[str, Any]]:
    """Return the events that the study's own runs wrote."""
    return [event for event in journal.events if event["event"] not in FOLLOWUPS]


def _was_freed(journal: Journal) -> bool:
    """Return True if money ended the study, and some of it was found to be unspent since then."""
    # Reconciling writes its event before the result that it comes from is written again.
    last = _own_events(journal)[-2:]
    if len(last) < 2 or last[0]["event"] != "reconciled":
        return False
    return bool(last[0]["freed"] > 0 and last[1]["stopped"] == "money")
