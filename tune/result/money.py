"""The money of a study, and why some of it is left."""

from __future__ import annotations

from tune.pricing.amounts import dollars
from tune.pricing.prices import to_dollars
from tune.report import Money, Uncertain
from tune.strategies.problem import ALL_BOUGHT, NO_WORTH
from tune.study.record import RunRecord
from tune.study.stop_reasons import ENOUGH, FINISHED, PAUSES

SAVED = {
    NO_WORTH: "saved, as no more of it was worth spending",
    ALL_BOUGHT: "saved, as nothing was left to try",
}
"""Words on money that a search left, by the reason for its end."""


def study_money(record: RunRecord) -> Money:
    """Return the dollars of a study, and why some of them are left."""
    money, balance = record.money, record.money.balance
    # The ledger counts whole picodollars. Differences are taken there, where they are exact.
    left = balance.budget - balance.spent
    left_reason = ""
    if left > 0:
        left_reason = _why_left(record)
    seconds = None
    if record.time is not None:
        seconds = record.time.elapsed
    reasons = []
    for reason, calls, cost in money.uncertain:
        reasons.append(Uncertain(reason, calls, to_dollars(cost)))
    return Money(
        budget=to_dollars(balance.budget),
        spent=to_dollars(balance.spent),
        spent_now=to_dollars(money.spent_now),
        settled=to_dollars(balance.settled),
        uncertain=to_dollars(balance.uncertain),
        left=to_dollars(left),
        left_reason=left_reason,
        overshoot=to_dollars(balance.overshoot),
        notional=any(price.notional for price in record.plan.prices.values()),
        seconds=seconds,
        reasons=tuple(reasons),
    )


def _why_left(record: RunRecord) -> str:
    """Return why the study did not buy more; "" if there is nothing to explain."""
    # A time limit, a limit of trials or an interruption says itself why money is left.
    says_itself = record.stopped in ("time", "trials", *PAUSES)
    if record.selection is None and says_itself:
        return ""
    if record.selection is None:
        return "nothing was scored that more money could be spent on"
    short = record.money.holdout_shortage
    if short is not None:
        needed, left = (
            dollars(to_dollars(short.needed)),
            dollars(to_dollars(short.left)),
        )
        return (
            f"the next call of the holdout could cost up to {needed}, "
            f"and {left} were left for it"
        )
    if record.stopped == ENOUGH:
        return SAVED[NO_WORTH]
    if record.stopped == FINISHED and record.ending in SAVED:
        return SAVED[record.ending]
    if record.stopped == FINISHED:
        return "it was kept for telling finalists apart and for the holdout, which needed less"
    if record.stopped != "money":
        return ""
    money = record.money
    reserve = dollars(to_dollars(money.holdout_reserve))
    taken = dollars(to_dollars(money.holdout_spent))
    kept = f"{reserve} were kept for the holdout, which took {taken}"
    short = money.shortage
    # An earlier process came to the end of the money, and its shortage was not recorded.
    if short is None:
        return f"a call is only sent when the most it can cost fits, and {kept}"
    needed, left = dollars(to_dollars(short.needed)), dollars(to_dollars(short.left))
    return (
        f"the next call of the search could cost up to {needed}, "
        f"{left} were left for it, and {kept}"
    )
