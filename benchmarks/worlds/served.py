"""A table behind HTTP, for methods that bring a client of their own: an OpenAI-compatible server
with an exact bill.

    with Served(table, seed) as served:
        ...                     # a client with the base URL served.url
    served.picodollars          # what it would have cost

It answers `POST /v1/chat/completions` with `n` draws of `ReplayEndpoint`. The last message says
"NAME EXAMPLE", the recorded prompt and the position. Each answer is a new draw of its request,
numbered in the order of asking: nothing is served twice. A temperature between those of the table
counts as the nearest, and a max_tokens above what the table holds as the most it holds.
"""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Self

from benchmarks.worlds.answering import answering, chat_completion
from benchmarks.worlds.replay import Cell, ReplayEndpoint, Table
from tune.completion import Completion, Request
from tune.pricing.prices import to_dollars
from tune.readout.truncate import cut


class Served:
    """See the top of this file.

    Args:
        table: what is served.
        seed: of the draws.

    Attributes:
        calls: answered so far.
        draws: in those calls.
        picodollars: of those calls, at the table's prices.
        url: for clients, once inside `with`.
    """

    def __init__(self, table: Table, seed: int) -> None:
        self.table, self.calls, self.draws, self.picodollars, self.url = (
            table,
            0,
            0,
            0,
            "",
        )
        self._endpoint = ReplayEndpoint(table, seed)
        self._drawn: Counter[Request] = Counter()
        self._lock, self._open = threading.Lock(), ExitStack()

    @property
    def dollars(self) -> float:
        """The bill."""
        return to_dollars(self.picodollars)

    def __enter__(self) -> Self:
        self.url = self._open.enter_context(
            answering(lambda body, _: self.respond(body))
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def respond(self, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to one body, billed.

        Raises:
            ValueError: the table has no such model, prompt or example.
        """
        asked = self._request(body)
        with self._lock:
            first = self._drawn[asked]
            self._drawn[asked] += (n := int(body.get("n") or 1))
            drawn = [
                _stopped(self._endpoint.draw(asked, first + i), asked) for i in range(n)
            ]
            prompt, said = (
                drawn[0].prompt_tokens,
                sum(draw.completion_tokens for draw in drawn),
            )
            self.calls, self.draws = self.calls + 1, self.draws + n
            self.picodollars += self.table.prices[asked.model].cost(prompt, said)
            number = self.calls
        texts = [(draw.text, draw.finish_reason) for draw in drawn]
        return chat_completion(
            number, asked.model, texts, prompt_tokens=prompt, completion_tokens=said
        )

    def _request(self, body: dict[str, Any]) -> Request:
        text = str(body["messages"][-1]["content"])
        name, _, example = text.partition(" ")
        cell = nearest(
            self.table, str(body["model"]), name, float(body.get("temperature", 1.0))
        )
        if not example.isdecimal() or int(example) >= len(self.table.targets):
            raise ValueError(
                f"the table has {len(self.table.targets)} examples, but got {text!r}"
            )
        most = self.table.caps[cell]
        stop = body.get("stop") or ()
        return Request(
            self._endpoint.service,
            cell.model,
            text,
            min(int(body.get("max_tokens") or most), most),
            (stop,) if isinstance(stop, str) else tuple(stop),
            (("temperature", cell.temperature),),
        )


def nearest(table: Table, model: str, prompt: str, temperature: float) -> Cell:
    """The cell that stands for these settings.

    Raises:
        ValueError: the table has none.
    """
    near = [
        cell for cell in table.cells if (cell.model, cell.prompt) == (model, prompt)
    ]
    if not near:
        raise ValueError(f"the table has no model {model!r} with a prompt {prompt!r}")
    return min(near, key=lambda cell: abs(cell.temperature - temperature))


def _stopped(draw: Completion, request: Request) -> Completion:
    """A draw up to the first of the request's stop strings."""
    said = cut(draw, request.max_tokens, request.stop)
    return replace(
        draw,
        text=said.text,
        completion_tokens=said.tokens,
        finish_reason=said.finish_reason,
    )
