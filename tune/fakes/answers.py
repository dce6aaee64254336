"""The answers of the fake server before anything goes wrong: texts, token counts and usage."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tune.fakes.faults import Body, Fault, Model
from tune.fakes.world import first_tokens, tokens

TextSource = Callable[[str, str, Mapping[str, Any], int, int], str]
"""The text of an answer from (model, prompt, settings, seed, index of the choice)."""


@dataclass
class FakeAnswer:
    """A complete answer, before a fault changes it."""

    key: str
    model: str
    chat: bool
    prompt_tokens: int
    texts: list[str]
    reasons: list[str]
    completion_tokens: list[int]
    spec: Model
    name: str = "cmpl"

    def record(self) -> Body:
        """Return the body of the answer in the form of OpenAI's API."""
        choices = []
        for index, text in enumerate(self.texts):
            choice: Body = {
                "index": index,
                "finish_reason": self.reasons[index],
                "logprobs": None,
            }
            if self.chat:
                choice["message"] = {"role": "assistant", "content": text}
            else:
                choice["text"] = text
            choices.append(choice)
        record: Body = {
            "id": self.name,
            "object": "chat.completion" if self.chat else "text_completion",
            "created": 0,
            "model": self.model,
            "choices": choices,
        }
        if self.spec.tier:
            record["service_tier"] = self.spec.tier
        record["usage"] = self.usage(sum(self.completion_tokens))
        return record

    def usage(self, completion_tokens: int) -> Body:
        """Return the token counts as the API reports them."""
        spec = self.spec
        record: Body = {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": self.prompt_tokens + completion_tokens,
        }
        if spec.cached:
            cached = min(spec.cached, self.prompt_tokens)
            record["prompt_tokens_details"] = {"cached_tokens": cached}
        if spec.reasoning:
            hidden = sum(min(spec.reasoning, count) for count in self.completion_tokens)
            # xAI counts reasoning beside the completion; Gemini's compatible endpoint shows it only
            # as the gap between the total and the two other counts.
            if spec.counts != "inside":
                record["completion_tokens"] -= hidden
            if spec.counts != "total":
                record["completion_tokens_details"] = {"reasoning_tokens": hidden}
        if spec.own_bill:
            record[spec.own_bill] = self._stated_bill(completion_tokens)
        return record

    def _stated_bill(self, completion_tokens: int) -> float | int:
        """Return the bill in the unit of the field that states it."""
        picodollars = self.spec.cost(self.prompt_tokens, completion_tokens)
        billed = Fraction(picodollars, 10**12)
        if self.spec.own_bill == "cost_in_usd_ticks":
            # xAI's tick is a ten-billionth of a dollar.
            return int(billed * 10**10)
        return float(billed)


def make_answer(
    world: TextSource,
    body: Body,
    model: Model,
    fault: Fault | None,
    *,
    chat: bool,
    seed: int,
    key: str,
) -> FakeAnswer:
    """Write the answer to a request.

    Args:
        world: makes the texts.
        body: the request.
        model: the model that answers.
        fault: the fault of the request; some faults change the answer itself.
        chat: the request came to the endpoint for chats.
        seed: the seed of the texts.
        key: the same for requests with the same body.
    """
    prompt = prompt_text(body)
    stops = _stop_strings(body)
    cap = _cap(body, model, chat=chat)
    n = int(body.get("n", 1))
    if fault and fault.kind == "fewer":
        n = 1
    texts, reasons, counts = [], [], []
    for index in range(n):
        text = world(body["model"], prompt, body, seed, index)
        shown, reason, count = _finish(text, cap, stops, model, fault)
        texts.append(shown)
        reasons.append(reason)
        counts.append(count)
    return FakeAnswer(
        key,
        body["model"],
        chat,
        min(count_prompt_tokens(body), model.reads),
        texts,
        reasons,
        counts,
        model,
    )


def _finish(
    text: str, cap: int, stops: Sequence[str], model: Model, fault: Fault | None
) -> tuple[str, str, int]:
    """Return the shown part of a text, its finish reason and the tokens that are counted."""
    most, hidden = max(0, cap - model.reasoning), min(cap, model.reasoning)
    if model.uncapped:
        most, hidden = cap, model.reasoning
    if fault and fault.kind == "overbill":
        most = 2 * cap
        text = " ".join([text] * most)
    cut = first_tokens(text, most)
    shown = cut_at_stop(cut, stops)
    stopped = any(stop in cut for stop in stops)
    reason = "stop"
    # A text that a stop string ended has that reason, even if the cap would have ended it later.
    if not stopped and tokens(text) > most:
        reason = "length"
    if fault and fault.kind == "filtered":
        reason = "content_filter"
    return shown, reason, hidden + tokens(shown)


def request_key(body: Body) -> str:
    """Return the same key for requests with the same body."""
    return json.dumps(body, sort_keys=True)


def cut_at_stop(text: str, stops: Sequence[str]) -> str:
    """Return the text before the first of these stop strings."""
    ends = [text.find(stop) for stop in stops if stop in text]
    return text[: min(ends)] if ends else text


def prompt_text(body: Body) -> str:
    """Return the text of a prompt: its messages, one a line, or the prompt itself."""
    if "messages" in body:
        return "\n".join(str(message["content"]) for message in body["messages"])
    return str(body["prompt"])


def count_prompt_tokens(body: Body) -> int:
    """Count the tokens of a prompt.

    A chat has 3 tokens more for each message, and 3 for the start of the answer.
    """
    count = tokens(prompt_text(body))
    if "messages" in body:
        # The overhead of a chat, as OpenAI's cookbook counts it for its models:
        # "How to count tokens with tiktoken".
        count += 3 * len(body["messages"]) + 3
    return count


def _stop_strings(body: Body) -> list[str]:
    stop = body.get("stop")
    if isinstance(stop, str):
        return [stop]
    return stop or []


def _cap(body: Body, model: Model, *, chat: bool) -> int:
    # 16 is the default of OpenAI's older endpoint for completions; chats have no default cap.
    default = model.context if chat else 16
    return int(body.get("max_completion_tokens") or body.get("max_tokens") or default)
