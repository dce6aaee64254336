"""The rows of a report: winner, baseline and runners-up, with their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tune.readout import Reading
from tune.readout.outcomes import Outcomes
from tune.readout.trial import Trial
from tune.report import ReportConfig
from tune.result.evidence import Evidence
from tune.result.frontier import FEW_SHARE, frontier
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
        met: the readings on the holdout, by config.
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
        self._baseline_name = "baseline (assumed)"
        if record.plan.baseline_given:
            self._baseline_name = "baseline"
        same = [
            reading for reading in record.readings if reading.config == self._baseline
        ]
        # Several trials may read the same config. The one on the most examples is the surest.
        self.searched = max(same, key=lambda reading: reading.n_examples, default=None)

    def baseline(self) -> ReportConfig | None:
        """Return the row of the baseline; None if neither the search nor the holdout met it."""
        if self.searched is not None:
            return self.row(self._baseline_name, self.searched)
        met = self._met.get(self._baseline)
        if met is None:
            return None
        return self._row(self._baseline_name, None, met)

    def winner(self, choice: Selection) -> ReportConfig:
        """Return the row of the selected config.

        If its n was extrapolated, it has no numbers on tuning examples.
        """
        if choice.extrapolated is None:
            return self.row("winner", choice.reading)
        row = self._row("winner", None, self._met[choice.extrapolated.config])
        return replace(row, trial=choice.extrapolated.trial)

    def runners_up(self, choice: Selection) -> list[ReportConfig]:
        """Return the best readings of other trials, with their gain over the baseline on tuning
        examples.

        They are for display. They were picked on these very examples, which flatter them, and they
        do not change the selection. Configs that met the holdout have rows of their own.
        """
        shown = {self._baseline, choice.shown.config, *self._met}
        standings = self._record.standings
        others = [
            reading
            for reading in choice.runners_up
            # Its model may have been lost since, in the holdout.
            if reading.config not in shown and not standings[reading.trial].failed
        ]
        rows = []
        for place, reading in enumerate(others, start=1):
            difference = self._evidence.difference(reading, self.searched)
            rows.append(self.row(f"runner-up {place}", reading, difference))
        return rows

    def difference(self, choice: Reading) -> Interval | None:
        """Return the gain over the baseline on the holdout; None if it is the baseline, or not
        compared.
        """
        if choice.config == self._baseline:
            return None
        ours, theirs = self._met.get(choice.config), self._met.get(self._baseline)
        # Tuning examples show how far two scores may lie apart, beyond what a small holdout shows.
        return self._evidence.difference(
            ours, theirs, holdout=True, seen=(choice, self.searched)
        )

    def row(
        self, name: str, reading: Reading, difference: Interval | None = None
    ) -> ReportConfig:
        """Return the row of a reading, with its numbers on the holdout if it met that.

        Args:
            name: its role in the report.
            reading: on tuning examples.
            difference: from the baseline, on tuning examples.
        """
        return self._row(name, reading, self._met.get(reading.config), difference)

    def frontier(self, choice: Selection | None) -> list[ReportConfig]:
        """Return the rows of the frontier, with those on few examples marked."""
        record = self._record
        enough = 1.0
        if choice is not None:
            enough = max(1.0, FEW_SHARE * choice.reading.n_examples)
        readings: list[Reading] = []
        for standing in record.standings.values():
            readings.extend(standing.whole())
        # Of the baseline only the surest reading counts: readers compare every row with it.
        if self.searched is not None:
            readings = [one for one in readings if one.config != self._baseline]
            readings.append(self.searched)
        shown = {(reading.trial, reading.config): reading for reading in readings}
        # Rows are compared in seconds if every price is 0, and shown with their dollars too.
        found = frontier(
            list(map(record.weigh, readings)),
            {config: record.weigh(reading) for config, reading in self._met.items()},
            baseline=self._baseline,
            enough=enough,
            larger_is_better=record.plan.metric.larger_is_better,
        )
        rows = []
        for weighed in found:
            reading = shown[weighed.trial, weighed.config]
            rows.append(self.frontier_row(reading, few=reading.n_examples < enough))
        return rows

    def frontier_row(self, reading: Reading, *, few: bool) -> ReportConfig:
        """Return a row of the frontier. Its quality and its cost are both those on tuning examples.

        Args:
            reading: on tuning examples.
            few: it rests on few of them.
        """
        row = self._row("frontier", reading, None)
        met = self._met.get(reading.config)
        holdout = None
        if met is not None:
            holdout = self._evidence.quality(met, holdout=True)
        return replace(row, holdout=holdout, few=few)

    def _row(
        self,
        name: str,
        tuning: Reading | None,
        met: Reading | None,
        difference: Interval | None = None,
    ) -> ReportConfig:
        # What was measured on the holdout does not flatter.
        shown = met or tuning
        assert shown is not None
        on_holdout = met is not None
        # None where the service refused every example.
        cost = self._evidence.cost(shown, holdout=on_holdout)
        service = None
        if self._record.time is not None:
            timed = self._record.weigh(shown)
            service = self._evidence.seconds(timed, holdout=on_holdout)
        median, slowest = None, None
        if cost is not None:
            median = percentile(shown.seconds, 50)
            slowest = percentile(shown.seconds, 95)
        trial, quality, holdout = None, None, None
        if tuning is not None:
            trial, quality = tuning.trial, self._evidence.quality(tuning)
        if met is not None:
            holdout = self._evidence.quality(met, holdout=True)
        return ReportConfig(
            name=name,
            config=shown.config,
            trial=trial,
            tuning=quality,
            holdout=holdout,
            cost=cost,
            service=service,
            seconds_median=median,
            seconds_p95=slowest,
            tuning_difference=difference,
            outcomes=self._outcomes(shown, holdout=on_holdout),
            approximate=shown.approximate,
        )

    def _outcomes(self, reading: Reading, *, holdout: bool) -> Outcomes:
        """Count why the answers of a reading are wrong."""
        if holdout:
            trial = self._record.holdout_trials.get(reading.config)
        else:
            trial = self._record.trials.get(reading.trial)
        return count_for(self._record, trial, reading.config, self._decorations)


def count_for(
    record: RunRecord, trial: Trial | None, config: Config, decorations: Decorations
) -> Outcomes:
    """Count why the answers of a config are wrong; nothing is counted if its trial is unknown."""
    if trial is None:
        return Outcomes()
    return decorations.attempt(
        "the counts of wrong answers",
        lambda: record.reader.outcomes(trial, config),
        Outcomes(),
    )
