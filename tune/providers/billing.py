"""The cost of one call: its token counts at their price, or the provider's own bill where that is
larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tune.completion import Completion, Invoice
from tune.pricing.prices import Price, to_dollars

_SHARE, _ROUNDING = 20, 10**4
"""A provider's bill that differs from ours by more than a twentieth is told, unless the difference
is below a hundred-millionth of a dollar: some providers round.
"""


@dataclass(frozen=True, slots=True)
class Bill:
    """The bill of one call.

    Attributes:
        costs: picodollars of each answer. doubt: what was missing or contradictory in the reported
        usage, in words; "" where nothing was. difference: how the provider's own bill differs from
        ours, in words; "" where the two agree.
    """

    costs: list[int]
    doubt: str = ""
    difference: str = ""


def bill_call(answers: Sequence[Completion], price: Price) -> Bill:
    """Return the cost of the answers of one call; they share its prompt evenly, and the first takes
    what is left over.

    Args:
        answers: all answers of one call; at least one. Each states the whole prompt's tokens.
        price: of the model and tier that answered.
    """
    invoice = answers[0].invoice or Invoice()
    prompt = max(answer.prompt_tokens for answer in answers)
    cached = min(answer.cached_tokens for answer in answers)
    once = price.bill(prompt, 0, cached, invoice.written_tokens)
    alone = [
        price.bill(prompt, a.completion_tokens, cached, invoice.written_tokens) - once
        for a in answers
    ]
    ours = once + sum(alone)
    billed = ours if invoice.billed is None else invoice.billed
    rest = max(ours, billed) - sum(alone)
    costs = [cost + rest // len(answers) for cost in alone]
    costs[0] += rest % len(answers)
    return Bill(costs, invoice.doubt, _difference(ours, billed))


def _difference(ours: int, billed: int) -> str:
    """Say by how much a provider's own bill differs from ours; "" where the two agree."""
    if abs(billed - ours) * _SHARE <= ours or abs(billed - ours) <= _ROUNDING:
        return ""
    return f"it bills ${to_dollars(billed):.6g} for a call that costs ${to_dollars(ours):.6g} at its price"
