"""The frontier that a new model must enter: its configs with the scores and costs of the study.

A study answers few examples with most configs. It answers many with the configs that it could not
tell apart, and with those that met the holdout. So a new config is compared with two of the
frontier: the best that costs no more, on the few answers that there are, and the best that costs no
more and has enough answers. To enter, it must beat both; falling short of either keeps it out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tune.errors import StudyError
from tune.readout import Reading
from tune.readout.shared_draws import shares_draws
from tune.readout.trial import Trial
from tune.report import Report, ReportConfig
from tune.result.frontier import FEW_SHARE, FEWEST
from tune.space import Config
from tune.stats.student_t import t_quantile
from tune.strategies import measured_truncation, tried_settings
from tune.strategies.measured_truncation import record_measured_caps
from tune.study.evaluate import Evaluator
from tune.study.resume import RecordedWave, load_steps, read_faults, read_history


@dataclass(frozen=True, slots=True)
class Rival:
    """A config of the frontier.

    Attributes:
        config: its values.
        cost: dollars per request.
        mean: its mean score on tuning examples, as the study's frontier has it. Scores of the
            holdout have no part in the choice of rivals.
        scores: by position in the study's order of examples.
        costs: dollars of each example's request, by position; NaN where the config cannot answer.
        few: it may look good by luck, as the study asked it on few tuning examples. The winner is
            never marked: the study selected it.
    """

    config: Config
    cost: float
    mean: float
    scores: Mapping[int, float]
    costs: Mapping[int, float]
    few: bool = False

    def answers_from(self, first: int) -> int:
        """Count the examples from a position on that have a score."""
        return sum(position >= first for position in self.scores)


@dataclass(frozen=True, slots=True)
class Opponents:
    """Configs that a config of the new model must beat, of those that cost no more.

    Attributes:
        rival: the best that has enough stored answers.
        best: the best of all, where that has fewer; else None.
        left_out: the others that look better than the rival, and have too few stored answers.
    """

    rival: Rival
    best: Rival | None = None
    left_out: tuple[Rival, ...] = ()

    @property
    def compared(self) -> tuple[Rival, ...]:
        """The configs to beat, the rival first."""
        return (self.rival,) if self.best is None else (self.rival, self.best)


async def read_rivals(
    evaluator: Evaluator, report: Report, events: Sequence[Mapping[str, Any]]
) -> list[Rival]:
    """Return the winner, the baseline and the frontier with their scores, from stored draws.

    Raises:
        StudyError: the store holds no draw of them.
    """
    trials = _replay_search(evaluator, events)
    met = _replay_holdout(evaluator, events)
    enough = _enough_examples(trials.values())
    found: dict[Config, Rival] = {}
    for row in (report.winner, report.baseline, *report.frontier):
        # The winner and the baseline are mostly on the frontier, too.
        if row is None or row.config in found:
            continue
        readings: list[Reading] = []
        if row.trial in trials:
            readings += evaluator.reader.read(trials[row.trial], [row.config])
        # Those of the holdout come last: they replace readings that are only approximate.
        readings += _holdout_readings(evaluator, met, row.config)
        rival = _rival_of(row, readings)
        if rival is not None and row is report.baseline and row.tuning is not None:
            # The report marks rows of the frontier only.
            rival = replace(rival, few=row.tuning.n < enough)
        if rival is not None:
            found[row.config] = rival
    if not found:
        raise StudyError(
            "the store holds no scored draw of the study's frontier: give the --store that it was "
            "run with"
        )
    return list(found.values())


def _enough_examples(trials: Iterable[Trial]) -> float:
    """Return the number of tuning examples below which a config rests on few of them."""
    most = max((len(trial.draws) for trial in trials), default=0)
    return max(FEWEST, FEW_SHARE * most)


def _rival_of(row: ReportConfig, readings: Sequence[Reading]) -> Rival | None:
    """Return a row of the study's report with its scores; None where it is too little known."""
    chosen_by = row.tuning or row.holdout
    if row.cost is None or chosen_by is None or not readings:
        return None
    scores: dict[int, float] = {}
    costs: dict[int, float] = {}
    for reading in readings:
        positions = reading.examples
        scores.update(zip(positions, map(float, reading.scores), strict=True))
        costs.update(zip(positions, map(float, reading.costs), strict=True))
    return Rival(row.config, row.cost.mean, chosen_by.mean, scores, costs, row.few)


