"""One request to a loaded model: its prompt as tokens, and the draws that are made together."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from tune.completion import Completion, Request
from tune.errors import ProviderError


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """A prompt as the model reads it.

    Attributes:
        ids: its tokens.
        tensor: the same, for openvino-genai.
        blocks: a hash of each full block of tokens together with all before it. They are what the
            prefix cache can hold.
    """

    ids: tuple[int, ...]
    tensor: Any
    blocks: tuple[int, ...]


@dataclass(slots=True, eq=False)
class Job:
    """Draws of one request that are made together.

    Attributes:
        prompt: the prompt.
        request: the request.
        settings: its settings, as numbers.
        numbers: the draws that are asked for.
        future: resolves to the draws; cancelling it takes the job back.
        alone: nothing else may be in the pipeline with it, since the cache was too small once.
        new: blocks of its prompt that were not in the prefix cache when it began.
        unread: tokens of its prompt that are still to be computed, as far as is known.
        started: when the pipeline got it, by the monotonic clock, in seconds.
        handle: the pipeline's own object for it.
    """

    prompt: EncodedPrompt
    request: Request
    settings: Mapping[str, float]
    numbers: range
    future: Future[list[Completion]]
    alone: bool = False
    new: tuple[int, ...] = ()
    unread: int = 0
    started: float = 0.0
    handle: Any = None

    @property
    def greedy(self) -> bool:
        """True where every draw is the same."""
        return self.settings.get("temperature") == 0

    @property
    def width(self) -> int:
        """The number of sequences that it takes in the pipeline."""
        return 1 if self.greedy else len(self.numbers)

    @property
    def seed(self) -> int:
        """The seed that decides the draws, together with the request."""
        return self.request.seed(self.numbers.start)

    def resolve(self, outcome: list[Completion] | ProviderError) -> None:
        """Hand the outcome to the caller, unless it has one or is gone."""
        # A future that a caller has cancelled must not be resolved.
        if self.future.done() or not self.future.set_running_or_notify_cancel():
            return
        if isinstance(outcome, ProviderError):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)
