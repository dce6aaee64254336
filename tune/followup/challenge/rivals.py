"""The frontier that a new model would have to enter: its configs, with the scores and costs that
the study holds.

A study answers few examples with most configs, and many with those that it could not tell apart and
those that met the holdout. So a new config meets two of the frontier: the best that costs no more,
on what few answers there are, and the best that costs no more and has answers enough. Who enters
has beaten both; who falls short of either does not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tune.errors import StudyError
from tune.readout import Reading
from tune.readout.trial import Trial
from tune.report import Report
from tune.space import Config
from tune.stats.student_t import t_quantile
from tune.strategies.measured_truncation import PHASES, record_measured_caps
from tune.study.evaluate import Evaluator
from tune.study.resume import RecordedWave, load_steps, read_faults, read_history


@dataclass(frozen=True, slots=True)
class Rival:
    """A config of the frontier.

    Attributes:
        config: its values. cost: dollars per request. mean: its mean score as the study's frontier
        has it: on tuning examples, so that those of the holdout have no
            say in who is compared.
        scores: by position in the study's order of examples.
        costs: dollars of each example's request, likewise; NaN where the config cannot answer.
    """

    config: Config
    cost: float
    mean: float
    scores: Mapping[int, float]
    costs: Mapping[int, float]

    def answers_from(self, first: int) -> int:
        """How many examples from a position on it has a score for."""
        return sum(position >= first for position in self.scores)


@dataclass(frozen=True, slots=True)
class Opponents:
    """Whom a config of a new model has to stand against, of those that cost no more.

    Attributes:
        rival: the best that has stored answers enough to be paired with.
        best: the best of all, where that has fewer; else None. To enter, both are to be beaten.
        left_out: the others that look better than the rival, and have too few stored answers.
    """

    rival: Rival
    best: Rival | None = None
    left_out: tuple[Rival, ...] = ()

    @property
    def compared(self) -> tuple[Rival, ...]:
        """Those to be beaten, the rival first."""
        return (self.rival,) if self.best is None else (self.rival, self.best)


async def read_rivals(
    evaluator: Evaluator, report: Report, events: Sequence[Mapping[str, Any]]
) -> list[Rival]:
    """The winner, the baseline and the frontier with their scores, from the draws that the study
    bought.

    Raises:
        StudyError: the store holds no draw of them.
    """
    trials: dict[int, Trial] = {}
    measuring: dict[int, Trial] = {}
    for wave in read_history(events).waves:
        if wave.done:
            await evaluator.replay(
                load_steps(wave.steps), measuring if wave.phase in PHASES else trials, wave
            )
    record_measured_caps(trials, measuring)
    met: dict[int, Trial] = {}
    event = next((event for event in reversed(events) if event["event"] == "holdout"), None)
    if event is not None:
        recorded = RecordedWave("holdout", event["steps"])
        read_faults(recorded, event)
        await evaluator.replay(load_steps(event["steps"]), met, recorded)
    found: dict[Config, Rival] = {}
    for row in (report.winner, report.baseline, *report.frontier):
        if row is None or row.few or row.cost is None or row.config in found:
            continue
        held = [trials[row.trial]] if row.trial in trials else []
        readings = [
            reading for trial in held for reading in evaluator.reader.read(trial, [row.config])
        ]
        shared = [trial for trial in met.values() if shares_draws(Config(trial.point), row.config)]
        for trial in sorted(
            shared, key=lambda trial: Config(trial.point).n
        ):  # the most draws have the last word
            readings += [
                reading
                for reading in evaluator.reader.read(trial, [row.config])
                if not reading.approximate
            ]
        chosen_by = row.tuning or row.holdout
        if readings and chosen_by is not None:
            scores, costs = (
                {
                    p: float(v)
                    for r in readings
                    for p, v in zip(r.examples, getattr(r, name), strict=True)
                }
                for name in ("scores", "costs")
            )
            found[row.config] = Rival(row.config, row.cost.mean, chosen_by.mean, scores, costs)
    if not found:
        raise StudyError(
            "the store holds no scored draw of the study's frontier: give the --store that it was run with"
        )
    return list(found.values())


def shares_draws(bought: Config, config: Config) -> bool:
    """Whether what was bought for a config can be read for another: n, aggregate and a smaller cap
    alone may differ.
    """
    read_off = ("n", "aggregate", "max_tokens")
    first, second = (
        {k: v for k, v in each.items() if k not in read_off} for each in (bought, config)
    )
    return first == second and config.max_tokens <= bought.max_tokens


def find_opponents(
    rivals: Sequence[Rival], reading: Reading, sign: float, *, closed: int, enough: int
) -> Opponents | None:
    """Whom a new config has to stand against; None where it is shown to be cheaper than all.

    Args:
        rivals: the frontier. reading: the new config. sign: 1 where a larger score is better, else
        -1. closed: the first so many examples are not for the verdict. enough: so many stored
        answers to other examples are enough; half as many as any has are, too.
    """
    within = sorted(
        (each for each in rivals if not is_more_expensive(each, reading)),
        key=lambda each: -sign * each.mean,
    )
    if not within:
        return None
    most = max(each.answers_from(closed) for each in within)
    rival = next(each for each in within if each.answers_from(closed) >= min(enough, most / 2))
    better = within[: within.index(rival)]
    return Opponents(rival, better[0] if better else None, tuple(better[1:]))


def is_more_expensive(rival: Rival, reading: Reading) -> bool:
    """Whether a rival is shown to cost more, on the examples that both answered (one-sided, 95 %).

    A few examples tell a mean cost only roughly, and who is wrongly taken for cheaper would have no
    rival. Means are compared where the rival did not answer these examples.
    """
    if reading.n_examples < 2:
        return False
    own = zip(reading.examples, map(float, reading.costs), strict=True)
    gaps = np.array([rival.costs.get(position, math.nan) - cost for position, cost in own])
    gaps = gaps[np.isfinite(gaps)]
    if len(gaps) < 2:
        return bool(rival.cost > reading.cost)
    return bool(
        gaps.mean() > t_quantile(0.95, len(gaps) - 1) * gaps.std(ddof=1) / math.sqrt(len(gaps))
    )
