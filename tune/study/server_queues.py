"""The sequence in which servers of one's own are asked: one model after the other.

A server of one's own (Ollama, llama.cpp) often holds one model at a time, and loading another
takes longer than many answers. So models at one address whose price is 0 take turns, and the one
that was asked last begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from tune.providers.stack import Service
from tune.readout.trial import Step

Order: TypeAlias = tuple[Step, int]
"""One example of a step: the step, and the example's position in the study's order."""

HOSTED = ""
"""Stands for all addresses at which models need not take turns."""


class ServerQueues:
    """Puts orders into queues, and remembers the model that each server was asked for last.

    Args:
        services: the models by name.
    """

    def __init__(self, services: Mapping[str, Service]) -> None:
        self._services = services
        self._loaded: dict[str, str] = {}

    def arrange(self, orders: Sequence[Order]) -> list[list[list[Order]]]:
        """Return queues that go side by side; a queue holds groups of orders that take turns."""
        queues: dict[str, dict[str, list[Order]]] = {}
        for order in orders:
            step, _ = order
            model = str(step.point["model"])
            address = self._address(model)
            turn = model
            # A hosted service answers all of its models side by side.
            if address == HOSTED:
                turn = HOSTED
            turns = queues.setdefault(address, {})
            turns.setdefault(turn, []).append(order)
        arranged: list[list[list[Order]]] = []
        for address, turns in queues.items():
            # The model that is in memory goes first, so that one loading is saved.
            last = self._loaded.get(address)
            if last is not None and last in turns:
                queues[address] = {last: turns[last], **turns}
            self._loaded[address] = list(queues[address])[-1]
            arranged.append(list(queues[address].values()))
        return arranged

    def _address(self, model: str) -> str:
        """Return the address of a model that takes turns with others there, else `HOSTED`."""
        service = self._services[model]
        if service.price.is_zero and not service.entry.local:
            return f"at {service.entry.base_url}"
        return HOSTED
