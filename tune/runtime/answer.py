"""The answer of a tuned configuration, and the sums over many answers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tune.pricing.amounts import dollars
from tune.pricing.prices import to_dollars
from tune.providers.metered import Receipt
from tune.readout.aggregate import Extracted
from tune.readout.answers import ChosenAnswer, ReadDraw


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one question.

    Attributes:
        answer: what the answer rule found, aggregated as it was tuned; a tuple of every answer for
            the aggregate "all"; for calls of tools their canonical JSON. None is an abstention: the
            rule found nothing.
        text: the whole text of the first draw that carries the answer; "" where no draw does. With
            one draw it is the text of that draw, whatever the rule finds.
        draws: every draw with its own answer and text, in the order drawn.
        agreement: the share of the draws that carry the answer; 0 where it abstains.
        cost: dollars of everything that was bought for it, other entries included; None where no
            price is known.
        seconds: from the question to the answer.
        model: the model that answered, as the service names it.
        entry: the entry that answered, by its name in the configuration or the config list.
        accepted: False where `accept` refused the answer of every entry; this is the last one's.
    """

    answer: Extracted | tuple[Extracted, ...]
    text: str
    draws: tuple[ReadDraw, ...]
    agreement: float
    cost: float | None
    seconds: float
    model: str
    entry: str
    accepted: bool = True

    @property
    def abstained(self) -> bool:
        """True where the answer rule found nothing to choose."""
        return self.answer is None

    @property
    def carrier(self) -> ReadDraw | None:
        """The draw that `text` and `tool_calls` are from; None where no draw carries the answer."""
        for draw in self.draws:
            if self.answer is None:
                # With one draw there was nothing to choose between.
                return draw if len(self.draws) == 1 else None
            # The aggregate "all" has an answer of every draw.
            is_one_of_all = isinstance(self.answer, tuple) and draw.answer is not None
            if draw.answer == self.answer or is_one_of_all:
                return draw
        return None

    @property
    def tool_calls(self) -> tuple[dict[str, Any], ...]:
        """The calls of tools of the chosen draw, in the form of chat completions."""
        carrier = self.carrier
        if carrier is None or not carrier.completion.tool_calls:
            return ()
        return tuple(json.loads(carrier.completion.tool_calls))

    @property
    def message(self) -> dict[str, Any]:
        """The answer as a message of the assistant, to go on with a conversation."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text}
        if self.tool_calls:
            message["tool_calls"] = list(self.tool_calls)
        return message

    def __str__(self) -> str:
        return self.text


def text_of(choice: ChosenAnswer) -> str:
    """Return the whole text of an answer; "" for an abstention of several draws."""
    if choice.draw is not None:
        return choice.draw.text
    # A user's own aggregate may make up an answer that no draw has.
    return choice.answer if isinstance(choice.answer, str) else ""


@dataclass(frozen=True, slots=True)
class EntryUsage:
    """Sums over what was asked.

    Attributes:
        entry: the entry that was asked, by its name.
        answers: answers that came of it.
        abstained: those of them that abstained.
        calls: attempts at calls, retries included.
        failed: those of them that brought nothing.
        draws: draws that were bought.
        prompt_tokens: tokens of prompts, counted once for each call.
        completion_tokens: tokens of all draws, hidden reasoning included.
        cost: dollars; None where no price is known.
        seconds: of all answers, added up.
    """

    entry: str
    answers: int = 0
    abstained: int = 0
    calls: int = 0
    failed: int = 0
    draws: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = 0.0
    seconds: float = 0.0

    def __str__(self) -> str:
        cost = "at no known price"
        if self.cost is not None:
            cost = dollars(self.cost)
        return (
            f"{self.entry}: {self.answers:,} answers ({self.abstained:,} abstained) of "
            f"{self.draws:,} draws in {self.calls:,} calls ({self.failed:,} failed), "
            f"{self.prompt_tokens:,} prompt and {self.completion_tokens:,} completion tokens, "
            f"{cost}"
        )


class Tally:
    """Counts what one entry was asked.

    Args:
        entry: its name.
        priced: whether its price is known.
    """

    def __init__(self, entry: str, *, priced: bool) -> None:
        self._entry = entry
        self._priced = priced
        self._picodollars = 0
        self._answers = self._abstained = 0
        self._calls = self._failed = self._draws = 0
        self._prompt = self._completion = 0
        self._seconds = 0.0

    def add_receipt(self, receipt: Receipt) -> None:
        """Count an attempt at a call."""
        self._calls += 1
        self._failed += receipt.state != "settled"
        self._draws += receipt.draws
        self._prompt += receipt.prompt_tokens
        self._completion += receipt.completion_tokens
        self._picodollars += receipt.cost

    def add_answer(self, answer: Answer) -> None:
        """Count an answer."""
        self._answers += 1
        self._abstained += answer.abstained
        self._seconds += answer.seconds

    @property
    def usage(self) -> EntryUsage:
        """The sums so far."""
        return EntryUsage(
            entry=self._entry,
            answers=self._answers,
            abstained=self._abstained,
            calls=self._calls,
            failed=self._failed,
            draws=self._draws,
            prompt_tokens=self._prompt,
            completion_tokens=self._completion,
            cost=to_dollars(self._picodollars) if self._priced else None,
            seconds=self._seconds,
        )


def cost_of(receipts: Iterable[Receipt]) -> float:
    """Return the dollars of attempts."""
    return to_dollars(sum(receipt.cost for receipt in receipts))
