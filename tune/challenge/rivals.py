"""The frontier that a new model would have to enter: its configs, with the scores and costs that the study holds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tune.errors import StudyError
from tune.evaluate import Evaluator
from tune.readout import Reading
from tune.replay import Recorded, load_steps, read_faults, read_history
from tune.report import Report
from tune.space import Config
from tune.stats import t_quantile
from tune.trial import Trial


@dataclass(frozen=True, slots=True)
class Rival:
    """A config of the frontier.

    Attributes:
        config: its values.
        cost: dollars per request.
        scores: by position in the study's order of examples.
        costs: dollars of each example's request, likewise; NaN where the config cannot answer.
    """

    config: Config
    cost: float
    scores: Mapping[int, float]
    costs: Mapping[int, float]


async def read_rivals(evaluator: Evaluator, report: Report, events: Sequence[Mapping[str, Any]]) -> list[Rival]:
    """The winner, the baseline and the frontier with their scores, from the draws that the study bought.

    Raises:
        StudyError: the store holds no draw of them.
    """
    trials: dict[int, Trial] = {}
    for wave in read_history(events).waves:
        if wave.done:
            await evaluator.replay(load_steps(wave.steps), trials, wave)
    met: dict[int, Trial] = {}
    event = next((event for event in reversed(events) if event["event"] == "holdout"), None)
    if event is not None:
        recorded = Recorded("holdout", event["steps"])
        read_faults(recorded, event)
        await evaluator.replay(load_steps(event["steps"]), met, recorded)
    found: dict[Config, Rival] = {}
    for row in (report.winner, report.baseline, *report.frontier):
        if row is None or row.cost is None or row.config in found:
            continue
        sources = [trials[row.trial]] if row.trial in trials else []
        sources += [trial for trial in met.values() if shares_draws(Config(trial.point), row.config)]
        readings = [reading for trial in sources for reading in evaluator.read(trial, [row.config])]
        if readings:
            scores, costs = (
                {p: float(v) for r in readings for p, v in zip(r.examples, getattr(r, name), strict=True)}
                for name in ("scores", "costs")
            )
            found[row.config] = Rival(row.config, row.cost.mean, scores, costs)
    if not found:
        raise StudyError(
            "the store holds no scored draw of the study's frontier: give the --store that it was run with"
        )
    return list(found.values())


def shares_draws(bought: Config, config: Config) -> bool:
    """Whether what was bought for a config can be read for another exactly: n and aggregate alone may differ."""
    read_off = ("n", "aggregate")
    first, second = ({k: v for k, v in each.items() if k not in read_off} for each in (bought, config))
    return first == second


def best_within(rivals: Sequence[Rival], reading: Reading, sign: float) -> Rival | None:
    """The best of those that cost no more than a new config; None where it is shown to be cheaper than all.

    Args:
        rivals: the frontier.
        reading: the new config.
        sign: 1 where a larger score is better, else -1.
    """
    within = [rival for rival in rivals if not dearer(rival, reading)]
    return max(within, key=lambda r: sign * float(np.mean(list(r.scores.values()))), default=None)


def dearer(rival: Rival, reading: Reading) -> bool:
    """Whether a rival is shown to cost more, on the examples that both answered (one-sided, 95 %).

    A few examples tell a mean cost only roughly, and who is wrongly taken for cheaper would have no rival. Means are
    compared where the rival did not answer these examples.
    """
    if reading.n_examples < 2:
        return False
    own = zip(reading.examples, map(float, reading.costs), strict=True)
    gaps = np.array([rival.costs.get(position, math.nan) - cost for position, cost in own])
    gaps = gaps[np.isfinite(gaps)]
    if len(gaps) < 2:
        return bool(rival.cost > reading.cost)
    return bool(gaps.mean() > t_quantile(0.95, len(gaps) - 1) * gaps.std(ddof=1) / math.sqrt(len(gaps)))
