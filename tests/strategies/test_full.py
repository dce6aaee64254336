"""The strategy that gives every point all examples."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tests.strategies.test_strategies import searcher
from tune.fakes.race import PRICES, FakeLedger, World, play
from tune.search import Observation
from tune.space import Point
from tune.strategies import STRATEGIES


def test_full_brings_every_trial_to_all_examples_and_the_largest_n_one_after_the_other() -> (
    None
):
    world = World(examples=50)
    ledger = FakeLedger(world, 40 * world.unit())
    ledger.drive(STRATEGIES["full"](world.problem(), searcher(world), ledger.left))
    assert len(ledger.points) > 3
    for trial, held in ledger.held.items():
        draws = 1 if ledger.points[trial]["temperature"] == 0 else 5
        assert held == dict.fromkeys(range(50), draws)
    assert [step.trial for wave in ledger.waves for step in wave] == [
        0,
        *range(len(ledger.points)),
    ]


def test_full_goes_on_with_cheaper_points_when_the_dear_ones_cannot_be_paid_for() -> (
    None
):
    world = World(examples=50)
    dear = [
        Point({"model": "large", "prompt": "shots", "temperature": t})
        for t in (0.1, 0.2, 0.3)
    ]
    cheap = Point({"model": "tiny", "prompt": "plain", "temperature": 0.1})
    points = iter([Point({**cheap, "temperature": 0.0}), *dear, cheap])
    told: list[Observation] = []

    def listed(history: Sequence[Observation]) -> Point | None:
        told[:] = history
        return next(points, None)

    _, ledger = play(world, STRATEGIES["full"], listed, 50 * 8 * PRICES["tiny"])
    assert [p["model"] for p in ledger.points.values()] == ["tiny", "tiny"]
    assert [t.point for t in told if math.isnan(t.score)] == dear
