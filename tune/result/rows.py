"""The configs of a report: winner, baseline, runners-up, each with what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tune.readout import Reading
from tune.readout.outcomes import Outcomes
from tune.readout.trial import Trial
from tune.report import ReportConfig
from tune.result.evidence import Evidence
from tune.safety.decoration import Decorations
from tune.space import Config
from tune.stats.intervals import Interval, percentile
from tune.strategies import Selection
from tune.study.record import RunRecord


class ReportRows:
    """Readings as rows of a report.

    Args:
        record: of the run whose trials were read.
        evidence: makes the intervals.
        met: what met the holdout, by config.
        decorations: keeps faults of what only explains the result from ending it.

    Attributes:
        searched: the baseline on tuning examples, or None where the search did not have it.
    """

    def __init__(
        self,
        record: RunRecord,
        evidence: Evidence,
        met: Mapping[Config, Reading],
        decorations: Decorations,
    ) -> None:
        self._record, self._evidence, self._met = record, evidence, met
        self._decorations = decorations
        self._baseline = record.plan.baseline
        self._baseline_name = "baseline" if record.plan.baseline_given else "baseline (assumed)"
        same = [reading for reading in record.readings if reading.config == self._baseline]
        self.searched = max(same, key=lambda reading: reading.n_examples, default=None)

    def baseline(self) -> ReportConfig | None:
        """The config that the user has today, where it met the holdout or the search had it in its
        race.
        """
        if self.searched is not None:
            return self.row(self._baseline_name, self.searched)
        met = self._met.get(self._baseline)
        return None if met is None else self._row(self._baseline_name, None, met)

    def winner(self, choice: Selection) -> ReportConfig:
        """The frozen choice; without numbers on tuning examples, where it was read on too few
        answers for any.
        """
        if choice.extrapolated is None:
            return self.row("winner", choice.reading)
        row = self._row("winner", None, self._met[choice.extrapolated.config])
        return replace(row, trial=choice.extrapolated.trial)

    def runners_up(self, choice: Selection) -> list[ReportConfig]:
        """The best readings of other trials, with their difference to the baseline on tuning
        examples: for display.

        They were picked by those very examples, which flatter them; none of it changes the choice.
        What met the holdout has a row of its own.
        """
        shown = {self._baseline, choice.shown.config, *self._met}
        others = [reading for reading in choice.runners_up if reading.config not in shown]
        return [
            self.row(
                f"runner-up {place}", reading, self._evidence.difference(reading, self.searched)
            )
            for place, reading in enumerate(others, start=1)
        ]

    def difference(self, choice: Reading) -> Interval | None:
        """Choice less baseline on holdout examples; None where they are one, or were not compared."""
        if choice.config == self._baseline:
            return None
        ours, theirs = self._met.get(choice.config), self._met.get(self._baseline)
        return self._evidence.difference(ours, theirs, holdout=True, seen=(choice, self.searched))

    def row(self, name: str, reading: Reading, difference: Interval | None = None) -> ReportConfig:
        """A reading on tuning examples, with its numbers on holdout examples where it met them.

        Args:
            name: what it is to the report.
            reading: on tuning examples.
            difference: to the baseline, on tuning examples.
        """
        return self._row(name, reading, self._met.get(reading.config), difference)

    def frontier_row(self, reading: Reading, *, few: bool) -> ReportConfig:
        """Return a row of the frontier: its quality and its cost are both those on tuning examples.

        Args:
            reading: on tuning examples.
            few: whether it rests on few of them.
        """
        row = self._row("frontier", reading, None)
        met = self._met.get(reading.config)
        holdout = self._evidence.quality(met, holdout=True) if met is not None else None
        return replace(row, holdout=holdout, few=few)

    def _row(
        self,
        name: str,
        tuning: Reading | None,
        met: Reading | None,
        difference: Interval | None = None,
    ) -> ReportConfig:
        shown = met or tuning
        assert shown is not None
        cost = self._evidence.cost(
            shown, holdout=met is not None
        )  # None where the service refused every example
        service = None
        if self._record.time is not None:
            service = self._evidence.cost(self._record.weigh(shown), holdout=met is not None)
        return ReportConfig(
            name=name,
            config=shown.config,
            trial=tuning.trial if tuning is not None else None,
            tuning=self._evidence.quality(tuning) if tuning is not None else None,
            holdout=self._evidence.quality(met, holdout=True) if met is not None else None,
            cost=cost,
            service=service,
            seconds_median=percentile(shown.seconds, 50) if cost is not None else None,
            seconds_p95=percentile(shown.seconds, 95) if cost is not None else None,
            tuning_difference=difference,
            outcomes=self._outcomes(shown, holdout=met is not None),
            approximate=shown.approximate,
        )

    def _outcomes(self, reading: Reading, *, holdout: bool) -> Outcomes:
        """Why the answers of a reading are wrong."""
        if holdout:
            trial = self._record.holdout_trials.get(reading.config)
        else:
            trial = self._record.trials.get(reading.trial)
        return count_for(self._record, trial, reading.config, self._decorations)


def count_for(
    record: RunRecord, trial: Trial | None, config: Config, decorations: Decorations
) -> Outcomes:
    """Why the answers of a config are wrong; nothing is counted where nobody knows its trial."""
    if trial is None:
        return Outcomes()
    return decorations.attempt(
        "the counts of wrong answers", lambda: record.reader.outcomes(trial, config), Outcomes()
    )
