"""Readings and rivals of a challenge with stated scores and costs."""

from __future__ import annotations

from typing import Any

import numpy as np

from tune.fakes.server import Server
from tune.followup.challenge.rivals import (
    Rival,
)
from tune.readout import Reading
from tune.space import Config


def asked(server: Server, before: int) -> list[dict[str, Any]]:
    return [seen.body for seen in server.posts[before:]]


def reading(scores: list[float], costs: list[float], **values: Any) -> Reading:
    config = Config({"model": "new", "prompt": "short", "max_tokens": 8, **values})
    return Reading(
        config,
        0,
        tuple(range(len(scores))),
        np.array(scores),
        np.zeros(len(scores)),
        np.array(costs),
        np.ones(len(scores)),
        False,
    )


def rival(
    scores: list[float], costs: list[float], name: str = "short", start: int = 0
) -> Rival:
    config = Config({"model": "old", "prompt": name, "max_tokens": 8})
    positions = range(start, start + len(scores))
    by_position = (
        dict(zip(positions, values, strict=True)) for values in (scores, costs)
    )
    return Rival(config, float(np.mean(costs)), float(np.mean(scores)), *by_position)
