"""Finished searches for tests of reports: configurations of one model, and readings of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tests.support.house import POINT, House, unsure
from tune.readout import Reading
from tune.readout.trial import Step, Trial
from tune.space import Config, Point, Space
from tune.strategies import Selection
from tune.study.record import RunRecord


def reading(mean: float, cost: float, examples: int = 8, **config: Any) -> Reading:
    values = {"model": "m", "prompt": "p", "max_tokens": 8, **config}
    known = np.zeros(examples)
    return Reading(
        Config(values),
        0,
        tuple(range(examples)),
        known + mean,
        known,
        known + cost,
        known + 1.0,
        approximate=False,
    )


async def met(house: House, config: Config) -> Reading:
    """A config's reading on the holdout."""
    first, last = len(house.plan.split.tuning), len(house.plan.examples)
    trials: dict[int, Trial] = {}
    step = Step(0, config, tuple(range(first, last)), config.n, config.max_tokens)
    await house.run.evaluator.run([step], trials)
    return house.run.evaluator.reader.read(trials[0], [config])[0]


def recorded(choice: Config, baseline: Config, positions: list[int]) -> dict[str, Any]:
    """What a journal has of a holdout that choice and baseline met."""
    steps = [
        [trial, dict(config), positions, 1, 8]
        for trial, config in enumerate((choice, baseline))
    ]
    return {"steps": steps, "unanswered": [], "config_failed": [], "failed": []}


async def searched(
    build: Callable[..., House], **options: Any
) -> tuple[House, RunRecord]:
    """A study of three temperatures, the baseline among them, whose choice met the holdout."""
    space = Space(
        model="m", prompt={"p": "{text}"}, temperature=[0.2, 0.5, 0.8], max_tokens=2
    )
    house = build(unsure, space=space, baseline={"temperature": 0.5}, **options)
    for trial, heat in enumerate((0.2, 0.5, 0.8)):
        await house.buy(
            Point({**POINT, "temperature": heat}),
            len(house.plan.split.tuning),
            1,
            trial,
            cap=2,
        )
    first, _, third = (
        house.run.standings.current()[trial].readings[0] for trial in range(3)
    )
    second = house.run.standings.current()[1].readings[0]
    assert second.config == house.plan.baseline
    holdout = {
        config: await met(house, config)
        for config in (first.config, house.plan.baseline)
    }
    choice = Selection(first, (third, second), feasible=True)
    return house, house.record(choice, first, holdout)


async def unbought(build: Callable[..., House]) -> tuple[House, RunRecord]:
    """A study that chose a vote of three for whose point single answers were bought, and that met
    the holdout.
    """
    house = build(unsure, baseline={"n": 1, "max_tokens": 2})
    await house.buy(examples=len(house.plan.split.tuning), draws=1, cap=2)
    (read,) = (
        r for r in house.run.standings.current()[0].readings if r.config.max_tokens == 2
    )
    extrapolated = replace(
        read,
        config=Config({**read.config, "n": 3, "aggregate": "vote"}),
        costs=3 * read.costs,
    )
    holdout = {
        config: await met(house, config)
        for config in (extrapolated.config, house.plan.baseline)
    }
    choice = Selection(read, (), feasible=True, extrapolated=extrapolated)
    return house, house.record(choice, read, holdout)
