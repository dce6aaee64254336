"""Processor time of one step of the default strategy: from an outcome to the next wave.

The search is on a made-up task whose quality is known, with 200 trials bought. Nothing is sent.
"""

from __future__ import annotations

import statistics
import time
import zlib

from tune.fakes.race import World, some_space
from tune.space import Point, Uniform
from tune.strategies import Outcome, Standing
from tune.strategies.knowledge_gradient import KnowledgeGradient

TRIALS = 200
EXAMPLES = (1_000, 5_000)
STEPS = 12

_MONEY = 1000.0


def quality(point: Point) -> float:
    """Return the true score of a point: between 0.4 and 0.8, without any order."""
    return 0.4 + 0.4 * (zlib.crc32(str(point.key).encode()) % 97) / 97


def seconds_of_steps(
    examples: int, trials: int = TRIALS, steps: int = STEPS
) -> list[float]:
    """Return the seconds that each step took once so many trials were bought."""
    world = World(
        space=some_space(temperature=Uniform(0, 1.2, 0.01)),
        examples=examples,
        quality=quality,
    )
    points = iter(list(world.space.points(world.free))[::3])
    search = KnowledgeGradient()(world.problem(), lambda _: next(points, None), _MONEY)
    wave = search.send(None)  # type: ignore[arg-type]
    standings: dict[int, Standing] = {}
    took: list[float] = []
    while len(took) < steps:
        for step in wave:
            held = dict.fromkeys(range(step.examples[-1] + 1), step.draws)
            standings[step.trial] = world.standing(step.trial, step.point, held)
        outcome = Outcome(dict(standings), _MONEY, complete=True)
        began = time.process_time()
        wave = search.send(outcome)
        if len(standings) >= trials:
            took.append(time.process_time() - began)
    return took


def lines() -> list[str]:
    """Measure, and return the table."""
    found = [
        f"One step of the default strategy with {TRIALS} trials bought: milliseconds of processor",
        f"time, the median of {STEPS} steps.",
        "",
        "| examples | median, ms | least, ms | most, ms |",
        "| ---: | ---: | ---: | ---: |",
    ]
    for examples in EXAMPLES:
        took = [1e3 * seconds for seconds in seconds_of_steps(examples)]
        found.append(
            f"| {examples:,} | {statistics.median(took):.0f} | {min(took):.0f} "
            f"| {max(took):.0f} |"
        )
    return found
