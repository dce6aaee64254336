"""Draws with known answers, and a metric that counts its calls: helpers for tests of readings."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tune.completion import MANY, Completion
from tune.pricing.prices import Price
from tune.readout import Reading, read
from tune.readout.trial import Trial
from tune.space import Config, Point
from tune.task.extract import parse_extractor

PRICE = Price(1.0, 4.0)


ANSWER = parse_extractor({"pattern": r"Answer: (\w+)"})


TARGET = "blue"


def config(
    n: int = 1,
    max_tokens: int = 64,
    aggregate: str = "first",
    stop: tuple[str, ...] = (),
) -> Config:
    return Config(
        {
            "model": "m",
            "prompt": "p",
            "n": n,
            "max_tokens": max_tokens,
            "aggregate": aggregate,
            "stop": stop,
        }
    )


def draw(
    text: str,
    tokens: int | None = None,
    *,
    seconds: float = 1.0,
    prompt: int = 100,
    **more: Any,
) -> Completion:
    """A draw that stopped by itself; without `tokens` each word is one, and one more ends it."""
    if tokens is None:
        pieces = [
            word if i == 0 else f" {word}" for i, word in enumerate(text.split(" "))
        ]
        more.setdefault(
            "token_ends", tuple(itertools.accumulate(len(piece) for piece in pieces))
        )
        tokens = len(pieces) + 1
    return Completion(
        text, more.pop("finish_reason", "stop"), prompt, tokens, seconds=seconds, **more
    )


def answers(*names: str | None) -> list[Completion]:
    return [draw("no idea" if name is None else f"Answer: {name}") for name in names]


def trial(draws: dict[int, list[Completion]], *, cap: int = 64, **more: Any) -> Trial:
    return Trial(3, Point({"model": "m", "prompt": "p"}), cap, draws, **more)


class Marking:
    """A metric that counts how often it is asked."""

    def __init__(self, right: Sequence[str] = (TARGET,)) -> None:
        self.right = right
        self.asked: Counter[tuple[Any, int]] = Counter()

    def __call__(self, answer: Any, position: int) -> float:
        self.asked[answer, position] += 1
        return float(answer in self.right)


def read_off(bought: Trial, *configs: Config, **more: Any) -> list[Reading]:
    asked: dict[str, Any] = {
        "extract": ANSWER,
        "score": Marking(),
        "worst": 0.0,
        "price": PRICE,
        "most_n": MANY,
    }
    return read(bought, configs, **(asked | more))


def one(bought: Trial, wanted_config: Config, **more: Any) -> Reading:
    (reading,) = read_off(bought, wanted_config, **more)
    return reading
