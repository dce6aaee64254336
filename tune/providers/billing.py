"""The cost of one call: our price of its tokens, or the provider's own bill if that is larger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tune.completion import Completion, Invoice, Request
from tune.pricing.amounts import dollars
from tune.pricing.prices import Price, to_dollars
from tune.providers.tariff import Tariff

# A provider's bill is worth a notice where it differs from ours by more than a twentieth.
_SHARE = 20

# Some providers round their bills: a difference of a hundred-millionth of a dollar, in picodollars,
# is not worth a notice.
_ROUNDING = 10**4


@dataclass(frozen=True, slots=True)
class Bill:
    """The bill of one call.

    Attributes:
        costs: picodollars of each answer.
        usage_problem: what was missing or contradictory in the reported usage, in words; "" where
            all is well.
        difference: how the provider's own bill differs from ours, in words; "" where they agree.
        prompt_tokens: tokens of the call's prompt, counted once.
        completion_tokens: tokens of all its answers.
    """

    costs: list[int]
    usage_problem: str = ""
    difference: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0


def bill_call(answers: Sequence[Completion], price: Price) -> Bill:
    """Return the cost of the answers of one call.

    They share the cost of its prompt evenly, and the first takes the remainder.

    Args:
        answers: all answers of one call; at least one. Each states the whole prompt's tokens.
        price: of the model and tier that answered.
    """
    invoice = answers[0].invoice or Invoice()
    # Each answer of a call should state the same prompt. Where they do not, the most
    # expensive reading holds: the largest prompt, with the least of it read from a cache.
    prompt = max(answer.prompt_tokens for answer in answers)
    cached = min(answer.cached_tokens for answer in answers)
    written = invoice.written_tokens
    prompt_cost = price.bill(prompt, 0, cached, written)
    answer_costs: list[int] = []
    for answer in answers:
        with_prompt = price.bill(prompt, answer.completion_tokens, cached, written)
        answer_costs.append(with_prompt - prompt_cost)
    ours = prompt_cost + sum(answer_costs)
    billed = ours if invoice.billed is None else invoice.billed
    shared = max(ours, billed) - sum(answer_costs)
    costs = [cost + shared // len(answers) for cost in answer_costs]
    costs[0] += shared % len(answers)
    return Bill(
        costs,
        invoice.usage_problem,
        _difference(ours, billed),
        prompt_tokens=prompt,
        completion_tokens=sum(answer.completion_tokens for answer in answers),
    )


def bill_calls(
    answers: Sequence[Completion],
    request: Request,
    tariff: Tariff | None,
    *,
    most_n: int,
) -> list[Bill]:
    """Return the bill of each call; at most `most_n` answers share one.

    Args:
        answers: of one order.
        request: what was asked.
        tariff: the prices of what may have answered; None where nothing is known of them.
        most_n: the answers of one call.
    """
    bills: list[Bill] = []
    for start in range(0, len(answers), most_n):
        call = answers[start : start + most_n]
        if tariff is None:
            bills.append(bill_call(call, Price(0.0, 0.0)))
            continue
        price = tariff.price_of_answer(call[0], request)
        bill = bill_call(call, price)
        higher = tariff.explain_higher_price(call[0], price)
        if higher and not bill.difference:
            bill = replace(bill, difference=higher)
        bills.append(bill)
    return bills


def _difference(ours: int, billed: int) -> str:
    """Say by how much a provider's own bill differs from ours; "" where the two agree."""
    difference = abs(billed - ours)
    if difference * _SHARE <= ours or difference <= _ROUNDING:
        return ""
    return (
        f"it bills {dollars(to_dollars(billed))} for a call "
        f"that costs {dollars(to_dollars(ours))} at its price"
    )
