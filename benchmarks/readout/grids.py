"""A grid of n, max_tokens and aggregates, evaluated by reading and by buying: what
`benchmarks/readout/` compares.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tune.completion import MANY, Completion, Provider, Request
from tune.pricing.prices import PICODOLLARS, Price
from tune.readout import Reading, read
from tune.readout.trial import Trial
from tune.space import Config, Point
from tune.stats.student_t import t_quantile
from tune.task.example import Example
from tune.task.extract import Extractor
from tune.task.metrics import parse_metric

NS = range(1, 10)
AGGREGATES = ("first", "vote")


class Grid(NamedTuple):
    """One grid, evaluated both ways.

    Attributes:
        name: for people.
        read_dollars: the draws that were read.
        paid_dollars: nine draws for each max_tokens.
        agreeing: of the distinct qualities, how many agree within their intervals.
        cells: how many there are.
        spread: mean standard error of a difference.
        gap: mean absolute difference.
        bias: mean difference, read less bought.
        caps: tokens.
        doubling: how many times fewer dollars if the caps were the largest, a half, a quarter ...
            of it instead.
        seconds: that reading the whole grid took.
    """

    name: str
    read_dollars: float
    paid_dollars: float
    agreeing: int
    cells: int
    spread: float
    gap: float
    bias: float
    caps: tuple[int, ...]
    doubling: float
    seconds: float


@dataclass
class Task:
    """A task on which a grid is evaluated.

    Attributes:
        name: the name in the page.
        provider: the endpoint that answers.
        request: makes the request of an example, with a max_tokens.
        examples: the number of examples, and their targets.
        price: the price of the model.
        extract: takes the answer out of the text.
        caps: the max_tokens, ascending.
        point: the paid point.
    """

    name: str
    provider: Provider
    request: Callable[[int, int], Request]
    examples: Sequence[Example]
    price: Price
    extract: Extractor
    caps: tuple[int, ...]
    point: Point = field(default_factory=lambda: Point({"model": "m", "prompt": "p"}))

    def __post_init__(self) -> None:
        metric = parse_metric("exact_match")
        self.score = lambda answer, position: metric.score(
            answer, self.examples[position]
        )

    async def draws(self, cap: int, numbers: range) -> dict[int, list[Completion]]:
        """Draws of every example, each example's in one call."""
        positions = range(len(self.examples))
        bought = await asyncio.gather(
            *(self.provider.complete(self.request(p, cap), numbers) for p in positions)
        )
        return dict(zip(positions, bought, strict=True))

    def cost(self, draws: dict[int, list[Completion]], cap: int) -> float:
        """Dollars of these draws, had they been bought at this cap: the prompt once a call."""
        total = 0
        for drawn in draws.values():
            total += self.price.cost(
                drawn[0].prompt_tokens,
                sum(min(d.completion_tokens, cap) for d in drawn),
            )
        return total / PICODOLLARS

    def readings(
        self, cap: int, draws: dict[int, list[Completion]], caps: Sequence[int]
    ) -> list[Reading]:
        """The grid's configs with these caps, as draws that were bought at `cap` tell of them."""
        configs = [
            Config({**self.point, "max_tokens": c, "n": n, "aggregate": aggregate})
            for c, n, aggregate in itertools.product(caps, NS, AGGREGATES)
        ]
        trial = Trial(0, self.point, cap, draws=draws)
        return read(
            trial,
            configs,
            extract=self.extract,
            score=self.score,
            worst=0.0,
            price=self.price,
            most_n=MANY,
        )


async def evaluate(task: Task) -> Grid:
    """A grid, both ways. What is bought for the largest max_tokens is not what was read, but fresh."""
    top = task.caps[-1]
    once = await task.draws(top, range(len(NS)))
    began = time.perf_counter()
    ours = {reading.config: reading for reading in task.readings(top, once, task.caps)}
    seconds = time.perf_counter() - began
    theirs: dict[Config, Reading] = {}
    paid = 0.0
    for cap in task.caps:
        bought = await task.draws(
            cap, range(len(NS), 2 * len(NS)) if cap == top else range(len(NS))
        )
        paid += task.cost(bought, cap)
        theirs |= {
            reading.config: reading for reading in task.readings(cap, bought, [cap])
        }
    # One answer is the same by vote, and "first" looks at one answer whatever n is: each quality
    # counts once.
    distinct = [
        config for config in ours if (config.aggregate == "first") == (config.n == 1)
    ]
    gaps = [ours[config].difference(theirs[config]) for config in distinct]
    sure = t_quantile(0.975, len(task.examples) - 1)
    doubling = [max(1, top >> i) for i in range(len(task.caps))]
    spent = task.cost(once, top)
    return Grid(
        name=task.name,
        read_dollars=spent,
        paid_dollars=paid,
        agreeing=sum(
            abs(gap.mean) <= sure * gap.standard_error + 1e-12 for gap in gaps
        ),
        cells=len(gaps),
        spread=float(np.mean([gap.standard_error for gap in gaps])),
        gap=float(np.mean([abs(gap.mean) for gap in gaps])),
        bias=float(np.mean([gap.mean for gap in gaps])),
        caps=task.caps,
        doubling=sum(task.cost(once, cap) for cap in doubling) / spent,
        seconds=seconds,
    )
