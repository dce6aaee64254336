"""Lengths and times of answers that stand in the store, for answers that are still to be bought."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from tune.completion import Endpoint, Message, Request
from tune.plan.plan import Plan
from tune.plan.stored_requests import PromptMatcher, is_same_kind, messages_of
from tune.plan.token_counts import prompt_tokens
from tune.store.draws import Store

COUNTED = 200
"""Stored requests of a model whose prompts are counted, to correct the counting."""

REACH = 1.645
"""Standard errors on either side of a span: nine spans in ten hold the truth."""

OTHER_SETTINGS = 0.2
"""Standard deviation of the logarithm of lengths between temperatures, and between sets of rows."""

OTHER_MODELS = 0.4
"""The same between models that answer one prompt."""

NEARLY = 0.9
"""Answers whose mean length is this share of their cap were cut.

With a larger cap they may be as long as that cap allows.
"""


class LearnedLength(NamedTuple):
    """The length of answers, as far as bought ones tell.

    Attributes:
        tokens: mean under the cap.
        draws: the number of draws in the mean.
        span: the least and the most that the mean may be.
    """

    tokens: float
    draws: int
    span: tuple[float, float]


class _Row(NamedTuple):
    """The answers to one stored request: their number, their cap, and mean tokens and seconds."""

    draws: int
    cap: int
    tokens: float
    seconds: float


class _CountedPrompt(NamedTuple):
    """The prompt of one stored request: its tokens as billed and as counted, and its draws."""

    billed: float
    counted: int
    draws: int


class StoredLengths:
    """The lengths and times of stored answers, by model and prompt of a plan.

    Args:
        plan: the checked order.
        endpoints: of the space's models, by name; nothing is sent to them.
        store: holds what was bought before, if anything.
    """

    def __init__(
        self, plan: Plan, endpoints: Mapping[str, Endpoint], store: Store | None
    ) -> None:
        self._rows: dict[tuple[str, str], list[_Row]] = defaultdict(list)
        self._prompts: dict[str, list[_CountedPrompt]] = defaultdict(list)
        held = [] if store is None else store.lengths()
        if not held:
            return
        # The store knows a model by its service; the plan by its name in the space.
        names = {}
        for name, entry in plan.entries.items():
            names[endpoints[name].service, entry.model] = name
        matcher = PromptMatcher(plan)
        # Each row holds the answers of one request: their number, and the means of the rest.
        for text, billed, tokens, seconds, draws in held:
            record = json.loads(text)
            model = names.get((record["service"], record["model"]))
            prompt = None if model is None else matcher.prompt_of(record)
            if model is None or prompt is None or not is_same_kind(plan, model, record):
                continue
            self._rows[model, prompt].append(
                _Row(draws, record["max_tokens"], tokens, seconds)
            )
            if len(self._prompts[model]) < COUNTED:
                request = _stored_request(plan, model, record)
                counted = prompt_tokens(endpoints[model], plan.entries[model], request)
                self._prompts[model].append(_CountedPrompt(billed, counted, draws))

    def correction(self, model: str) -> float:
        """Return the factor from counted prompt tokens of a model to billed ones."""
        billed, counted = 0.0, 0
        for row in self._prompts[model]:
            billed += row.billed * row.draws
            counted += row.counted * row.draws
        return billed / counted if counted else 1.0

    def length(self, model: str, prompt: str, cap: int) -> LearnedLength | None:
        """Return the length of answers to a prompt under a cap; None without any stored answer.

        Answers of this model come first; without any, those of other models count.
        """
        # The same template may have met other rows, and other temperatures; both are alike.
        own = self._rows.get((model, prompt))
        rows = own or self._of_prompt(prompt)
        # Answers that were bought with a smaller cap may have been cut.
        rows = [row for row in rows if row.cap >= cap] or rows
        draws, tokens, was_cut = 0, 0.0, False
        for row in rows:
            draws += row.draws
            tokens += row.draws * row.tokens
            was_cut |= row.tokens > NEARLY * row.cap and row.cap < cap
        if not draws:
            return None
        mean = tokens / draws
        factor = self._factor(rows, mean, is_own=bool(own))
        # One token more, so that a label of one token has some room.
        most = float(cap) if was_cut else mean * factor + 1.0
        least = mean / factor
        shown = min(float(cap), mean)
        span = max(1.0, min(shown, least)), min(float(cap), most)
        return LearnedLength(shown, draws, span)

    def _factor(self, rows: list[_Row], mean: float, *, is_own: bool) -> float:
        """Return the possible error of the mean as a factor.

        Sampling, other settings and other models have a part in it.

        The errors are added on the scale of logarithms, where they are about normal.
        """
        squares = sum((row.tokens - mean) ** 2 for row in rows)
        deviation = math.sqrt(squares / max(1, len(rows) - 1))
        sampling = deviation / max(mean, 1.0) / math.sqrt(len(rows))
        models = 0.0 if is_own else OTHER_MODELS
        return math.exp(REACH * math.hypot(sampling, OTHER_SETTINGS, models))

    def time(self, model: str, prompt: str, tokens: float) -> tuple[float | None, int]:
        """Return the seconds of an answer of so many tokens, and the draws that they are from.

        Draws of the same prompt come first. Without any, those of the model's other prompts count,
        by their seconds per token. The seconds are None without any timed draw of the model.
        """
        rows = self._rows.get((model, prompt)) or self._of_model(model)
        written, taken, draws = 0.0, 0.0, 0
        for row in rows:
            # Draws from before seconds were kept have none.
            if row.seconds > 0:
                written += row.draws * row.tokens
                taken += row.draws * row.seconds
                draws += row.draws
        if not written:
            return None, 0
        return max(1.0, tokens) * taken / written, draws

    def _of_prompt(self, prompt: str) -> list[_Row]:
        found: list[_Row] = []
        for (_, name), rows in self._rows.items():
            if name == prompt:
                found += rows
        return found

    def _of_model(self, model: str) -> list[_Row]:
        found: list[_Row] = []
        for (name, _), rows in self._rows.items():
            if name == model:
                found += rows
        return found


def _stored_request(plan: Plan, model: str, record: Mapping[str, Any]) -> Request:
    """Return a stored request's prompt, to count its tokens."""
    messages = messages_of(record)
    prompt: str | tuple[Message, ...]
    if "text" in record:
        prompt = messages[0][1]
    else:
        prompt = tuple(Message(role, content) for role, content in messages)
    return Request(
        service="",
        model=plan.entries[model].model,
        prompt=prompt,
        max_tokens=record["max_tokens"],
    )
