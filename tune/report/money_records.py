"""Records of money: the balance of a study, prices, and the estimate."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Charges of calls with an unknown bill, for one reason.

    Attributes:
        reason: why the bill is unknown.
        calls: the number of calls.
        dollars: the most that they can cost.
    """

    reason: str
    calls: int
    dollars: float


@dataclass(frozen=True, slots=True)
class Money:
    """The study's dollars.

    Attributes:
        budget: the most that the study may spend.
        spent: all charges so far, by this process and earlier ones, uncertain charges included.
        spent_now: the part that this process was charged.
        settled: charges with a known bill.
        uncertain: charges for attempts with an unknown outcome, each at its ceiling.
        left: the part of the budget that was not spent.
        left_reason: why it was not spent; "" if there is nothing to explain.
        overshoot: dollars that endpoints billed above the caps they were sent.
        notional: True if some dollars are at prices that are never billed.
        seconds: seconds that the study took, if every price is 0; else None.
        reasons: why charges are uncertain.
    """

    budget: float
    spent: float
    spent_now: float
    settled: float
    uncertain: float
    left: float
    left_reason: str = ""
    overshoot: float = 0.0
    notional: bool = False
    seconds: float | None = None
    reasons: tuple[Uncertain, ...] = ()


@dataclass(frozen=True, slots=True)
class PriceLine:
    """A model's price.

    Attributes:
        model: its name in the space.
        input: dollars per million prompt tokens.
        output: dollars per million completion tokens.
        source: where the price was found.
        date: its date (YYYY-MM-DD), or "".
        matched: the entry of the source that the model's name matched, or "".
        request: dollars for each request, added to those of its tokens.
    """

    model: str
    input: float
    output: float
    source: str
    date: str = ""
    matched: str = ""
    request: float = 0.0


@dataclass(frozen=True, slots=True)
class EstimateRow:
    """The estimate for one answer of a model to a prompt, and the actual numbers.

    Attributes:
        model: its name in the space.
        prompt: the prompt's name.
        predicted: estimated dollars of one answer, at list price, before anything was sent.
        actual: actual dollars of one answer.
        predicted_tokens: estimated tokens of the answer.
        actual_tokens: actual tokens of the answer.
        draws: the number of answers behind the actual means.
        learned: stored draws that the estimate was learned from; 0 if the length was assumed.
        predicted_seconds: estimated seconds of one answer; None if unknown.
        actual_seconds: actual seconds of one answer; None if unknown.
    """

    model: str
    prompt: str
    predicted: float
    actual: float
    predicted_tokens: float
    actual_tokens: float
    draws: int
    learned: int = 0
    predicted_seconds: float | None = None
    actual_seconds: float | None = None
