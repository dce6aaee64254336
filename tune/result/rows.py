"""The rows of a report: winner, baseline and runners-up, with their numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from tune.readout import Reading
from tune.readout.outcomes import Outcomes
from tune.readout.trial import Trial
from tune.report import ReportConfig
from tune.result.evidence import Evidence
from tune.result.frontier import enough_examples, frontier
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
        """Return the rows of the frontier, with those on few tuning examples marked."""
        record = self._record
        winner = None if choice is None else choice.shown.config
        tuning = self._tuning_readings(choice)
        met = self._holdout_readings(tuning)
        enough = enough_examples(tuning.values())
        # Rows are compared in seconds if every price is 0, and shown with their dollars too.
        found = frontier(
            {config: record.weigh(reading) for config, reading in tuning.items()},
            {config: record.weigh(reading) for config, reading in met.items()},
            winner=winner,
            baseline=self._baseline,
            enough=enough,
            larger_is_better=record.plan.metric.larger_is_better,
        )
        rows = []
        for config in found:
            reading = tuning.get(config)
            row = self._row("frontier", reading, met.get(config))
            if reading is not None:
                row = replace(row, few=reading.n_examples < enough)
            elif choice is not None and config == winner:
                # Its n was extrapolated from this trial.
                row = replace(row, trial=choice.shown.trial)
            rows.append(row)
        return rows

    def _tuning_readings(self, choice: Selection | None) -> dict[Config, Reading]:
        """Return the readings on tuning examples that have a cost, by config."""
        readings: list[Reading] = []
        for standing in self._record.standings.values():
            readings.extend(standing.whole())
        # The selection may be one that is not read on all examples of its trial.
        if choice is not None and choice.extrapolated is None:
            readings.append(choice.reading)
        found: dict[Config, Reading] = {}
        for reading in filter(_has_cost, readings):
            known = found.get(reading.config)
            # Several trials may read the same config. The one on the most examples is the surest.
            if known is None or known.n_examples < reading.n_examples:
                found[reading.config] = reading
        return found

    def _holdout_readings(self, configs: Iterable[Config]) -> dict[Config, Reading]:
        """Return the readings on the holdout that have a cost, by config.

        Configs that are read off the draws of another one that met the holdout are among them.
        Else an estimate from a few lucky examples would stand beside scores of the same draws.
        """
        found = dict(self._met)
        searched = set(configs)
        for bought in self._met:
            for reading in self._record.holdout_shared.get(bought, ()):
                if reading.config in searched:
                    found.setdefault(reading.config, reading)
        return {
            config: reading for config, reading in found.items() if _has_cost(reading)
        }

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


def _has_cost(reading: Reading) -> bool:
    # Without a cost there is nothing to compare.
    return math.isfinite(reading.cost)


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