def _replay_search(
    evaluator: Evaluator, events: Sequence[Mapping[str, Any]]
) -> dict[int, Trial]:
    """Return the trials of the search, filled from the store."""
    trials: dict[int, Trial] = {}
    measuring: dict[int, Trial] = {}
    for wave in read_history(events).waves:
        # Calls that tried settings are no part of any reading.
        if wave.done and wave.phase not in tried_settings.PHASES:
            target = measuring if wave.phase in measured_truncation.PHASES else trials
            evaluator.replay(load_steps(wave.steps), target, wave)
    # Draws at smaller caps show where texts are cut. The readings below need them.
    record_measured_caps(trials, measuring)
    return trials


def _replay_holdout(
    evaluator: Evaluator, events: Sequence[Mapping[str, Any]]
) -> dict[int, Trial]:
    """Return the trials of the holdout, filled from the store; empty where it was not reached."""
    met: dict[int, Trial] = {}
    events_of_holdout = [event for event in events if event["event"] == "holdout"]
    if events_of_holdout:
        # A continued study has several; the last one counts.
        event = events_of_holdout[-1]
        recorded = RecordedWave("holdout", event["steps"])
        read_faults(recorded, event)
        evaluator.replay(load_steps(event["steps"]), met, recorded)
    return met


def _holdout_readings(
    evaluator: Evaluator, met: Mapping[int, Trial], config: Config
) -> list[Reading]:
    """Return exact readings of a config off the trials of the holdout; the most draws come last."""
    shared = []
    for trial in met.values():
        if shares_draws(Config(trial.point), config):
            shared.append(trial)
    found: list[Reading] = []
    # Later readings replace earlier ones of the same example.
    for trial in sorted(shared, key=lambda trial: Config(trial.point).n):
        readings = evaluator.reader.read(trial, [config])
        found += [reading for reading in readings if not reading.approximate]
    return found


def find_opponents(
    rivals: Sequence[Rival], reading: Reading, sign: float, *, closed: int, enough: int
) -> Opponents | None:
    """Return the configs that a new config must beat; None where it is cheaper than all.

    Args:
        rivals: the frontier.
        reading: the new config.
        sign: 1 where a larger score is better, else -1.
        closed: the first so many examples are not for the verdict.
        enough: so many stored answers to other examples are enough; half as many as the most that
            any config has are enough, too.
    """
    within = [each for each in rivals if not is_more_expensive(each, reading)]
    # Without others, a config of few examples is still one that costs no more.
    within = [each for each in within if not each.few] or within
    within.sort(key=lambda each: -sign * each.mean)
    if not within:
        return None
    most = max(each.answers_from(closed) for each in within)
    # No config may have enough. Then the comparison ends undecided rather than without a rival.
    least = min(enough, most / 2)
    place = 0
    while within[place].answers_from(closed) < least:
        place += 1
    # All that look better than the rival have too few answers. The first of them is the best.
    better = within[:place]
    if not better:
        return Opponents(within[place])
    return Opponents(within[place], better[0], tuple(better[1:]))


def is_more_expensive(rival: Rival, reading: Reading) -> bool:
    """Return whether a rival is shown to cost more (one-sided t-test, 95 %).

    The test pairs the examples that both answered. Where there are fewer than two, the means are
    compared. A test is needed because a few examples tell a mean cost only roughly: a config that
    is wrongly taken for cheaper would have no rival.
    """
    if reading.n_examples < 2:
        return False
    own = zip(reading.examples, map(float, reading.costs), strict=True)
    gaps = np.array(
        [rival.costs.get(position, math.nan) - cost for position, cost in own]
    )
    gaps = gaps[np.isfinite(gaps)]
    # Two pairs are the least for a standard error.
    if len(gaps) < 2:
        return bool(rival.cost > reading.cost)
    error = gaps.std(ddof=1) / math.sqrt(len(gaps))
    return bool(gaps.mean() > t_quantile(0.95, len(gaps) - 1) * error)
